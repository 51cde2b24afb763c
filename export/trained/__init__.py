"""Trained models: finding one by name, registering a user's own, calibration and test data for one."""
