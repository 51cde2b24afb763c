"""The devices, with the project's wheel installed, and everything that is run on them, two at a time."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from arm.device import Device, make_bare_board, make_device
from arm.errors import ArmError
from arm.setup import wheel_files
from runtime.bundle.reader import open_bundle
from tests import wheels
from tests.arm.cut import integers_only
from tests.arm.differences import BOARDS, Answers, asked_of, table
from tests.arm.guest import asked, is_plain
from tests.arm.kept import Runs, key, run_once
from tests.arm.pictures import draw_pictures
from tests.conftest import EXPORTS, MARKED, MODELS, ROOT, WITHOUT_DATA, shared_export, skip_without
from train.recipes import RECIPES

# device: board and sets of engines. `new` and those of Trixie are what `pip install` and `apt install` give today, the
# others have all that runs there. Each core meets numpy 1 and numpy 2, and both Pythons are there.
DEVICES = {
    "pi4": ("pi4", "all"),
    "pi5": ("pi5", "all", "tests"),
    "pi4-new": ("pi4", "current"),
    "pi4-32": ("pi4-32", "tflite-32"),
    "pi5-trixie": ("pi5-trixie", "current-3.13"),
    "pi5-trixie-debian": ("pi5-trixie", "debian"),
}
GUEST = Path(__file__).with_name("guest.py")
PICTURES = Path(__file__).with_name("pictures.py")
# Of the runtime's own tests, those that a board runs: what executes an engine, computes with numpy, or asks the system.
# The others are about our own Python code, which is the same everywhere.
ON_A_BOARD = (
    "backends",
    "bundle/test_golden.py",
    "bundle/test_install.py::test_what_is_installed_is_the_bundle",
    "bundle/test_install.py::test_two_installs_do_not_get_into_each_others_way",
    "bundle/test_install.py::test_where_folders_cannot_be_exchanged_the_old_one_is_moved_aside",
    "bundle/test_version_1.py",
    "measure/test_machine.py",
    "measure/test_memory_energy.py",
    "measure/test_metric.py",
    "measure/test_timing.py",
    "measure/test_watch.py",
    "selftest",
    "test_inputs.py",
    "test_model.py",
)
# Of these, what says nothing about a device or cannot be there.
LEFT_OUT = {
    "backends/test_several_tensors.py": "builds files with the package onnx",
    "backends/test_signatures.py": "builds files with the package onnx",
    "backends/test_x64_precision.py": "builds files with the package onnx, and is about x86-64",
    "backends/test_private_parts.py": "starts processes; that the calls fit is seen in every other test",
    "backends/test_telemetry.py": "starts processes",
    "measure/test_memory_energy.py::test_memory_is_that_of_a_process_of_its_own": "starts a process",
    "measure/test_watch.py::test_other_load_is_counted_in_processors": "measures time",
    "measure/test_watch.py::test_throttling_while_select_screens_is_flagged_in_its_row": "is of `select`",
    "measure/test_watch.py::test_a_disturbed_screening_is_measured_again_and_leaves_nothing_behind": "is of `select`",
    "selftest/test_check.py::test_sound_variants_pass_within_the_budget": "measures time",
    "test_model.py::test_importing_runtime_loads_no_engine_and_is_cheap": "measures time",
    "backends/test_backends.py::test_an_import_that_kills_the_process_is_survived": "starts processes",
    "backends/test_backends.py::test_a_broken_engine_is_an_engine_error": "starts processes",
}


class Asked(NamedTuple):
    """What `predict` is asked for on a device, and how many rows of `verify` have an engine there, or have none."""

    variant: str
    engine: str
    ok: int
    skipped: int


# Devices with today's packages, on which the commands are run.
NEW = {
    "pi4-new": Asked("tflite-int8", "litert", 9, 5),  # five of LiteRT, four of ONNX Runtime
    "pi5-trixie": Asked("tflite-int8", "litert", 9, 5),
    "pi5-trixie-debian": Asked("onnx-int8", "onnxruntime", 4, 10),
}
COMPARED = "pi5-trixie"  # of these; the visit of test_remote.py compares on a Pi 4
# Devices with three versions of Pillow, for 64 and for 32 bits; of 64, both kinds of processor.
WITH_PILLOW = ("pi4", "pi5-trixie", "pi5-trixie-debian", "pi4-32")
_REASON = pytest.StashKey[str]()
_ANSWERS = pytest.StashKey[Answers]()
_EARLIER = pytest.StashKey[list[Path]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Almost everything runs within the first test of `runs`: emulation on a busy machine takes more than a test may.

    Those tests come last: they use all processors, which other parts of `make test` keep busy until then.
    """
    items.sort(key=lambda item: "runs" in getattr(item, "fixturenames", ()))
    for item in items:
        if any(MARKED.get(name) == "boards" for name in getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.timeout(3600))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """A skipped test is a letter in a line of dots; that no Arm code ran must be seen, and how far it was off."""
    reason = config.stash.get(_REASON, None)
    answers = config.stash.get(_ANSWERS, None)
    if answers:
        terminalreporter.section("largest differences of the boards from x86")
        terminalreporter.line(table(answers))
    earlier = config.stash.get(_EARLIER, None)
    if earlier:
        terminalreporter.section("the boards' answers are those of an earlier run", yellow=True)
        folders = " ".join(map(str, earlier))
        terminalreporter.line(
            f"Nothing changed that they came of. rm -r {folders} has the boards asked again."
        )
    if reason:
        terminalreporter.section("THE ARM TESTS DID NOT RUN", sep="!", red=True, bold=True)
        terminalreporter.line(f"Nothing was checked as on a Raspberry Pi: {reason}")
        terminalreporter.line("docs/arm.md says what they need; EDGEPROOF_ARM=required makes this a failure.")


@contextmanager
def _if_possible(request: pytest.FixtureRequest) -> Iterator[None]:
    """Skips what needs a board where none can be set up, and says so in the end."""
    try:
        yield
    except ArmError as error:
        skip_without("Arm", "EDGEPROOF_ARM", error, request, _REASON)


@pytest.fixture(scope="session")
def devices(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Device]:
    """Every device of the table, by name."""
    folder = tmp_path_factory.mktemp("devices")
    with _if_possible(request):
        made = {name: make_device(folder / name, *parts) for name, parts in DEVICES.items()}
    wheel = wheels.build(tmp_path_factory.mktemp("wheel"), runtime_alone=True)
    for device in made.values():
        device.install(wheel)
    return made


@pytest.fixture
def bare_board(request: pytest.FixtureRequest, tmp_path: Path) -> Device:
    """A Pi 4 as it comes, with nothing installed."""
    with _if_possible(request):
        return make_bare_board(tmp_path / "board", "pi4")


@pytest.fixture
def arm_wheels(request: pytest.FixtureRequest) -> Path:
    """A folder with the wheels that today's `pip install` on a Pi 4 would take."""
    with _if_possible(request):
        return wheel_files("current")


@pytest.fixture(scope="session")
def bundles(devices) -> dict[str, Path]:
    """The bundle of every committed model, by its name."""
    trained = {name for name in RECIPES if (ROOT / "artifacts" / name / "model.keras").exists()}
    others = sorted(trained - set(MODELS))
    # Without data: what a board answers does not depend on it, and 10,000 test images on every engine take minutes.
    more = shared_export("others", *others, **WITHOUT_DATA)
    four = shared_export("four", *MODELS)  # the second: by now the other tests may have made it
    assert (four.code, more.code) == (0, 0), four.stdout + more.stdout
    found = {path.parent.name: path for out in (four.out, more.out) for path in out.glob("*/bundle")}
    return {name: found[name] for name in sorted(trained)}  # an earlier run may have left others


@pytest.fixture(scope="session")
def plain(bundles) -> dict[str, Path]:
    """Those of the plain models: the whole numbers in their int8 files are compared too."""
    return {name: path for name, path in bundles.items() if is_plain(open_bundle(path).manifest)}


@pytest.fixture(scope="session")
def cuts(plain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each plain model's int8 file without its last float operations."""
    folder = tmp_path_factory.mktemp("cuts")
    for name, bundle in plain.items():
        (folder / f"{name}.tflite").write_bytes(integers_only((bundle / "tflite-int8.tflite").read_bytes()))
    return folder


@pytest.fixture(scope="session")
def work() -> Path:
    """The folder in which the commands run and leave their files. It outlives a run of the tests."""
    folder = EXPORTS / "boards"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def runs(devices, bundles, cuts, work, request: pytest.FixtureRequest) -> Runs:
    """What came of every process, by `device job`: now, or earlier if nothing changed that it came of."""
    files = [path for bundle in bundles.values() for path in bundle.rglob("*") if path.is_file()]
    found, earlier = run_once(
        work.name, key(devices, files), lambda folder: run_all(devices, bundles, cuts, folder)
    )
    note_earlier(request.config, earlier)
    return found


def note_earlier(config: pytest.Config, folder: Path | None) -> None:
    """Keeps the folder whose files an earlier run of the tests left, for the end of the run."""
    if folder is not None:
        config.stash.setdefault(_EARLIER, []).append(folder)


def run_all(devices: Mapping[str, Device], bundles: Mapping[str, Path], cuts: Path, work: Path) -> Runs:
    """Runs every process, two at a time."""
    golden = dict(np.load(bundles["mnist-cnn"] / "golden.npz"))
    np.save(work / "digits.npy", golden["inputs/image"][asked("mnist-cnn")][:4])
    cnn = str(bundles["mnist-cnn"])
    draw_pictures(work / "pictures")
    jobs: dict[str, tuple[Device, list[str], Path]] = {}
    for name in BOARDS:
        paths = map(str, asked_of(name, bundles).values())
        command = [str(GUEST), str(work / f"{name}.npz"), str(cuts), *paths]
        jobs[f"{name} answers"] = devices[name], command, work
    left_out = [f"--{'deselect' if '::' in test else 'ignore'}=tests/runtime/{test}" for test in LEFT_OUT]
    tests = [f"tests/runtime/{name}" for name in ON_A_BOARD]
    command = ["-m", "pytest", *tests, "-q", "--tb=short", "-p", "no:cacheprovider", *left_out]
    # On one board: they are about our own code, which is the same on all; the answers compare the engines' kernels.
    jobs["pi5 tests"] = devices["pi5"], command, ROOT
    for name in WITH_PILLOW:
        command = [str(PICTURES), str(work / f"{name}-pictures.npz"), str(work / "pictures")]
        jobs[f"{name} pictures"] = devices[name], command, work
    for name in ("pi4-32", *NEW):
        jobs[f"{name} verify"] = devices[name], ["-m", "runtime", "verify", cnn], work
    for name, wanted in NEW.items():
        command = ["-m", "runtime", "predict", cnn, "digits.npy", "--variant", wanted.variant, "--json"]
        jobs[f"{name} predict"] = devices[name], command, work
    command = ["-m", "runtime", "compare", cnn, "--calls", "10", "--no-memory", "--json"]
    jobs[f"{COMPARED} compare"] = devices[COMPARED], command, work

    def start(job: tuple[Device, list[str], Path]) -> "subprocess.CompletedProcess[str]":
        device, arguments, folder = job
        return device.run(*arguments, folder=folder)

    def here() -> "subprocess.CompletedProcess[str]":
        # In a process of its own, as on the devices.
        command = [sys.executable, str(GUEST), str(work / "x86.npz"), str(cuts), *map(str, bundles.values())]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        started = {key: pool.submit(start, job) for key, job in jobs.items()} | {
            "x86 answers": pool.submit(here)
        }
    return {key: each.result() for key, each in started.items()}


@pytest.fixture(scope="session")
def answers(runs, work, request: pytest.FixtureRequest) -> Answers:
    """The answers of the devices and of this machine, `x86`, by device and key (see guest.py)."""
    for name, done in runs.items():
        assert done.returncode == 0 or not name.endswith("answers"), f"{name}: {done.stderr[-2000:]}"
    found = {name: dict(np.load(work / f"{name}.npz")) for name in ("x86", *BOARDS)}
    request.config.stash[_ANSWERS] = found
    return found
