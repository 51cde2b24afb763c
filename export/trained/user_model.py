"""What the user says of a model of their own: on the command line, or to `export.export`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, get_args

import numpy as np

from data.trained_model import PIXELS
from export.checks.asked_metric import AskedMetric
from export.trained.model_files.guess_task import Task
from export.trained.names import UNNAMED
from runtime.bundle.manifest import RESIZES
from runtime.errors import UsageError

TASKS: tuple[str, ...] = get_args(Task)
RAW_PIXELS = "0-255"
Value = TypeVar("Value")
# Arrays by name, or the path of a file or folder with them.
Data = Path | Mapping[str, np.ndarray]


@dataclass(frozen=True)
class UserModel:
    """A model of the user's own, and what the user said of it.

    What is said by the name of an input or output has the key `UNNAMED` where it was said without one.

    Attributes:
        path: the `.keras`, `.h5` or `.hdf5` file of Keras 2 or 3, or the SavedModel folder.
        calibration: inputs to find activation ranges with.
        test: inputs, and what the answers should be.
        tasks: by output.
        labels: by output, the names of its classes in their order.
        units: by output, one unit for each value, or one for all.
        pixels: by input, what an image was trained on: "0-255", "0-1", "-1-1" or "imagenet".
        shapes: by input, sizes that the file leaves open, the batch first.
        vocabularies: by input, the file with the words of a text.
        target_columns: the columns of a `.csv` that are what the answers should be.
        resize: how a picture of another size is brought to an image's: one of RESIZES.
        custom_objects: where the user's own layers are found: MODULE:NAME, or LAYER=MODULE:NAME.
        signature: of a SavedModel.
        metrics: by output, the user's own metric: its targets may have any shape.
    """

    path: Path
    calibration: Data | None = None
    test: Data | None = None
    tasks: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pixels: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    vocabularies: Mapping[str, Path] = field(default_factory=dict)
    target_columns: tuple[str, ...] = ()
    resize: str = RESIZES[0]
    custom_objects: tuple[str, ...] = ()
    signature: str | None = None
    metrics: Mapping[str, AskedMetric] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for option, said, known in (
            ("--task", self.tasks, TASKS),
            ("--pixels", self.pixels, (RAW_PIXELS, *PIXELS)),
            ("--resize", {UNNAMED: self.resize}, RESIZES),
        ):
            unknown = [value for value in said.values() if value not in known]
            if unknown:
                raise UsageError(f"{option} {unknown[0]}: it is unknown; known: {', '.join(known)}")


def named_texts(option: str, texts: Sequence[str]) -> dict[str, str]:
    """The texts of an option that may be given several times, each `NAME=TEXT` or `TEXT`, several with commas.

    Raises:
        UsageError: one name is given twice.
    """
    found: dict[str, str] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        name, _, value = part.rpartition("=")
        _add(option, found, name, value)
    return found


def named_lists(option: str, texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The lists of an option that may be given several times, each `NAME=a,b,c` or `a,b,c`.

    Instead of a list there may be a file with one item a line.

    Raises:
        UsageError: one name is given twice, or the file is no text.
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, _, items = text.rpartition("=") if "=" in text.partition(",")[0] else ("", "", text)
        _add(option, found, name, _items(option, items))
    return found


def _items(option: str, text: str) -> tuple[str, ...]:
    path = Path(text)
    if "," in text or not path.is_file():
        return tuple(item.strip() for item in text.split(","))
    try:
        return tuple(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{option} {path}: it cannot be read ({error}); give a text file, one name a line"
        ) from error


def named_shapes(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The shapes of `--shape INPUT=1,100,40`; several are separated by blanks or semicolons. Names may hold blanks.

    Raises:
        UsageError: a text has another form, or one input is given twice.
    """
    found: dict[str, tuple[int, ...]] = {}
    separated = (re.sub(r"(=[\d,]+)[\s;]+", r"\1;", text).split(";") for text in texts)
    for part in (part.strip() for parts in separated for part in parts if part.strip()):
        name, _, sizes = part.rpartition("=")
        parts = sizes.split(",")
        if not name or not all(size.isdecimal() and int(size) > 0 for size in parts):
            raise UsageError(
                f"--shape {part}: expected INPUT=1,SIZE,… with the batch first, such as --shape tokens=1,100"
            )
        _add("--shape", found, name, tuple(map(int, parts)))
    return found


def _add(option: str, found: dict[str, Value], name: str, value: Value) -> None:
    if name in found:
        raise UsageError(f"{option} is given twice{f' for {name}' if name else ''}; give each once")
    found[name] = value
