"""The mixed target of a plan: when it is searched for, what is asked, and what is said of it."""

from dataclasses import replace

import pytest

from data.original import read_original
from export.checks.gate import Demand, Verdict
from export.formats.format import Conversion
from export.quantization.groups import Group
from export.run import plan as module
from export.run import summary
from export.run.mixed import next_steps
from export.run.mixed_jobs import Measured
from export.run.plan import Plan
from export.run.workers import Outcome
from export.targets import NOT_NEEDED, TARGETS
from runtime.errors import ConversionError
from tests.conftest import ROOT

INT8, MIXED = TARGETS["onnx-int8"], TARGETS["onnx-int8-mixed"]
GROUPS = [Group(name, (name, f"{name}.relu")) for name in ("first", "second", "third", "last")]

NOTHING_HELPS = Outcome(reason="no ranges or biases help", error=ConversionError("no ranges or biases help"))


@pytest.fixture(autouse=True)
def engines(monkeypatch):
    monkeypatch.setattr(module, "_version", lambda engine: "1.0")


@pytest.fixture
def plan(tmp_path):
    original = read_original(ROOT / "artifacts" / "mnist-cnn")
    return Plan(original, [INT8, MIXED], tmp_path, None, None, Demand())


def row(plan, target, lost, status):
    blank = plan.blank_row(target, "onnxruntime")._replace(
        metric_name="accuracy", metric_original=0.9, metric=0.9 - lost, max_abs_error=0.5, samples=5000
    )
    found = blank._replace(metric_drop_low=lost - 0.001, metric_drop_high=lost + 0.001)
    return found.with_verdict(status, None if status == "ok" else "it loses too much")


def after_int8(plan, lost, status):
    found = {step.key: Outcome(value=()) for step in plan.steps()}
    found[plan.key("calibrate", "onnx")] = Outcome(value={"ranges": {}})
    for rung in ("", "rung 1") if status == "failed" else ("",):
        more = [rung] if rung else []
        found[plan.key("build", INT8.name, *more)] = Outcome(value=())
        found[plan.key("verify", INT8.name, "onnxruntime", *more)] = Outcome(
            value=Verdict(row(plan, INT8, lost, status))
        )
    if status == "failed":
        found[plan.key("build", INT8.name, "rung 2")] = NOTHING_HELPS
    return found


def searched(plan, found, losses, left=0.0):
    """Goes through the search: what each group loses in int8, and the share of it that is left where it is kept."""
    asked, higher = [], {}
    while steps := next_steps(plan, found):
        for step in steps:
            asked.append(step.key[3:])
            jobs = [argument for argument in step.arguments(found) if isinstance(argument, Conversion)]
            higher = jobs[0].higher if jobs else higher
            kept = [
                loss * (left if group.name in higher else 1)
                for group, loss in zip(GROUPS, losses, strict=True)
            ]
            values = {
                "groups": GROUPS,
                "alone": sum(kept),
                "plain error": sum(kept),
                "kept": Measured(row(plan, MIXED, sum(kept), "ok"), 2048 if higher else 1024),
            }
            if step.key[1] == "search":
                found[step.key] = Outcome(value=values[step.key[3]])
            else:
                found[step.key] = Outcome(value=("built",) if step.key[1] == "build" else None)
                if step.key[1] == "verify":
                    found[step.key] = Outcome(value=Verdict(row(plan, MIXED, sum(kept), "ok")))
    return asked


def rows(plan, found):
    return [(each.variant, each.status, each.reason) for each in summary.rows(plan, found)]


def test_where_int8_passes_nothing_is_searched_and_there_is_no_row(plan):
    found = after_int8(plan, 0.001, "ok")
    assert next_steps(plan, found) == []
    assert rows(plan, found) == [("onnx-int8", "ok", None)]
    (skipped,) = summary.rows_of(plan, MIXED, found)
    assert (skipped.status, skipped.reason) == ("skipped", NOT_NEEDED)


def test_nothing_is_searched_before_int8_has_been_tried_on_all_rungs(plan):
    found = after_int8(plan, 0.05, "failed")
    for key in [key for key in found if key[-1] in ("rung 1", "rung 2")]:
        del found[key]
    assert {step.key[1] for step in next_steps(plan, found)} == {"build", "verify"}


def test_nothing_is_searched_before_ranges_and_biases_have_been_tried(plan):
    found = after_int8(plan, 0.05, "failed")
    del found[plan.key("build", INT8.name, "rung 2")]
    assert {step.key[1:] for step in next_steps(plan, found)} == {
        ("build", "onnx-int8", "rung 2"),
        ("verify", "onnx-int8", "onnxruntime", "rung 2"),
    }
    found[plan.key("build", INT8.name, "rung 2")] = Outcome(value=("biases",))
    found[plan.key("verify", INT8.name, "onnxruntime", "rung 2")] = Outcome(
        value=Verdict(row(plan, INT8, 0.001, "ok"))
    )
    assert next_steps(plan, found) == []
    assert rows(plan, found) == [("onnx-int8", "ok", None)] and summary.notes(plan, found)["onnx-int8"] == (
        "biases",
    )


def test_the_group_that_loses_is_found_and_kept(plan):
    found = after_int8(plan, 0.05, "failed")
    asked = searched(plan, found, (0.0, 0.0, 0.04, 0.0005))
    assert ("kept", "2", "float16") in asked
    mixed = next(each for each in summary.rows(plan, found) if each.variant == MIXED.name)
    assert mixed.status == "ok"
    assert mixed.reason == "1 of 4 groups of layers keep weights in float16 and compute in float32: third."
    assert summary.notes(plan, found)[MIXED.name] == (
        "1 of 4 groups of layers keep weights in float16 and compute in float32: third.",
        "On the 5,000 test samples that they were chosen by, it loses 0.05 points (95 % interval -0.05 to 0.15) and "
        "int8 4.05 points (95 % interval 3.95 to 4.15); it has +1.0 KiB.",
        "built",
    )


def test_where_nothing_is_enough_the_nearest_and_what_prevents_it_are_named(plan):
    found = after_int8(plan, 0.05, "failed")
    searched(plan, found, (0.03, 0.01, 0.01, 0.0), left=0.5)
    mixed = next(each for each in summary.rows(plan, found) if each.variant == MIXED.name)
    assert mixed.status == "failed"
    assert mixed.reason == (
        "no file with some groups of layers in int8 keeps the budget: the nearest, in which 3 of 4 keep weights in "
        "float16 and compute in float32, loses 2.50 points (95 % interval 2.40 to 2.60) on 5,000 samples; most of the "
        "error of int8's outputs is gone without first (30%), second (10%), third (10%); take onnx-float16"
    )


def test_a_target_that_was_named_is_built_though_int8_passes(plan):
    plan = replace(plan, demand=Demand(named=True))
    found = after_int8(plan, 0.0, "ok")
    searched(plan, found, (0.0, 0.0, 0.0, 0.0))
    assert [each[1] for each in rows(plan, found)] == ["ok", "ok"]


def test_without_labelled_samples_the_reason_is_said(plan):
    plan = replace(plan, missing="mnist not found")
    found = after_int8(plan, 0.05, "failed")
    assert next_steps(plan, found) == []
    assert rows(plan, found)[1] == (
        "onnx-int8-mixed",
        "skipped",
        "what its groups of layers lose is not measured: mnist not found",
    )


def test_a_step_of_the_search_that_fails_ends_it(plan):
    found = after_int8(plan, 0.05, "failed")
    found[plan.key("search", MIXED.name, "groups")] = Outcome(
        reason="no graph", error=ConversionError("no graph")
    )
    assert next_steps(plan, found) == []
    assert rows(plan, found)[1] == ("onnx-int8-mixed", "failed", "not built: no graph")


def test_a_single_group_cannot_be_mixed(plan):
    found = after_int8(plan, 0.05, "failed")
    found[plan.key("search", MIXED.name, "groups")] = Outcome(value=GROUPS[:1])
    assert next_steps(plan, found) == []
    assert rows(plan, found)[1][1:] == (
        "skipped",
        "int8 quantizes one group of layers only; take onnx-float16",
    )


def test_a_budget_that_half_of_which_nothing_keeps_to_may_be_used_up(plan):
    """The last group loses 0.2 points of the 0.3 allowed; kept or not, something loses as much."""
    found = after_int8(plan, 0.05, "failed")
    searched(plan, found, (0.04, 0.0021, 0.0021, 0.0021))
    mixed = next(each for each in summary.rows(plan, found) if each.variant == MIXED.name)
    assert mixed.status == "ok" and "3 of 4 groups" in mixed.reason


def test_where_nothing_is_measured_nothing_is_chosen(plan):
    plan = replace(plan, demand=Demand(named=True))
    found = after_int8(plan, 0.0, "ok")
    (step,) = next_steps(plan, found)
    found[step.key] = Outcome(value=GROUPS)
    for step in next_steps(plan, found):
        blank = plan.blank_row(MIXED, "onnxruntime").with_verdict("ok")
        found[step.key] = Outcome(value=Measured(blank, 1) if step.key[3] == "kept" else 0.1)
    assert next_steps(plan, found) == []
    assert rows(plan, found)[1][1:] == (
        "skipped",
        "what its groups of layers lose is not measured: there are no labels",
    )
