"""Where a variant loses accuracy: its error layer by layer, under the names of the Keras layers."""
