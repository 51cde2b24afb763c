"""Flipped samples: those that a variant decides otherwise than the original; a few of them are kept, with pictures.

They lie in `<model>/flips.json` beside the bundle, and are no part of it: pictures of a dataset stay on the desk.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.dataset import Arrays
from runtime.atomic import write_file
from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.errors import DataError
from runtime.measure.metric import checked_targets, decided

FILE = "flips.json"
MOST = 6  # kept of each output of a variant on an engine
_SIDE = 48  # pixels of a picture at most
_IN_A_ROW = ("sample", "output", "truth", "original", "new")


class Flip(NamedTuple):
    """One sample that a variant decides otherwise: its place in the test split, and the labels."""

    sample: int
    output: str
    truth: str
    original: str
    new: str
    picture: str | None = None  # a PNG file in Base64; None where no input is an image


def changed(
    record: OutputRecord, answers: np.ndarray, reference: np.ndarray, targets: np.ndarray, asked: np.ndarray
) -> tuple[Flip, ...]:
    """A few of the samples that are decided otherwise, those that were right before first; without pictures.

    Args:
        record: the output; only a classification or binary with one decision a sample has flips.
        answers: of the variant, [n, k].
        reference: the original's to the same samples, [n, k].
        targets: class numbers [n].
        asked: the place of each sample in the test split, [n].
    """
    if record.task not in ("classification", "binary") or len(record.shape) != 1 or record.labels is None:
        return ()
    truth = checked_targets(record, targets, len(answers))
    before, after = decided(reference), decided(answers)
    places = np.flatnonzero(before != after)
    lost = before[places] == truth[places]
    places = places[np.lexsort((asked[places], ~lost))][:MOST]
    return tuple(
        Flip(int(asked[at]), record.name, *(record.labels[labels[at]] for labels in (truth, before, after)))
        for at in places
    )


def with_pictures(found: Sequence[Flip], inputs: Sequence[InputRecord], raw: Arrays) -> tuple[Flip, ...]:
    """The flips with the pictures of their samples, where an input is an image; `raw` is the test split's."""
    images = [record.name for record in inputs if record.kind == "image"]
    if not images:
        return tuple(found)
    return tuple(flip._replace(picture=thumbnail(raw[images[0]][flip.sample])) for flip in found)


def thumbnail(pixels: np.ndarray) -> str:
    """A small PNG file in Base64 of the pixels uint8 [height, width, channels] or [height, width]."""
    from PIL import Image

    # What goes up to less than 255, as the digits of scikit-learn do, is brightened to be seen.
    most = max(int(pixels.max()), 1)
    bright = (pixels.astype(np.float64) * (255 / most)) if most < 64 else pixels
    image = Image.fromarray(np.squeeze(bright).astype(np.uint8))
    image.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def write(folder: Path, found: Mapping[tuple[str, str], Sequence[Flip]]) -> None:
    """Writes what is kept of a model, by variant and engine; a file of an earlier run goes where there is nothing."""
    path = folder / FILE
    if not any(found.values()):
        path.unlink(missing_ok=True)
        return
    pictures = {flip.sample: flip.picture for flips in found.values() for flip in flips if flip.picture}
    rows = [
        {"variant": variant, "engine": engine, **{name: getattr(flip, name) for name in _IN_A_ROW}}
        for (variant, engine), flips in found.items()
        for flip in flips
    ]
    write_file(path, (json.dumps({"pictures": pictures, "flips": rows}, ensure_ascii=False) + "\n").encode())


def read(folder: Path) -> dict[tuple[str, str], list[Flip]]:
    """What `write` wrote; nothing where it wrote nothing.

    Raises:
        DataError: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    found: dict[tuple[str, str], list[Flip]] = {}
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        for row in content["flips"]:
            output, truth, original, new = (str(row[name]) for name in _IN_A_ROW[1:])
            picture = content["pictures"].get(str(row["sample"]))
            flip = Flip(int(row["sample"]), output, truth, original, new, picture)
            found.setdefault((str(row["variant"]), str(row["engine"])), []).append(flip)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is damaged ({error}); remove it, and export the model with --force"
        ) from error
    return found
