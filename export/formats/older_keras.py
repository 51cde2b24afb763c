"""Models written by Keras 3.15, read by the Keras of Python 3.10, whose last is 3.12."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
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
_CONFIG = "config.json"


@contextmanager
def readable(path: Path) -> Iterator[Path]:
    """A `.keras` file that the installed Keras reads: `path`, or a copy without newer settings that change nothing.

    A newer setting that is used stays, so that an older Keras refuses the file.
    """
    newest = tuple(map(int, version("keras").split(".")[:2])) >= (3, 15)
    if newest or not zipfile.is_zipfile(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="edgeproof-") as folder:
        copy = Path(folder) / path.name
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as made:
            for entry in source.infolist():
                if entry.filename == _CONFIG:
                    made.writestr(entry, json.dumps(without_added(json.loads(source.read(entry)))))
                else:
                    with source.open(entry) as content, made.open(entry, "w", force_zip64=True) as target:
                        shutil.copyfileobj(content, target)
        yield copy


def without_added(config: Any) -> Any:
    """A Keras config without the newer settings that are at their defaults, at any depth."""
    if isinstance(config, dict):
        kept = {key: value for key, value in config.items() if key not in _ADDED or value != _ADDED[key]}
        return {key: without_added(value) for key, value in kept.items()}
    return [without_added(value) for value in config] if isinstance(config, list) else config
