"""What all tests share: the four models exported once, through the command line, as a user would."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODELS = ("california-mlp", "diabetes-mlp", "digits-cnn", "mnist-cnn")
DOWNLOADED = ("california-mlp", "mnist-cnn")  # their data does not come with scikit-learn


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse the mixture that would crash: tflite-runtime and TensorFlow in one process."""
    train = [item for item in session.items if "tests/train/" in item.path.as_posix()]
    if train and len(train) < len(session.items):
        raise pytest.UsageError(
            "run tests/train in a process of its own, as `make test` does: it imports TensorFlow"
        )


@dataclass(frozen=True)
class Export:
    """One run of `python -m export`: where it wrote, what it said, how long it took."""

    out: Path
    rows: list[dict]
    stdout: str
    code: int
    seconds: float
    has_data: bool


def run_export(*arguments: str, out: Path, **environment: str) -> Export:
    """Run the command in a process of its own."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "export", *arguments, "--out", str(out)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    seconds = time.monotonic() - began
    assert "Traceback" not in done.stderr, done.stderr
    report = out / "report.json"
    rows = json.loads(report.read_text())["rows"] if report.exists() else []
    has_data = bool((os.environ | environment).get("EDGEPROOF_DATA"))
    return Export(out, rows, done.stdout + done.stderr, done.returncode, seconds, has_data)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """The four models of the table, with data where EDGEPROOF_DATA names it."""
    out = tmp_path_factory.mktemp("artifacts")
    return run_export(*MODELS, out=out)
