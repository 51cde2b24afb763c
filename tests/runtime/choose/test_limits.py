"""The limits that a variant must keep, and the numbers that stand nowhere else."""

import re

import pytest

from runtime.choose.limits import BUDGETS, SAME_WIDTH, TIE_WIDTH, Limits, problems
from runtime.measure.metric import METRICS
from tests.conftest import ROOT
from tests.rows import measured


@pytest.mark.parametrize(
    ("drop", "max_drop", "max_size", "words"),
    [
        (None, None, None, ""),
        (0.3, None, None, ""),
        (0.31, None, None, "it loses 0.31 points, more than the 0.3 allowed"),
        (0.51, 1, None, ""),
        (0.01, 0, None, "it loses 0.01 points, more than the 0 allowed"),
        (-0.3, 0, None, ""),
        (None, 5, None, "what it loses was not measured, and the drop is limited"),
        (None, None, 6112, ""),
        (None, None, 6111, "its file has 6112 bytes, more than the 6111 allowed"),
    ],
)
def test_why_a_variant_is_not_considered(drop, max_drop, max_size, words):
    row = measured(latency_us=1, size_bytes=6112)
    found = problems(row, drop, Limits(drop=max_drop, size_bytes=max_size))
    assert "; ".join(problem.why for problem in found) == words


def test_the_budget_of_an_error_is_in_percent():
    row = measured(latency_us=1, metric_name="rmse")
    assert not list(problems(row, 1.0, Limits()))
    (problem,) = problems(row, 1.01, Limits())
    assert problem == ("drop", 1.01, "it loses 1.01 %, more than the 1 allowed", False)


def test_a_drop_of_exactly_the_budget_is_within_it_whatever_floats_say():
    drop = (0.9936 - 0.9906) * 100
    assert drop > 0.3 and not list(problems(measured(latency_us=1), drop, Limits()))


def test_every_metric_has_a_budget():
    assert {metric.drop_unit for metric in METRICS.values()} == set(BUDGETS)


def test_the_numbers_of_the_rule_stand_nowhere_else():
    assert (BUDGETS, TIE_WIDTH, SAME_WIDTH) == ({"points": 0.3, "%": 1.0}, 0.05, 0.02)
    owner = re.compile(
        r"\b(MAX_[A-Z_]*(DROP|RISE)|BUDGETS?|TIE|TIE_WIDTH|SAME_WIDTH|_TIE)\b *=", re.MULTILINE
    )
    files = [path for package in ("export", "runtime") for path in (ROOT / package).rglob("*.py")]
    owners = {path.relative_to(ROOT).as_posix() for path in files if owner.search(path.read_text())}
    assert owners == {"runtime/choose/limits.py"}
