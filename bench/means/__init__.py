"""What each means to meet the budget gains, on models that are hard to quantize."""

from bench.means.command import parser, run

__all__ = ["parser", "run"]
