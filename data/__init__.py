"""Named datasets from a folder, the cache or a checked download; golden inputs; the folder of a trained model."""

from data.dataset import Dataset, Split
from data.registry import NAMES, find, load, load_test
from data.sources import DatasetNotFound

__all__ = ["NAMES", "Dataset", "DatasetNotFound", "Split", "find", "load", "load_test"]
