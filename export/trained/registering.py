"""Registers the user's own models, which are given by their paths, each under a name, before they are exported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from data.original import read_record
from data.trained_model import RECORD
from export.commands import WORDS
from export.run import steps
from export.run.workers import Workers
from export.trained.register import Registered, register
from export.trained.user_model import UserModel
from runtime.errors import EdgeProofError, ModelError, UsageError

SUFFIXES = (".keras", ".h5", ".hdf5")
_SAVED_MODEL = "saved_model.pb"
_LONGEST = 100


def is_path(text: str) -> bool:
    """Whether a text is the path of a model and no name of a trained one."""
    path = Path(text)
    return path.suffix in SUFFIXES or len(path.parts) > 1 or (path / _SAVED_MODEL).is_file()


def name_of(path: Path) -> str:
    """The name that a model gets from its path: the file's without its suffix, or the folder's."""
    return path.stem if path.suffix in SUFFIXES else path.resolve().name


def check(path: Path, name: str, out: Path) -> None:
    """Refuses a path that is no model, and a name that cannot be one, or that a model trained here has.

    Raises:
        UsageError: it says what to do.
    """
    if not path.exists():
        raise UsageError(
            f"{path} does not exist; give the path of a .keras or .h5 file or of a SavedModel folder, or the name of a "
            "trained model"
        )
    if (path / RECORD).is_file():
        raise UsageError(
            f"{path} is the folder of the trained model {path.resolve().name}; give its name alone"
        )
    if path.is_dir() and not (path / _SAVED_MODEL).is_file():
        raise UsageError(
            f"{path} is a folder without {_SAVED_MODEL}; give a SavedModel folder, or a .keras or .h5 file"
        )
    if not 0 < len(name) <= _LONGEST or not name.isprintable() or "/" in name or name[0] in ".-":
        raise UsageError(
            f"{name!r} cannot be a model's name; give another with --name: up to {_LONGEST} characters without /, the "
            "first no . and no -"
        )
    if name in WORDS:
        raise UsageError(
            f"python -m export takes {name!r} for a command; give the model another name with --name"
        )
    folder = out / name
    if (folder / RECORD).exists() and read_record(folder).made_by_train:
        raise UsageError(
            f"{folder} holds the trained model {name}; give another name with --name, or another --out"
        )


def register_all(workers: Workers, models: Mapping[str, UserModel], out: Path) -> dict[str, Registered]:
    """Registers models, each in the folder of its name below `out`.

    Raises:
        EdgeProofError: one of them cannot be registered; it is the first of them, and none is exported.
    """
    wanted = [
        steps.Step((name, "register"), "keras", register, steps.given(user, out / name))
        for name, user in models.items()
    ]
    outcomes = steps.run(workers, wanted, lambda step, outcome: None)
    for name, user in models.items():
        outcome = outcomes[name, "register"]
        if isinstance(outcome.error, EdgeProofError):
            raise outcome.error
        if not outcome.ok:
            raise ModelError(f"{user.path} cannot be registered: {outcome.reason}")
    return {name: outcomes[name, "register"].value for name in models}
