"""From the desk to a device and back: installs, verifies and measures a bundle over the user's own ssh."""
