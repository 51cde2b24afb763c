"""What ran on the boards, kept for later runs of the tests while nothing changes that it came of.

Emulation counts no clock: the same programs on the same files give the same answers.
"""

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from arm.device import Device
from runtime.measure.machine import cpu_name
from tests.conftest import EXPORTS, NO_TFLITE_RUNTIME, ROOT

Runs = Mapping[str, "subprocess.CompletedProcess[str]"]

# What the programs are made of, on the boards and here; and what a visit of `remote`, a count of instructions and the
# answers of single layers are made of besides. Of the files in tests and tests/arm, those that are no tests.
SOURCES = (
    *("arm", "runtime", "tests/arm/[!t]*.py", "tests/campaigns", "tests/runtime"),
    *("tests/[!t]*.py", "tests/t[!e]*.py", "pyproject.toml"),
)
OF_A_VISIT = ("export", "data", "tests/export/remote/conftest.py", "tests/arm/test_remote.py")
OF_A_COUNT = ("bench", "tests/arm/test_instructions.py")
OF_A_CAUSE = ("tests/arm/test_causes.py",)
_PACKAGES = (
    "ai-edge-litert",
    "numpy",
    "onnxruntime",
    "pillow",
    *(() if NO_TFLITE_RUNTIME else ("tflite-runtime",)),
)


@dataclass(frozen=True)
class Kept:
    """A folder that the programs write their files into, and where what they printed is kept; `key` says for what."""

    folder: Path
    key: str

    @property
    def _said(self) -> Path:
        return self.folder / "runs.json"

    def read(self) -> Runs | None:
        """What ran in an earlier run of the tests with the same key; None where that was another, or did not end."""
        if not self._said.exists():
            return None
        kept = json.loads(self._said.read_text())
        if kept["key"] != self.key:
            return None
        return {name: subprocess.CompletedProcess(**done) for name, done in kept["runs"].items()}

    def write(self, runs: Runs) -> None:
        """Keeps what ran, unless something failed: that is tried again."""
        if not any(done.returncode for done in runs.values()):
            fields = {name: {**vars(done), "args": list(map(str, done.args))} for name, done in runs.items()}
            self._said.write_text(json.dumps({"key": self.key, "runs": fields}))


def finished(code: int, stdout: str, stderr: str = "") -> "subprocess.CompletedProcess[str]":
    """What was found out by more than one process, in the form of one that ended."""
    return subprocess.CompletedProcess([], code, stdout, stderr)


def run_once(name: str, key: str, run: Callable[[Path], Runs]) -> tuple[Runs, Path | None]:
    """What `run` gives, called with an empty folder; or what it gave earlier with the same key, and the folder.

    It waits while another run of the tests is at it.
    """
    kept = Kept(EXPORTS / name, key)
    kept.folder.mkdir(parents=True, exist_ok=True)
    with kept.folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        earlier = kept.read()
        if earlier is not None:
            return earlier, kept.folder
        shutil.rmtree(kept.folder)
        kept.folder.mkdir()
        runs = run(kept.folder)
        kept.write(runs)
        return runs, None


def key(devices: Mapping[str, Device], files: Iterable[Path], patterns: Iterable[str] = SOURCES) -> str:
    """A digest of all that the programs' answers come of: sources, packages, boards, and these files."""
    found = hashlib.sha256()
    for part in (sys.version, cpu_name(), *(f"{name} {version(name)}" for name in _PACKAGES)):
        found.update(f"{part}\n".encode())
    for path in sorted({*files, *sources(ROOT, patterns)}):
        found.update(f"{path} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    for name, device in devices.items():
        # The launcher names the folders of the cache, whose names hold what is in them.
        listed = device.site / "engines.pth"
        packages = listed.read_text() if listed.exists() else "none"  # on a bare board
        found.update(f"{name}\n{device.python.read_text()}\n{packages}\n".encode())
    return found.hexdigest()


def sources(root: Path, patterns: Iterable[str] = SOURCES) -> list[Path]:
    """The files that the programs are made of."""
    places = [place for pattern in patterns for place in root.glob(pattern)]
    files = [path for place in places for path in (place.rglob("*") if place.is_dir() else [place])]
    return [path for path in files if path.is_file() and "__pycache__" not in path.parts]
