"""What all tests share: the four models exported once, through the command line, as a user would."""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from runtime.backends import ENGINES, no_wheel
from runtime.command import run_command

if TYPE_CHECKING:
    from export.run.workers import Workers

ROOT = Path(__file__).parent.parent
MODELS = ("california-mlp", "diabetes-mlp", "digits-cnn", "mnist-cnn")
# A test that uses one of these fixtures has the mark beside it.
MARKED = {"bare_board": "boards", "browser": "browser", "devices": "boards", "exported": "conversion"}
DOWNLOADED = ("california-mlp", "mnist-cnn")  # their data does not come with scikit-learn


NO_TFLITE_RUNTIME = no_wheel("tflite-runtime")
ENGINES_HERE = ("tensorflow", *(name for name in ENGINES if no_wheel(name) is None))
# What outlives a run, exports above all: what was made from the same code, packages and models is not made again.
EXPORTS = ROOT / "build" / "test-exports"
# The environment of an export that finds no downloaded dataset and tries no download.
WITHOUT_DATA = {
    "EDGEPROOF_DATA": "",
    "EDGEPROOF_UNREACHABLE": "storage.googleapis.com ndownloader.figshare.com",
    "XDG_CACHE_HOME": str(EXPORTS / "no-cache"),
}
TENSORFLOW = "tensorflow_test_"  # how files begin whose tests import TensorFlow
_UNTIL_THE_END = ExitStack()  # what the tests of a process share, once one of them has asked for it


def _with_tensorflow(path: Path) -> bool:
    return path.name.startswith(TENSORFLOW)


def pytest_pycollect_makemodule(module_path: Path) -> None:
    """Sets up Keras as `python -m train` does, before a test imports it."""
    if _with_tensorflow(module_path):
        from train import device

        device.prepare()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests by the fixtures they use, and skips what needs tflite-runtime where it has no wheel.

    tflite-runtime is needed by tests marked so, and by rows of a table that name it.
    """
    for item in items:
        for fixture in MARKED.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(MARKED[fixture])
    needing = [item for item in items if item.get_closest_marker("tflite_runtime") or _names_it(item)]
    if NO_TFLITE_RUNTIME:
        for item in needing:
            item.add_marker(pytest.mark.skip(reason=NO_TFLITE_RUNTIME))


def _names_it(item: pytest.Item) -> bool:
    """Whether one of a test's parameters is the engine, or a row with the engine."""
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return any(
        "tflite-runtime" in (value if isinstance(value, (tuple, list)) else (value,))
        for value in values
        if isinstance(value, (str, tuple, list))
    )


def skip_without(
    what: str, variable: str, reason: object, request: pytest.FixtureRequest, key: pytest.StashKey[str]
) -> NoReturn:
    """Skips a test for want of something, and keeps the reason for the end of the run.

    Where the environment variable says `required`, the test fails instead.
    """
    if os.environ.get(variable) == "required":
        pytest.fail(f"{variable}=required, and no {what}: {reason}", pytrace=False)
    request.config.stash[key] = str(reason)
    pytest.skip(f"no {what}: {reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A skipped test is a letter in a line of dots: say once what was not tested, and why."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    needing = sum(str(NO_TFLITE_RUNTIME) in reason for reason in skipped)
    if needing:
        terminalreporter.section("tests of tflite-runtime did not run", yellow=True)
        terminalreporter.line(f"{needing} tests: {NO_TFLITE_RUNTIME}")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuses the mixture that would crash: tflite-runtime and TensorFlow in one process."""
    if len({_with_tensorflow(item.path) for item in session.items}) == 2:
        raise pytest.UsageError(
            f"the files {TENSORFLOW}*.py need a process of their own, in which tflite-runtime loads no model: "
            f"python -m pytest -o python_files='{TENSORFLOW}*.py'"
        )


def pytest_sessionfinish() -> None:
    """Lets the workers end that the tests of this process shared."""
    _UNTIL_THE_END.close()


@pytest.fixture(autouse=True)
def _tensorflow_stays_where_it_may_be(request: pytest.FixtureRequest) -> Iterator[None]:
    before = "tensorflow" in sys.modules
    yield
    if "tensorflow" in sys.modules and not before and not _with_tensorflow(request.path):
        pytest.fail(
            f"TensorFlow is imported in this process, in which tflite-runtime then loads no model; a file whose "
            f"tests import it is named {TENSORFLOW}*.py"
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


@cache
def shared_workers() -> Workers:
    """Workers for one job at a time, for all tests of this process: a new one imports TensorFlow for five seconds."""
    from export.run.workers import Workers

    class Shared(Workers):
        def stop(self) -> None:
            """Ends them, as an export does that ends with an error; the next test gets new ones."""
            super().stop()
            shared_workers.cache_clear()

    workers = _UNTIL_THE_END.enter_context(Shared(1))
    here = Path.cwd()
    os.chdir(ROOT)  # they stay where they start, whichever folder the test that asked first is in
    for pool in ("keras", "device"):
        assert workers.call(pool, os.getcwd).value == str(ROOT)
    os.chdir(here)
    return workers


def with_keras(script: str, *arguments: str) -> None:
    """Runs a script with Keras in one of the shared workers, which has imported it."""
    outcome = shared_workers().call("keras", _run_script, script, arguments)
    assert outcome.ok, outcome.reason


def _run_script(script: str, arguments: tuple[str, ...]) -> None:
    import keras

    keras.utils.clear_session()  # layers are numbered as in a new process
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["-c", *arguments])
        exec(script, {"__name__": "__main__"})


def with_shared_workers(patch: pytest.MonkeyPatch, module: str) -> None:
    """Lets a module of export use the shared workers in the place of its own."""
    patch.setattr(f"{module}.Workers", lambda jobs: nullcontext(shared_workers()))


def run_export(*arguments: str, out: Path, **environment: str) -> Export:
    """Runs the command: in a process of its own, or with `--jobs 1` in this one, with the shared workers."""
    command = [*arguments, "--out", str(out)]
    began = time.monotonic()
    if "--jobs 1" in " ".join(arguments) and not environment:
        done = _run_here(command)
    else:
        done = subprocess.run(
            [sys.executable, "-m", "export", *command],
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


def _run_here(command: list[str]) -> subprocess.CompletedProcess[str]:
    from export.__main__ import main

    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(io.StringIO()) as stdout,
        redirect_stderr(io.StringIO()) as stderr,
    ):
        with_shared_workers(patch, "export.command")
        code = run_command(main, command)
    return subprocess.CompletedProcess(command, code, stdout.getvalue(), stderr.getvalue())


def shared_export(name: str, *models: str, **environment: str) -> Export:
    """One export for all test processes, and for later runs while nothing changes that it is made from."""
    out = EXPORTS / name
    out.mkdir(parents=True, exist_ok=True)
    with (out / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return run_export(*models, out=out, **environment)


@pytest.fixture(scope="session")
def exported() -> Export:
    """The four models of the table, with data where EDGEPROOF_DATA names it."""
    return shared_export("four", *MODELS)
