"""The project's wheels, built from a copy: a build leaves files in the tree, and old ones would be packed too."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

FILES = ("pyproject.toml", "README.md", "LICENSE", "edgeproof.py")
PACKAGES = ("runtime", "data", "export", "train")


def build(folder: Path, *, runtime_alone: bool = False) -> Path:
    """Builds the wheel of everything, or the one of the runtime alone, below an empty or new `folder`."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name in FILES:
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(
            ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "build")
        )
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--no-build-isolation",  # with the setuptools of this environment: nothing is downloaded
         "--wheel-dir", str(folder), str(source / "runtime" if runtime_alone else source)],
        check=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return wheel
