"""`python -m bench layers`: exports every layer of Keras in a small model and compares the files with Keras."""
