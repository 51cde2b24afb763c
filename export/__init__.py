"""The export stage: a trained Keras model in, a verified bundle and a report out."""
