"""`python -m bench layers`: exports every layer of Keras in a small model and compares the files with Keras."""

from bench.layers.command import parser, run

__all__ = ["parser", "run"]
