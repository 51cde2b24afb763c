"""How far the answers of the boards are from those of x86, and a table of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from runtime.commands.table import aligned

# Trixie with the same engines as a Pi 5 with Bookworm, of the same processor: another Python and numpy. A model of each
# kind, and those whose float16 files are refused.
FEW = "pi5-trixie"
OF_FEW = ("mnist-cnn", "california-mlp", "fashion-deep-bn", "fashion-deep-selu-dropout")
BOARDS = ("pi4", "pi5", "pi4-32", "pi5-trixie", "pi5-trixie-debian")
Answers = Mapping[str, Mapping[str, np.ndarray]]  # by board or `x86`, then by key (see guest.py)
SAME = 1e-5
# Models that no board is asked for, each with one that all are and whose files have all of its operators.
ALIKE = {
    "diabetes-mlp": "california-mlp",
    "digits-cnn": "mnist-cnn",
    "fashion-deep-relu": "fashion-deep-bn",
    "fashion-deep-selu": "fashion-deep-selu-dropout",
    "fashion-mlp": "fashion-mlp-128",
    "fashion-mlp-512": "fashion-mlp-128",
    "mnist-mlp": "fashion-mlp-128",
}


def asked_of(board: str, bundles: Mapping[str, Path]) -> dict[str, Path]:
    """The bundles that a board answers, by the name of the model."""
    if board == FEW:
        return {name: bundles[name] for name in OF_FEW}
    return {name: path for name, path in bundles.items() if ALIKE.get(name) not in bundles}


def differences(answers: Answers, board: str, variant: str) -> Iterator[tuple[str, np.ndarray]]:
    """For each array of a variant on a board: its key and the differences from the same engine on x86.

    For values they are relative to the largest of them, for probabilities absolute.
    """
    for key, array in answers[board].items():
        if key.split()[1] == variant:
            here = answers["x86"][key].astype(np.float64)
            assert array.dtype == answers["x86"][key].dtype and array.shape == here.shape
            assert np.isfinite(array).all()
            scale = np.abs(here).max() if here.shape[-1] == 1 and array.dtype == np.float32 else 1
            yield key, np.abs(array - here) / scale


def table(answers: Answers) -> str:
    """For each variant, engine and board the largest difference of any model, and the rows that have one."""
    pairs = dict.fromkeys(tuple(key.split()[1:3]) for key in answers["x86"])
    rows = []
    for variant, engine in pairs:
        name = "static int8 before its softmax" if variant == "integers" else variant
        rows.append([name, engine, *(_cell(answers, board, variant, engine) for board in BOARDS)])
    return aligned(("variant", "engine", *BOARDS), rows)


def _cell(answers: Answers, board: str, variant: str, engine: str) -> str:
    found = [error for key, error in differences(answers, board, variant) if key.split()[2] == engine]
    if not found:
        return "–"
    rows = np.concatenate([error.reshape(len(error), -1).max(axis=1) for error in found])
    moved = f" ({np.mean(rows > SAME):.1%} of rows)" if rows.max() > SAME else ""
    return f"{rows.max():.1e}{moved}" if rows.any() else "0"
