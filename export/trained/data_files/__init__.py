"""The user's own data, for calibration and for tests: arrays, tables and folders of pictures, as raw values by name."""
