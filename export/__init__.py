"""The export stage: a trained Keras model in, a verified bundle and a report out.

From Python: `export.export(model_or_path, calibration=…, test=…) -> export.Report`; see `export.api`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from export.api import Report, export

__all__ = ["Report", "export"]


def __getattr__(name: str) -> Any:
    """The public names, imported at their first use: the command line's help needs none of what they need."""
    if name in __all__:
        from export import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
