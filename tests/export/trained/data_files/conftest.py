"""What data are read for: a model of one image or table, and one of everything."""

import numpy as np
import pytest
from PIL import Image

from data.dataset import image_input, table_input
from export.trained.data_files.wanted import Wanted
from export.trained.names import public_names
from runtime.bundle.manifest import InputRecord, OutputRecord

CLASSES = OutputRecord("kind", (3,), "classification", labels=("ant", "bee", "cat"))
PRICE = OutputRecord("price", (1,), "regression")


def wanted(inputs, outputs, targets=(), own=None):
    """A model's inputs and outputs; `own` are the model's own names, where they are not the public ones."""
    named = own or {}
    names = public_names(
        [named.get(record.name, record.name) for record in inputs],
        [named.get(record.name, record.name) for record in outputs],
    )
    return Wanted(tuple(inputs), tuple(outputs), names, tuple(targets))


@pytest.fixture
def photos():
    return wanted([image_input((6, 4, 3), 255)], [CLASSES])


@pytest.fixture
def rows():
    return wanted([table_input(["a", "b"])], [PRICE], ["price"])


@pytest.fixture
def several():
    return wanted(
        [image_input((6, 4, 1), 255), InputRecord("sequence", "words_0", (5,), "int32", low=0, high=9)],
        [CLASSES, PRICE, OutputRecord("again", (6, 4, 1), "reconstruction", input="image"),
         OutputRecord("state", (2,), "tensor")],
        own={"words_0": "words:0"},
    )  # fmt: skip


def picture(path, colour, size=(4, 6)):
    """A picture of one colour, of a width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return np.asarray(colour, np.uint8)
