"""The table of layers is right; the harness sees wrong answers, and outlives what kills its processes."""

import os
import signal
import sys
from collections import Counter

import numpy as np
import pytest

from bench.layers import command, exporting, jobs, page, running
from bench.layers.jobs import Answers
from bench.layers.page import Cell
from bench.layers.row import Values
from bench.layers.rows import ROWS
from export.targets import PLAIN
from runtime.errors import UsageError
from tests.conftest import ROOT


def row(name):
    (found,) = (row for row in ROWS if row.name == name)
    return found


def test_no_two_rows_have_the_same_name():
    assert len({row.name for row in ROWS}) == len(ROWS)


PAGE = (ROOT / "docs" / "layers.md").read_text().splitlines()
TABLE = [
    cells for line in PAGE if len(cells := line.removeprefix("| ").removesuffix(" |").split(" | ")) == 13
]
SHOWN = [cells for cells in TABLE if cells[0] != "layer"]


def test_the_page_has_every_row_of_the_table_and_no_other():
    rows = [[row.layer, f"`{row.settings}`" if row.settings else "", row.given] for row in ROWS]
    assert [cells[:3] for cells in SHOWN] == rows
    assert {tuple(cells[3:]) for cells in TABLE if cells[0] == "layer"} == {tuple(PLAIN)}


@pytest.mark.parametrize("place", range(len(PLAIN)), ids=list(PLAIN))
def test_the_counts_of_the_page_are_those_of_its_tables(place):
    name, marks = list(PLAIN)[place], [cells[3 + place] for cells in SHOWN]
    kinds = Counter("ok" if mark in ("ok", "ok¹", "ok²") else mark for mark in marks)
    (counts,) = [line for line in PAGE if line.startswith(f"| {name} |")]
    found = dict(
        zip(("ok", "refused", "–"), map(int, (counts.split(" | ")[at] for at in (1, 3, 4))), strict=True)
    )
    assert found == {kind: kinds[kind] for kind in found}


def test_a_savedmodel_is_refused_where_the_export_refuses_the_model_whole():
    refused = [row for row, cells in zip(ROWS, SHOWN, strict=True) if cells[3] == "refused"]
    assert refused == [row for row in ROWS if exporting.refused_whole(row)]
    assert {row.layer for row in refused} >= {"StringLookup", "LSTM"}
    assert not {row.layer for row in refused} & {
        "Hashing",
        "HashedCrossing",
    }  # the export refuses two formats


def test_values_are_what_they_say_and_the_same_each_time():
    drawn = Values((None, 4), "int32", 2, 5, length=9).drawn(3, seed=1)
    assert drawn.shape == (3, 9, 4) and drawn.dtype == np.int32 and set(np.unique(drawn)) == {2, 3, 4}
    assert np.array_equal(drawn, Values((None, 4), "int32", 2, 5, length=9).drawn(3, seed=1))
    floats = Values((1000,), low=0.0, high=255.0).drawn(1, seed=1)
    assert floats.dtype == np.float32 and floats.min() >= 0 and floats.max() <= 255 and floats.std() > 30


def test_rows_answer_once_for_one_and_twice_for_three():
    one, three, again = row("Dense(units=5) of 6").calls()
    assert one["input_1"].shape == (1, 6) and three["input_1"].shape == (3, 6) and again is three
    fixed = row("LSTM(units=5, stateful=True) of 7×4, 2 rows at a time").calls()
    assert [call["input_1"].shape for call in fixed] == [(2, 7, 4)] * 3


CALLS = {
    f"{call} {name}": np.full((rows, 2), value, np.float32)
    for call, rows in enumerate((1, 3, 3))
    for name, value in (("input_1", 4.0), ("output_1", 8.0))
}


def twice(feed):
    return {"output_1": 2 * feed["input_1"]}


def counting():
    """An engine that keeps a state between calls."""
    state = iter((0.0, 0.0, 0.8))
    return lambda feed: {"output_1": 2 * feed["input_1"] + next(state)}


def one_row_off(feed):
    answers = twice(feed)["output_1"]
    answers[-1] += 0.8 * (len(answers) > 1)
    return {"output_1": answers}


@pytest.mark.parametrize(("run", "found"), [(twice, 0.0), (one_row_off, 0.1), (counting(), 0.1)])
def test_the_largest_difference_of_all_calls(run, found):
    assert running.difference(run, CALLS) == pytest.approx(found)


def test_where_an_answer_jumps_the_closest_count():
    answers = {**CALLS, **{f"{call} output_1": np.full((3, 2), 8.0) for call in range(3)}}

    def one_off(feed):
        found = np.full((3, 2), 8.0)
        found[0, 0] = 0.0
        return {"output_1": found}

    assert running.difference(one_off, answers) == 1.0
    assert running.difference(one_off, answers, share=0.9) == 0.0


def test_nan_is_the_same_as_nan_only():
    answers = {**CALLS, "1 output_1": np.full((3, 2), np.nan, np.float32)}
    assert np.isnan(running.difference(twice, answers))
    assert (
        running.difference(lambda feed: {"output_1": answers["1 output_1"]}, dict([*answers.items()][2:4]))
        == 0
    )


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda feed: {"output_2": 0}, "the outputs are ['output_2'], expected ['output_1']"),
        (lambda feed: {"output_1": feed["input_1"][:, :1]}, "output_1 has the shape (1, 1), expected (1, 2)"),
    ],
)
def test_other_outputs_are_no_answer(run, message):
    with pytest.raises(ValueError) as error:
        running.difference(run, CALLS)
    assert str(error.value) == message


def dying(folder, text):
    """A module that answers jobs, one of which ends the process."""
    module = folder / "dying.py"
    module.write_text(
        "import os\nfrom bench.layers.jobs import serve\n"
        f"def work(job):\n    print('a converter prints')\n    if job['name'] == 'b':\n        {text}\n"
        "    return job['name']\nserve(work)\n"
    )


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (f"os.kill(os.getpid(), {int(signal.SIGABRT)})", "SIGABRT"),
        ("raise SystemExit(3)", "exit code 3: a converter prints"),
        ("raise ValueError('no')", "exit code 1: ValueError: no"),
    ],
)
def test_a_job_that_ends_its_process_has_given_its_answer(tmp_path, monkeypatch, text, end):
    dying(tmp_path, text)
    monkeypatch.setattr(jobs, "ROOT", os.pathsep.join((str(tmp_path), str(ROOT))))
    found = list(jobs.done("dying", [{"name": name} for name in "abca"]))
    assert found == ["a", f"the process ends: {end}", "c", "a"]


def test_a_module_that_does_not_start_says_so():
    (answer,) = jobs.done("no_such_module", [{"name": "a"}])
    assert answer == f"the process ends: exit code 1: {sys.executable}: No module named no_such_module"


def test_answers_are_kept_for_a_later_run(tmp_path, monkeypatch):
    dying(tmp_path, "raise SystemExit(3)")
    monkeypatch.setattr(jobs, "ROOT", os.pathsep.join((str(tmp_path), str(ROOT))))
    asked = [{"name": name} for name in "ac"]
    assert Answers(tmp_path / "answers", 2).of("dying", asked) == ["a", "c"]
    (tmp_path / "dying.py").unlink()
    again = Answers(tmp_path / "answers").of("dying", [*asked, {"name": "d"}])
    assert again[:2] == ["a", "c"] and "No module named dying" in again[2]


DENSE, HASHING = row("Dense(units=5) of 6"), row("Hashing(num_bins=5) of int32 5")
REFUSED = Cell(refused="the layer 'hashing' (Hashing) hashes")
CELLS = {
    **{(DENSE, name): Cell(target.scheme, answers={"litert": 1.2e-7}) for name, target in PLAIN.items()},
    **{(HASHING, name): REFUSED for name in PLAIN},
    (DENSE, "tflite-int8"): Cell("int8", 1, answers={"litert": 0.02, "tflite-runtime": "no kernel"}),
}


def test_the_page():
    text = page.text([DENSE, HASHING], CELLS)
    assert text.startswith("# Layers\n")
    marks = " | ".join("ok¹, not tflite-runtime" if name == "tflite-int8" else "ok" for name in PLAIN)
    assert f"| Dense | `units=5` | 6 | {marks} |" in text
    assert f"| Hashing | `num_bins=5` | int32 5 | {' | '.join(['refused'] * 10)} |" in text
    assert "- `Hashing(num_bins=5) of int32 5`, all targets: the layer 'hashing' (Hashing) hashes\n" in text
    assert "- `Dense(units=5) of 6`, tflite-int8 on tflite-runtime: no kernel\n" in text
    assert "| tflite-int8 | 0 | 1 | 1 | 0 | 0 | 1e-1 |" in text
    assert "- JaxLayer: refused: it runs code of JAX; build the model from layers of Keras\n" in text
    assert "## Recurrent layers" not in text


BOTH = {"litert": 0.0, "tflite-runtime": 0.0}


@pytest.mark.parametrize(
    ("cell", "mark", "kind"),
    [
        (Cell(answers=BOTH), "ok", "ok"),
        (Cell("int8", 2, answers=BOTH), "ok²", "ok"),
        (Cell(answers=BOTH | {"litert": 2e-5}), "**wrong, 2e-05**", "wrong"),
        (Cell("int8", answers=BOTH | {"litert": 2e-5}), "ok", "ok"),
        (Cell(answers=BOTH | {"litert": float("nan")}), "**wrong, nan**", "wrong"),
        (
            Cell(answers=BOTH | {"tflite-runtime": "the process ends: SIGABRT"}),
            "ok, not tflite-runtime",
            "some engines",
        ),
        (Cell(answers={"litert": "RuntimeError: no"}), "**fails**", "wrong"),
        (Cell(failed="RuntimeError: no"), "**fails**", "wrong"),
        (Cell(refused="the layer 'x' (Hashing) hashes"), "refused", "refused"),
        (Cell(refused="no such layer in Keras 3.12.4"), "not there", "refused"),
        (Cell(refused="the model has nothing to quantize: none"), "–", "nothing to quantize"),
    ],
)
def test_what_counts_as_wrong(cell, mark, kind):
    assert (cell.mark, cell.kind, cell.wrong) == (mark, kind, kind == "wrong")


def test_an_unknown_pattern_is_refused():
    with pytest.raises(UsageError) as error:
        command.run(command.parser().parse_args(["NoSuchLayer"]))
    assert str(error.value) == f"no row has NoSuchLayer; rows are named like {ROWS[0].name}"


@pytest.mark.conversion
def test_layers_from_keras_to_the_engines(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    # The others are made as these are; each is made in processes of its own, which import TensorFlow.
    few = ("saved_model", "tflite-float32", "tflite-int8", "onnx-float32")
    monkeypatch.setattr(command, "PLAIN", {name: PLAIN[name] for name in few})
    open_length = row("GRU(units=5, return_sequences=True) of ?×4")
    cells = command.measured([DENSE, HASHING, open_length], tmp_path)
    assert len(cells) == 3 * len(few)
    assert {key[0] for key, cell in cells.items() if cell.kind == "refused"} == {HASHING}
    assert {cell.kind for key, cell in cells.items() if key[0] is not HASHING} <= {"ok", "some engines"}
    assert {cell.kind for key, cell in cells.items() if key[1].endswith("float32")} == {"ok", "refused"}
