"""Where trained models are looked for, and the one of a name."""

from __future__ import annotations

from pathlib import Path

from data.original import Original, read_original
from data.trained_model import RECORD
from runtime.errors import UsageError


def search_roots(out: Path) -> list[Path]:
    """The folders with trained models: the output folder, then artifacts here, then this checkout's."""
    folders = [out, Path("artifacts"), Path(__file__).parents[2] / "artifacts"]
    return list({folder.resolve(): folder for folder in folders}.values())


def find_original(name: str, roots: list[Path]) -> Original:
    """The trained model of that name in the first of these folders that has it.

    Raises:
        UsageError: there is none; the message lists those there are.
        ModelError: a file of it is missing or damaged.
    """
    for root in roots:
        if (root / name / RECORD).exists():
            return read_original(root / name)
    known = ", ".join(model_names(roots)) or f"none in {', '.join(map(str, roots))}"
    raise UsageError(
        f"unknown model {name!r}; known: {known}; give one of them, the path of a .keras file, or train it: "
        f"python -m train {name}"
    )


def model_names(roots: list[Path]) -> list[str]:
    """The names of all trained models in these folders."""
    return sorted({path.parent.name for root in roots for path in root.glob(f"*/{RECORD}")})
