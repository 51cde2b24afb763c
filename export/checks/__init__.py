"""What a built file is held to before it enters a bundle."""
