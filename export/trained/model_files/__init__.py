"""Model files of others: `.keras`, `.h5` and SavedModel folders, read without running code out of them."""
