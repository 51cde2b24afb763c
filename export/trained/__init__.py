"""A trained model's folder: reading it, registering a user's model in it, its calibration and test data."""
