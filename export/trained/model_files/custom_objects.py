"""The user's own layers and functions, imported from the user's own code: `--custom-objects MODULE:NAME`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from export.trained import user_code
from runtime.errors import UsageError


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
    return alias or name, user_code.imported(f"--custom-objects {text}", place)
