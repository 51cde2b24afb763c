"""The one line that says what to do."""

import math

import pytest

from export.diagnosis.advice import advice
from export.diagnosis.loss import LayerLoss, by_share, ranking


def row(name, own, share, used=0.9, clipped=0.0):
    return LayerLoss(name, "Dense", own_sqnr_db=own, share=share, used=used, clipped=clipped)


EVEN = [row("a", 40.0, 0.3), row("b", 41.0, 0.3), row("c", 42.0, 0.2), row("d", 43.0, 0.2)]


@pytest.mark.parametrize(
    ("rows", "answers_db", "line"),
    [
        (
            [row("a", math.inf, 0.0)],
            math.inf,
            "nothing is lost: the answers are those of the float32 file",
        ),
        (EVEN, 70.0, "nothing to do: the answers are 70 dB above their error"),
        (
            [*EVEN[:3], row("d", 12.0, 0.4, clipped=0.02)],
            20.0,
            "d cuts off 2.0 % of its values and makes 40 % of the loss: calibrate with samples that reach them "
            "(--calibration)",
        ),
        (
            [*EVEN[:3], row("d", 12.0, 0.05)],
            20.0,
            "d by itself is 28 dB worse than the layers in the middle, and makes 5 % of the loss: look at its weights "
            "and range for one value far out, or keep it in float32",
        ),
        (
            [row("a", 35.0, 0.4, used=0.04), *EVEN[1:]],
            30.0,
            "a uses 4 % of its range and makes 40 % of the loss: samples far out made the range wide; leave them out "
            "of the calibration, or limit the values in the model",
        ),
        (
            [row("a", 35.0, 0.7), *EVEN[1:]],
            30.0,
            "a makes 70 % of the loss: keep this layer alone in a higher scheme",
        ),
        (
            EVEN,
            30.0,
            "no layer stands out: a and b make 60 % of the loss; a higher scheme helps more than a repair",
        ),
        (
            [row(str(number), 40.0, 0.1) for number in range(10)],
            30.0,
            "no layer stands out: it takes 5 layers, 0 first, to make 50 % of the loss; a higher scheme helps more "
            "than a repair",
        ),
    ],
)
def test_the_line(rows, answers_db, line):
    assert advice(rows, answers_db) == line


def test_the_two_rankings_leave_out_what_was_not_measured():
    folded = LayerLoss("e", "Dropout", into="a")
    assert [each.name for each in ranking([*EVEN[::-1], folded])] == ["a", "b", "c", "d"]
    assert [each.name for each in by_share([row("x", 50.0, 0.1), row("y", 60.0, 0.9), folded])] == ["y", "x"]
