"""The user's own code, named by the user as MODULE:NAME: it is imported from the working folder, or as installed."""

from __future__ import annotations

import importlib
import sys
from operator import attrgetter
from pathlib import Path
from typing import Any

from runtime.errors import UsageError, first_line


def imported(said: str, place: str, folder: Path | None = None) -> Any:
    """What lies at `place`, MODULE:NAME; a name inside of another is NAME.NAME.

    Args:
        said: the option and its text, for errors.
        place: where it lies.
        folder: where modules are looked for first; None for the working folder.

    Raises:
        UsageError: the module cannot be imported, or it has nothing of that name.
    """
    module_name, _, name = place.partition(":")
    first = str(folder or Path.cwd())
    sys.path.insert(0, first)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise UsageError(
            f"{said}: {module_name} cannot be imported ({type(error).__name__}: "
            f"{first_line(error)}); expected a module in the working folder or an installed one"
        ) from error
    finally:
        sys.path.remove(first)
    try:
        return attrgetter(name)(module)
    except AttributeError:
        public = ", ".join(key for key in vars(module) if not key.startswith("_")) or "nothing"
        raise UsageError(f"{said}: {module_name} has no {name}; it has {public}") from None
