"""Models written by Keras 3.15, read by the Keras of Python 3.10, whose last is 3.12."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

# Settings that Keras 3.13 to 3.15 added, with the value that means what older ones do without them.
_ADDED = {
    "input_axes": None,
    "output_axes": None,
    "quantization_config": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}


def for_installed(config: Any) -> Any:
    """A Keras config as the installed Keras reads it: without newer settings that change nothing.

    A newer setting that is used stays, so that an older Keras refuses the model.
    """
    return config if _knows_all() else without_added(config)


def _knows_all() -> bool:
    return tuple(map(int, version("keras").split(".")[:2])) >= (3, 15)


def without_added(config: Any) -> Any:
    """A Keras config without the newer settings that are at their defaults, at any depth."""
    if isinstance(config, dict):
        kept = {key: value for key, value in config.items() if key not in _ADDED or value != _ADDED[key]}
        return {key: without_added(value) for key, value in kept.items()}
    return [without_added(value) for value in config] if isinstance(config, list) else config
