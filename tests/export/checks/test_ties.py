"""Ties that are rounded the other way: they move a file whose activations lie on a grid, and no other."""

import numpy as np
import pytest

from export.checks import drift
from export.checks.answers import one_by_one
from export.checks.ties import moved_by_ties, with_moved_scales
from export.formats import tflite_graph
from export.targets import TARGETS
from runtime.backends.litert import import_engine
from runtime.selftest import parity
from tests.ties import TOKENS, WITH_TIES, WITHOUT, answers, away_from_zero, file

FEEDS = {"token": np.arange(TOKENS, dtype=np.int32)}


def run(content: bytes):
    interpreter = import_engine()(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    token, value = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def call(feeds):
        interpreter.set_tensor(token, feeds["token"])
        interpreter.invoke()
        return {"value": interpreter.get_tensor(value)}

    return call


def moved(rows: np.ndarray) -> tuple[float, np.ndarray]:
    content = file(rows)
    here = one_by_one(run(content), FEEDS)
    return moved_by_ties(content, run, [(FEEDS, here)])["value"], here["value"]


def limits(spread: float, ties: float):
    return drift.limits(TARGETS["tflite-dynamic"], spread, 0.0, ties)


@pytest.mark.parametrize("number", range(len(WITH_TIES)))
def test_a_kernel_that_rounds_ties_away_from_zero_moves_most_rows_about_as_far_as_was_measured_here(number):
    """And that is more than the table of limits allows to most rows."""
    rows = WITH_TIES[number]
    ties, here = moved(rows)
    spread = float(np.ptp(here))
    assert here == pytest.approx(answers(rows, np.rint), abs=1e-6 * spread)
    _, there = parity.drift(answers(rows, away_from_zero).astype(np.float32), here)
    assert there > 10 * limits(spread, 0.0).usual_abs_error
    assert ties / 2 < there < 2 * ties


def test_a_file_without_ties_is_not_moved():
    ties, here = moved(WITHOUT)
    spread = float(np.ptp(here))
    assert ties < limits(spread, 0.0).usual_abs_error
    assert limits(spread, ties) == limits(spread, 0.0)
    assert here == pytest.approx(answers(WITHOUT, away_from_zero), abs=1e-6 * spread)


def test_the_limit_is_what_was_measured_and_never_more_than_rounding_may_do():
    usual = limits(2.0, 0.0)
    assert (usual.usual_abs_error, usual.max_abs_error) == (2e-5, 4e-2)
    found = limits(2.0, 1.5e-4)
    assert (found.usual_abs_error, found.max_abs_error) == (3e-4, 4e-2)
    assert "rounded to even or away from zero" in found.reason and found.reason != usual.reason
    assert limits(2.0, 0.5).usual_abs_error == 2e-3


def test_equal_scales_move_alike_and_by_one_unit_in_the_last_place():
    before, after = (
        [tensor.quantization.scale[0] for tensor in model.subgraphs[0].tensors if tensor.quantization]
        for model in map(
            tflite_graph.load, (file(WITHOUT), with_moved_scales(file(WITHOUT), np.random.default_rng(1)))
        )
    )
    assert len(before) == 3 and before[0] == before[1] and after[0] == after[1]
    for old, new in zip(map(np.float32, before), map(np.float32, after), strict=True):
        assert new in (np.nextafter(old, np.float32(0)), np.nextafter(old, np.float32(1)))
