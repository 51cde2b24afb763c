"""What all tests share: the four models exported once, through the command line, as a user would."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime.backends import ENGINES, no_wheel

ROOT = Path(__file__).parent.parent
MODELS = ("california-mlp", "diabetes-mlp", "digits-cnn", "mnist-cnn")
DOWNLOADED = ("california-mlp", "mnist-cnn")  # their data does not come with scikit-learn


NO_TFLITE_RUNTIME = no_wheel("tflite-runtime")
ENGINES_HERE = ("tensorflow", *(name for name in ENGINES if no_wheel(name) is None))
_SKIPPED = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs tflite-runtime where it has no wheel: tests marked so, and rows of a table that name it."""
    needing = [item for item in items if item.get_closest_marker("tflite_runtime") or _names_it(item)]
    if NO_TFLITE_RUNTIME:
        for item in needing:
            item.add_marker(pytest.mark.skip(reason=NO_TFLITE_RUNTIME))
        config.stash[_SKIPPED] = len(needing)


def _names_it(item: pytest.Item) -> bool:
    """Whether one of a test's parameters is the engine, or a row with the engine."""
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return any(
        "tflite-runtime" in (value if isinstance(value, (tuple, list)) else (value,))
        for value in values
        if isinstance(value, (str, tuple, list))
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """A skipped test is a letter in a line of dots: say once what was not tested, and why."""
    skipped = config.stash.get(_SKIPPED, 0)
    if skipped:
        terminalreporter.section("tests of tflite-runtime did not run", yellow=True)
        terminalreporter.line(f"{skipped} tests: {NO_TFLITE_RUNTIME}")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse the mixture that would crash: tflite-runtime and TensorFlow in one process."""
    train = [item for item in session.items if "tests/train/" in item.path.as_posix()]
    if train and len(train) < len(session.items):
        raise pytest.UsageError(
            "run tests/train in a process of its own, as `make test` does: it imports TensorFlow"
        )


@dataclass(frozen=True)
class Export:
    """One run of `python -m export`: where it wrote, what it said, how long it took.

    `rows` are those that can run with this Python; the report has the others too, skipped with the reason.
    """

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
    every = json.loads(report.read_text())["rows"] if report.exists() else []
    rows = [row for row in every if row["engine"] in ENGINES_HERE]
    skipped = [row for row in every if row not in rows and row["status"] != "failed"]
    assert all((row["status"], row["reason"]) == ("skipped", NO_TFLITE_RUNTIME) for row in skipped), skipped
    has_data = bool((os.environ | environment).get("EDGEPROOF_DATA"))
    return Export(out, rows, done.stdout + done.stderr, done.returncode, seconds, has_data)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """The four models of the table, with data where EDGEPROOF_DATA names it."""
    out = tmp_path_factory.mktemp("artifacts")
    return run_export(*MODELS, out=out)
