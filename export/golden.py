"""The golden samples of a bundle: as many rows as fit, with the answers of the files that a device can load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data import golden
from data.arrays import npz, read_npz
from data.dataset import Arrays
from data.original import Original
from export.checks import answers
from runtime.bundle.golden import kept
from runtime.errors import BundleError

FILE = "golden.npz"
MOST_BYTES = 64 << 10  # docs/bundle.md
# By variant and engine, the answers to the golden inputs and those to the probes, by output.
Answers = Mapping[str, Mapping[str, tuple[Arrays, Arrays]]]


def samples(original: Original, rows: int) -> tuple[Arrays, Arrays]:
    """`rows` of the golden inputs and of the original's answers to them, or all where there are no more."""
    inputs, outputs = original.golden()
    places = golden.places(outputs, original.record.outputs, rows)
    return answers.rows(inputs, places), answers.rows(outputs, places)


def content(chosen: tuple[Arrays, Arrays], recorded: Answers, contract: np.ndarray) -> bytes:
    """The bytes of the file, as docs/bundle.md specifies it; answers that are not finite are left out.

    So are those of an engine which are, bit for bit, those of an engine before it: a reader asks whether any fits.
    """
    inputs, outputs = chosen
    arrays = {f"inputs/{name}": values for name, values in inputs.items()}
    arrays |= {f"outputs/{name}": kept(values) for name, values in outputs.items()}
    known: set[tuple[str, bytes]] = set()
    for variant, engines in recorded.items():
        for number, (engine, groups) in enumerate(engines.items()):
            for group, given in zip(("recorded", "probes"), groups, strict=True):
                for output, values in given.items():
                    name, bits = f"{group}/{variant}/{output}", kept(values).tobytes()
                    finite = values.dtype.kind != "f" or np.isfinite(values).all()
                    if finite and (name, bits) not in known:
                        known.add((name, bits))
                        arrays[f"{name}/{engine}" if number else name] = kept(values)
    return npz(contract=contract, **arrays)


def fitting(original: Original, engines: Mapping[str, list[str]]) -> int:
    """How many golden samples a bundle has: all whose file has 64 KiB at most, but never less than 4.

    It is asked before anything has answered.  Numbers that cannot be compressed stand in for the answers, so that the
    file is no larger than what is reckoned with here.

    Args:
        original: the trained model.
        engines: by variant that a device can load, the engines whose answers the bundle will hold.
    """
    random = np.random.default_rng(0)
    contract = np.frombuffer(random.bytes(32), np.uint8)

    def size_bytes(rows: int) -> int:
        chosen = samples(original, rows)

        def noise() -> Arrays:
            return {
                name: np.frombuffer(random.bytes(kept(values).nbytes), np.uint8).reshape(len(values), -1)
                for name, values in chosen[1].items()
            }

        recorded = {
            variant: {name: (noise(), noise()) for name in names} for variant, names in engines.items()
        }
        return len(content(chosen, recorded, contract))

    rows = answers.count(original.golden()[0])
    while rows > golden.FEWEST and size_bytes(rows) > MOST_BYTES:
        rows -= 1
    return rows


def remark(bundle: Path) -> str | None:
    """The sentence that a bundle's golden samples are larger than they should be; None where they are not."""
    file = bundle / FILE
    size = file.stat().st_size if file.is_file() else 0
    if size <= MOST_BYTES:
        return None
    inputs = read_npz(file, BundleError, "export the bundle again", "inputs")
    rows = answers.count(inputs)
    return (
        f"{FILE} has {size / 1024:,.0f} KiB, more than {MOST_BYTES >> 10}: its rows are large, and {rows} is the "
        "fewest that prove a file"
    )
