"""The datasets of the zoo, from a folder, the cache or a checked download; and golden-input synthesis."""

from data.dataset import Dataset, Split
from data.registry import NAMES, load
from data.sources import DatasetNotFound

__all__ = ["NAMES", "Dataset", "DatasetNotFound", "Split", "load"]
