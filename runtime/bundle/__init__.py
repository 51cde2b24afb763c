"""A bundle: its manifest, its files, its golden samples; reading, installing, and who made it."""
