"""Imports Keras and TensorFlow without what they take along and no export needs: a third of the time it takes."""

from __future__ import annotations

import sys

# Keras imports these at its start where they are installed, and does without them where they are not. Read in 3.15.
_TAKEN_ALONG = ("matplotlib", "sklearn")


def import_keras() -> None:
    """Imports Keras, and with it TensorFlow, once for a process.

    Code that wants scikit-learn or matplotlib later, such as a metric of the user's, finds them.
    """
    if "keras" in sys.modules:
        return
    hidden = [name for name in _TAKEN_ALONG if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: the import fails as if it were not there
    try:
        import keras  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]
