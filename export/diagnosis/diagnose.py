"""The diagnosis of one model's variants: files read from the bundle, layers found in them, losses measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.original import Original
from export.diagnosis.advice import advice
from export.diagnosis.layer_map import layer_maps
from export.diagnosis.loss import LayerLoss, losses, sqnr_db
from export.diagnosis.samples import typical
from export.formats.inner_file import InnerFile
from export.formats.table import FORMATS
from runtime.bundle.reader import open_bundle

_READERS: dict[str, Callable[[bytes], InnerFile]] = {
    name: format_.inner for name, format_ in FORMATS.items() if format_.inner is not None
}
READABLE = tuple(_READERS)


class Diagnosis(NamedTuple):
    """One variant, layer by layer.

    Attributes:
        model: the model's name.
        variant: the variant's.
        graph: the name of the graph in its file.
        samples: what it was measured on, in words.
        answers_db: the SQNR of the answers against the original's, in dB; of several outputs, the worst.
        rows: the model's inputs and every call of a layer, in the order in which they run.
        advice: what to do.
    """

    model: str
    variant: str
    graph: str
    samples: str
    answers_db: float
    rows: tuple[LayerLoss, ...]
    advice: str


def diagnose(
    original: Original, bundle: Path, variants: Sequence[str], folder: Path, data_dir: str | None
) -> list[Diagnosis]:
    """Diagnoses these variants of a bundle; the map of the layers is kept in `folder`.

    Raises:
        BundleError: a file of the bundle is missing or damaged.
        ModelError: the model's layers cannot be told apart.
        DataError: a file of the calibration data is damaged.
    """
    opened = open_bundle(bundle)
    files = {
        name: opened.read(opened.manifest.variants[name].file)
        for name in (*variants, *dict.fromkeys(map(reference_of, variants)))
    }
    references: dict[str, tuple[bytes, InnerFile]] = {
        name.split("-")[0]: (content, reader_of(name, content))
        for name, content in files.items()
        if name == reference_of(name)
    }
    maps = layer_maps(original, references, folder)
    raw, samples = typical(original, data_dir)
    feeds = {
        taken.name: np.asarray(raw[taken.name]).astype(taken.tensor.dtype, copy=False)
        for taken in original.record.inputs
    }
    found = []
    for name in variants:
        format_ = name.split("-")[0]
        reference, variant = references[format_][1], reader_of(name, files[name])
        rows = losses(maps[format_], reference, variant, feeds)
        answers = _answers_db(reference, variant, feeds)
        found.append(
            Diagnosis(
                original.name, name, variant.graph, samples, answers, tuple(rows), advice(rows, answers)
            )
        )
    return found


def reference_of(variant: str) -> str:
    """The variant that another of the same format is compared with: its float32 file, which is held to parity."""
    return f"{variant.split('-')[0]}-float32"


def reader_of(variant: str, content: bytes) -> InnerFile:
    """The inner tensors of a variant's file."""
    return _READERS[variant.split("-")[0]](content)


def _answers_db(reference: InnerFile, variant: InnerFile, feeds: dict[str, np.ndarray]) -> float:
    wanted = reference.values(feeds, set(reference.outputs.values()))
    got = variant.values(feeds, set(variant.outputs.values()))
    return min(
        sqnr_db(got[variant.outputs[name]], wanted[tensor]) for name, tensor in reference.outputs.items()
    )
