"""Inputs and outputs of every kind, and files of them, for the tests of commands."""

import struct
from pathlib import Path

from runtime.bundle.manifest import InputRecord, OutputRecord

IMAGE = InputRecord("image", "image", (8, 8, 1), "uint8", 0, 255)
TABLE = InputRecord("table", "rows", (3,), "float", columns=("depth", "width", "height"))
PLACE = InputRecord("table", "place", (2,), "float", columns=("north", "east"))
SEQUENCE = InputRecord("sequence", "speech", (4, 2), "float")
STEPS = InputRecord("sequence", "steps", (4,), "int32", 0, 9)
TEXT = InputRecord("text", "words", (5,), "int32", 0, 9, vocabulary="vocabulary.txt")
TENSOR = InputRecord("tensor", "state", (2, 3), "float")
FLAGS = InputRecord("tensor", "flags", (3,), "bool")
SINGLE = InputRecord("tensor", "single", (), "float")

SHAPES = OutputRecord("shapes", (3,), "classification", labels=("circle", "square", "star"))
MOOD = OutputRecord("mood", (1,), "binary", labels=("bad", "good"))
TAGS = OutputRecord("tags", (3,), "multilabel", labels=("red", "round", "small"))
SIZE = OutputRecord("size", (2,), "regression", columns=("length", "mass"), units=("m", None))
PRICE = OutputRecord("price", (1,), "regression", units=("USD",))
REBUILT = OutputRecord("rebuilt", (4, 2), "reconstruction", input="speech")
NUMBERS = OutputRecord("numbers", (2, 5), "tensor")
WALK = OutputRecord("walk", (4, 3), "classification", labels=("sit", "walk", "run"))


def by_name(*records):
    """Records as a manifest has them."""
    return {record.name: record for record in records}


def write(folder: Path, name: str, content: str | bytes) -> Path:
    """A file of this content."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def idx(array) -> bytes:
    """The bytes of an IDX file."""
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
