"""Training of the zoo: one recipe per model, from a dataset to the files that export starts from."""
