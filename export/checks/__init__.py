"""The checks that a built file must pass before it enters a bundle."""
