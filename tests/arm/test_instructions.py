"""Counts of instructions repeat exactly, count what is between the marks alone, and a table of them is printed."""

import json
import shutil
from contextlib import redirect_stdout
from io import StringIO

import pytest

from arm import instructions
from arm.errors import ArmError
from bench import arm
from bench.__main__ import main
from runtime.bundle.reader import open_bundle
from runtime.errors import UsageError
from tests import bundles
from tests.arm.conftest import note_earlier
from tests.arm.kept import OF_A_COUNT, SOURCES, finished, key, run_once

LOOPS = """
from arm.instructions import mark
mark()
for n in (1, 1000, 2000):
    for _ in range(n): pass
    mark()
"""
LOOPED = ("pi5", "pi4-32")
VARIANTS = {"litert": "tflite-int8", "onnxruntime": "onnx-float32"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return open_bundle(bundles.image_bundle(tmp_path_factory.mktemp("bench") / "tiny"))


@pytest.fixture(scope="module")
def counted(devices, bundle, tmp_path_factory, request):
    """What was counted and printed, by name: now, or earlier if nothing changed that it came of."""

    def cost(engine):
        return arm.cost(devices["pi4"], bundle, VARIANTS[engine], engine)

    def run(_folder):
        counts = {f"{engine} {time}": cost(engine) for engine in VARIANTS for time in ("once", "again")}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(arm, "PACKAGES", beside_others(tmp_path_factory.mktemp("copies")))
            counts["onnxruntime beside others"] = cost("onnxruntime")
        for board in LOOPED:
            counts[f"{board} loops"] = instructions.count(devices[board], "-c", LOOPS, packages=arm.PACKAGES)
        with redirect_stdout(StringIO()) as printed:
            code = main(["arm", str(bundle.path), "--boards", "pi4-32,pi4", "--variant", "tflite-int8"])
        return {name: finished(0, json.dumps(each)) for name, each in counts.items()} | {
            "table": finished(code, printed.getvalue())
        }

    came_of = key({name: devices[name] for name in ("pi4", *LOOPED)}, (), (*SOURCES, *OF_A_COUNT))
    runs, earlier = run_once("counts", came_of, run)
    note_earlier(request.config, earlier)
    return {name: done.stdout for name, done in runs.items()}


def beside_others(folder):
    """Copies of our packages among files of others.

    Tests of other processes write into the project's folders meanwhile, and Python lists the names in these.
    """
    for package in arm.PACKAGES:
        shutil.copytree(package, folder / package.name)
        (folder / package.name / "__pycache__").mkdir(exist_ok=True)
    for name in "abcdefghij":
        (folder / name).touch()
    return [folder / package.name for package in arm.PACKAGES]


@pytest.mark.parametrize("engine", VARIANTS)
def test_a_count_repeats_exactly(counted, engine):
    assert counted[f"{engine} again"] == counted[f"{engine} once"]
    assert all(5_000 < number < 200_000 for number in json.loads(counted[f"{engine} once"]))


def test_what_happens_once_does_not_count():
    once, twice, event = 8 * 100 + 7, 16 * 100 + 7, 464
    counts = [once, twice + event, once, twice, once + event, twice]
    assert arm.per_call(counts) == 100


def test_files_beside_ours_change_no_count(counted):
    assert counted["onnxruntime beside others"] == counted["onnxruntime once"]


@pytest.mark.parametrize("board", LOOPED)
def test_twice_the_work_is_twice_the_count(counted, board):
    few, once, twice = json.loads(counted[f"{board} loops"])
    assert 2 * (once - few) == pytest.approx(twice - few, rel=0.05)
    assert 100_000 < once < 1_000_000


def test_a_program_that_fails_is_quoted_with_its_last_words(devices):
    with pytest.raises(ArmError, match=r"^the counted program failed: SystemExit: not today$|: not today$"):
        instructions.count(devices["pi4"], "-c", "raise SystemExit('not today')")


def test_a_table_has_a_column_for_each_board(counted):
    lines = counted["table"].splitlines()
    rows = [line.split() for line in lines[2:4]]
    assert [row[1:3] for row in rows] == [["tflite-int8", "litert"], ["tflite-int8", "tflite-runtime"]]
    assert rows[0][3:5] == ["–", "–"] and all(int(cell.replace(",", "")) > 0 for cell in rows[1][3:])
    assert "not time" in lines[-1] and "pi4: cortex-a72" in lines[-1]


def test_wrong_use_is_said(bundle):
    with pytest.raises(UsageError, match=r"unknown variant 'int4'; these bundles have: "):
        main(["arm", str(bundle.path), "--variant", "int4"])
    with pytest.raises(ArmError, match=r"unknown board 'pi9'; known: pi3, pi4, pi5, pi4-32"):
        main(["arm", str(bundle.path), "--boards", "pi9"])
