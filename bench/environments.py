"""Folders with one release of one engine and one numpy each, made by pip, to run child processes in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Environment(NamedTuple):
    """One release of an engine beside numpy 1 or 2."""

    engine: str
    version: str
    numpy: int

    @property
    def name(self) -> str:
        """Such as "litert-2.3.0-numpy2"."""
        return f"{self.engine}-{self.version}-numpy{self.numpy}"


ENVIRONMENTS = (
    Environment("tflite-runtime", "2.14.0", 1),
    Environment("tflite-runtime", "2.14.0", 2),
    Environment("litert", "1.0.1", 1),
    Environment("litert", "1.0.1", 2),
    Environment("litert", "2.0.2", 2),
    Environment("litert", "2.1.6", 2),
    Environment("litert", "2.3.0", 2),
    Environment("onnxruntime", "1.16.3", 1),
    Environment("onnxruntime", "1.16.3", 2),
    Environment("onnxruntime", "1.20.1", 2),
    Environment("onnxruntime", "1.23.2", 2),
    Environment("onnxruntime", "1.31.1", 2),
)
_PACKAGES = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime", "onnxruntime": "onnxruntime"}


def make(environment: Environment, folder: Path) -> str | None:
    """Installs the environment below `folder`, unless it is there; why that failed, or None."""
    place = folder / environment.name
    if place.is_dir():
        return None
    part = folder / f"{environment.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    numpy = "numpy<2" if environment.numpy == 1 else "numpy>=2"
    wanted = [f"{_PACKAGES[environment.engine]}=={environment.version}", numpy]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-conflicts",
         "--only-binary", ":all:", "--target", str(part), *wanted],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return (
            errors[-1].removeprefix("ERROR: ") if errors else f"pip failed with exit code {done.returncode}"
        )
    part.rename(place)
    return None


def python(
    environment: Environment, folder: Path, *arguments: str, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs Python with the environment's packages and this checkout, and nothing else that is installed."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    variables["PYTHONPATH"] = os.pathsep.join((str(folder / environment.name), str(ROOT)))
    # -S: no site-packages of this interpreter; -s: none of the user's.
    return subprocess.run(
        [sys.executable, "-S", "-s", *arguments],
        input=given, env=variables, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
