"""The user's own layers and functions, imported from the user's own code: `--custom-objects MODULE:NAME`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runtime.errors import UsageError, first_line


def imported(names: Sequence[str]) -> dict[str, Any]:
    """The objects by the name that the model's file knows them by.

    Each is `MODULE:NAME`, or `LAYER=MODULE:NAME` where the file knows it by another name, as a Lambda layer is known
    by its layer's name.  The module is imported from the working folder, or from what is installed.

    Raises:
        UsageError: the text has another form, the module cannot be imported, or it has nothing of that name.
    """
    return dict(_imported(text) for text in names)


def _imported(text: str) -> tuple[str, Any]:
    alias, _, place = text.rpartition("=")
    module_name, _, name = place.partition(":")
    if not module_name or not name:
        raise UsageError(
            f"--custom-objects {text}: expected MODULE:NAME, such as my_layers:Scale for the class Scale in "
            "my_layers.py"
        )
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's code raises
        raise UsageError(
            f"--custom-objects {text}: {module_name} cannot be imported ({type(error).__name__}: "
            f"{first_line(error)}); expected a module in the working folder or an installed one"
        ) from error
    finally:
        sys.path.remove(folder)
    if not hasattr(module, name):
        public = ", ".join(key for key in vars(module) if not key.startswith("_")) or "nothing"
        raise UsageError(f"--custom-objects {text}: {module_name} has no {name}; it has {public}")
    return alias or name, getattr(module, name)
