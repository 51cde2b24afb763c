"""What has to be done for a model, and what becomes of it: rungs, refusals, engines without kernels."""

from dataclasses import replace
from pathlib import Path

import pytest

from data.original import read_original
from export.checks.gate import Demand, Verdict
from export.formats.format import NothingToQuantize, TracedNote
from export.formats.table import FORMATS
from export.run import plan as module
from export.run import summary
from export.run.plan import Plan
from export.run.workers import Outcome
from export.targets import PLAIN, TARGETS
from runtime.errors import ConversionError, DataError, EngineError
from runtime.measure.row import MeasuredRow
from tests.conftest import ROOT

INT8 = TARGETS["tflite-int8"]
FAILED = Outcome(reason="no such kernel: SQRT", error=EngineError("no such kernel: SQRT"))


@pytest.fixture(autouse=True)
def engines(monkeypatch):
    monkeypatch.setattr(module, "_version", lambda engine: "1.0")


@pytest.fixture
def original():
    return read_original(ROOT / "artifacts" / "digits-cnn")


@pytest.fixture
def plan(original, tmp_path):
    return Plan(original, [INT8], tmp_path, None, "there is no data", Demand())


def outcome(plan, engine, status="ok"):
    return Outcome(
        value=Verdict(
            plan.blank_row(INT8, engine).with_verdict(status, None if status == "ok" else "far off")
        )
    )


def results(plan, *rungs):
    """The results of a plan whose int8 file was tried on each rung: the outcomes on LiteRT and tflite-runtime."""
    found = {step.key: Outcome(value=()) for step in plan.steps()}
    for rung, outcomes in enumerate(rungs):
        more = [f"rung {rung}"] if rung else []
        found[plan.key("build", INT8.name, *more)] = Outcome(value=(f"built on rung {rung}",))
        for engine, each in zip(INT8.engines, outcomes, strict=True):
            found[plan.key("verify", INT8.name, engine, *more)] = each
    return found


def statuses(plan, found):
    return [(row.engine, row.status, row.reason) for row in summary.rows(plan, found)]


def test_the_steps_are_those_of_the_targets_and_of_what_they_are_made_from(plan):
    assert [step.key[1:] for step in plan.steps()] == [
        ("build", "saved_model"),
        ("build", "tflite-float32"),
        ("build", "tflite-int8"),
        ("sensitivity", "original"),
        ("calibrate", "tflite"),
        ("verify", "tflite-int8", "litert"),
        ("verify", "tflite-int8", "tflite-runtime"),
    ]


def test_float32_is_verified_once_it_is_known_what_rounding_does_to_the_original(original, tmp_path):
    plan = Plan(original, [TARGETS["onnx-float32"]], tmp_path, None, "there is no data", Demand())
    (verify,) = [step for step in plan.steps() if step.key[1] == "verify"]
    measured = plan.key("sensitivity", "original")
    assert measured in verify.after
    found = results(plan) | {measured: Outcome(value={"probabilities": 0.25})}
    *_, moved, kept = verify.arguments(found)
    assert moved == plan.sensitivity(found) == {"probabilities": 0.25}
    assert kept == 32
    assert plan.sensitivity(found | {measured: Outcome(reason="it cannot be loaded")}) == {}


def test_what_became_of_layers_is_said_of_every_file_and_repairs_of_those_of_few_bits(original, tmp_path):
    plan = Plan(original, list(PLAIN.values()), tmp_path, None, "there is no data", Demand())
    found = {step.key: Outcome(value=("of itself",)) for step in plan.steps() if step.key[1] != "verify"}
    said = (TracedNote("The layer lstm is a loop."), "Channels are balanced.")
    found[plan.key("build", "saved_model")] = Outcome(value=said)
    notes = summary.notes(plan, found)
    assert notes.pop("saved_model") == said
    assert len(notes) == 9
    for name, sentences in notes.items():
        repaired = () if name.endswith("float32") else said[1:]
        assert sentences == (said[0], *repaired, "of itself"), name
    calibrate = next(step for step in plan.steps() if step.key[1] == "calibrate")
    _, repairs = calibrate.arguments(found)[-1]
    assert repairs == said[1:]  # ranges do not depend on what is said of layers


def test_the_golden_samples_have_room_for_the_answers_of_the_targets_asked_for(tmp_path):
    stream = read_original(ROOT / "artifacts" / "streaming-gru")

    def rows(demand, *names):
        return Plan(stream, [TARGETS[name] for name in names], tmp_path, None, None, demand).golden_rows

    static = ["tflite-int8", "tflite-int16x8", "onnx-int8", "tflite-float32"]
    assert rows(Demand(), "saved_model") == rows(Demand(), "saved_model", "onnx-int8") == 32
    assert 4 <= rows(Demand(), *TARGETS) < rows(Demand(), *static) < 32
    # A mixed file takes the place of plain int8, unless it is built beside it because it was named.
    assert rows(Demand(), *static, "tflite-int8-mixed") == rows(Demand(), *static)
    assert rows(Demand(named=True), *static, "tflite-int8-mixed") < rows(Demand(), *static)


def test_where_every_engine_runs_a_file_no_other_rung_is_tried(plan):
    found = results(plan, [outcome(plan, "litert"), outcome(plan, "tflite-runtime")])
    assert plan.next_rung(found) == []
    assert summary.notes(plan, found) == {"tflite-int8": ("built on rung 0",)}


def agreeing(plan, engine, share, samples=1000):
    row = plan.blank_row(INT8, engine)._replace(max_abs_error=0.3, top1_agreement=share, samples=samples)
    return Outcome(value=Verdict(row.with_verdict("ok", None)))


@pytest.mark.parametrize(("share", "tuned"), [(0.9799, True), (0.98, False), (None, False), (0.0, True)])
def test_a_file_that_often_decides_otherwise_is_tuned_though_it_keeps_the_budget(plan, share, tuned):
    found = results(plan, [agreeing(plan, "litert", 0.99), agreeing(plan, "tflite-runtime", share)])
    found[plan.key("calibrate", "tflite")] = Outcome(value={"ranges": {}})
    last = f"rung {len(FORMATS['tflite'].rungs)}"
    steps = plan.next_rung(found)
    assert [step.key[1:] for step in steps] == (
        [
            ("build", "tflite-int8", last),
            ("verify", "tflite-int8", "litert", last),
            ("verify", "tflite-int8", "tflite-runtime", last),
        ]
        if tuned
        else []
    )
    assert replace(plan, demand=Demand(repairs=("fold",))).next_rung(found) == []
    for step in steps:  # where nothing helps, the file stays as it is
        found[step.key] = Outcome(reason="nothing helps", error=ConversionError("nothing helps"))
    assert plan.next_rung(found) == []
    assert [status for _, status, _ in statuses(plan, found)] == ["ok", "ok"]
    assert summary.notes(plan, found) == {"tflite-int8": ("built on rung 0",)}


def test_golden_samples_alone_do_not_tell_whether_a_file_often_decides_otherwise(plan):
    found = results(plan, [agreeing(plan, engine, 0.97, samples=None) for engine in INT8.engines])
    assert plan.next_rung(found) == []


def test_a_tuned_file_takes_the_place_of_one_that_passed_too(plan):
    found = results(plan, [agreeing(plan, engine, 0.97) for engine in INT8.engines])
    found[plan.key("calibrate", "tflite")] = Outcome(value={"ranges": {}})
    for step in plan.next_rung(found):
        found[step.key] = (
            Outcome(value=("tuned",)) if step.key[1] == "build" else agreeing(plan, "litert", 0.99)
        )
    assert plan.next_rung(found) == []
    assert [row.top1_agreement for row in summary.rows(plan, found)] == [0.99, 0.99]
    assert summary.notes(plan, found) == {"tflite-int8": ("tuned",)}


@pytest.mark.parametrize("bad", [FAILED, "failed"])
def test_where_an_engine_fails_the_next_rung_is_tried_until_there_is_none(plan, bad):
    wrong = outcome(plan, "tflite-runtime", bad) if isinstance(bad, str) else bad
    tried = [[outcome(plan, "litert"), wrong]]
    for rung in range(1, len(FORMATS["tflite"].rungs)):
        steps = plan.next_rung(results(plan, *tried))
        assert [step.key[1:] for step in steps] == [
            ("build", "tflite-int8", f"rung {rung}"),
            ("verify", "tflite-int8", "litert", f"rung {rung}"),
            ("verify", "tflite-int8", "tflite-runtime", f"rung {rung}"),
        ]
        conversion = steps[0].arguments(
            {**results(plan, *tried), plan.key("calibrate", "tflite"): Outcome(value={"ranges": {}})}
        )[2]
        assert conversion.rung == rung and conversion.destination.parent.name == f"rung-{rung}"
        tried.append(tried[0])
    assert plan.next_rung(results(plan, *tried)) == []


def off(plan, engine):
    """A file that runs and answers too far from the original."""
    row = plan.blank_row(INT8, engine)._replace(max_abs_error=0.9)
    return Outcome(value=Verdict(row.with_verdict("failed", "far off")))


def test_where_no_rung_keeps_the_budget_ranges_and_biases_are_tried_once(plan):
    lossy = [off(plan, engine) for engine in INT8.engines]
    last = len(FORMATS["tflite"].rungs)
    found = results(plan, *[lossy] * last)
    found[plan.key("calibrate", "tflite")] = Outcome(value={"ranges": {"image": [0.0, 1.0]}})
    steps = plan.next_rung(found)
    assert [step.key[1:] for step in steps] == [
        ("build", "tflite-int8", f"rung {last}"),
        ("verify", "tflite-int8", "litert", f"rung {last}"),
        ("verify", "tflite-int8", "tflite-runtime", f"rung {last}"),
    ]
    format_, conversion, engine, _, _, wanted = steps[0].arguments(found)
    assert (format_.name, conversion.rung, engine) == ("tflite", 0, "litert")
    assert wanted == ("ranges", "rounding", "bias") and conversion.ranges == {"image": (0.0, 1.0)}
    tuned = results(plan, *[lossy] * (last + 1))
    assert plan.next_rung(tuned) == []
    assert summary.notes(plan, tuned)["tflite-int8"] == (f"built on rung {last}",)
    none = replace(plan, demand=Demand(repairs=("fold", "balance")))
    assert none.next_rung(found) == []


def test_where_ranges_and_biases_do_not_help_the_file_is_the_one_before(plan):
    lossy = [off(plan, engine) for engine in INT8.engines]
    rungs = [lossy] * len(FORMATS["tflite"].rungs)
    found = results(plan, *rungs, [FAILED, FAILED])
    found[plan.key("build", "tflite-int8", f"rung {len(rungs)}")] = FAILED
    assert plan.next_rung(found) == []
    assert summary.notes(plan, found)["tflite-int8"] == ("built on rung 0",)
    assert {status for _, status, _ in statuses(plan, found)} == {"failed"}


def test_the_first_rung_that_most_engines_run_is_taken(plan):
    one = [outcome(plan, "litert"), FAILED]
    both = [outcome(plan, "litert"), outcome(plan, "tflite-runtime")]
    lossy = [outcome(plan, "litert", "failed"), outcome(plan, "tflite-runtime", "failed")]
    for rungs, best in (
        ([one, both], 1),
        ([one, one], 0),
        ([[FAILED, FAILED], one, both], 2),
        ([[FAILED, FAILED], lossy], 1),  # what runs and loses too much says more than what does not run
        ([one, lossy], 0),
    ):
        found = results(plan, *rungs)
        for rung in range(len(rungs)):
            file = plan.file(INT8, rung)
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"rung {rung}")
        assert summary.notes(plan, found)["tflite-int8"] == (f"built on rung {best}",)
        plan.settle(found)
        assert plan.file(INT8).read_text() == f"rung {best}" and not list(plan.staging.glob("rung-*"))


def test_an_engine_that_refuses_what_another_runs_is_skipped_with_what_it_says(plan):
    found = results(plan, [outcome(plan, "litert"), FAILED])
    assert statuses(plan, found) == [
        ("litert", "ok", "budget not checked: there is no data"),
        ("tflite-runtime", "skipped", "no such kernel: SQRT"),
    ]
    assert list(summary.verdicts(plan, found)["tflite-int8"]) == ["litert"]


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("classification", "there are no labels"),
        ("tensor", "no metric is known for the task tensor; name the task with --task"),
    ],
)
def test_without_a_score_the_reason_is_the_labels_or_the_task(plan, task, why):
    outputs = tuple(output._replace(task=task) for output in plan.original.record.outputs)
    original = replace(plan.original, record=replace(plan.original.record, outputs=outputs))
    plan = replace(plan, original=original, missing=None)
    found = results(plan, [outcome(plan, "litert"), outcome(plan, "tflite-runtime")])
    assert {reason for _, _, reason in statuses(plan, found)} == {f"budget not checked: {why}"}


def test_so_it_is_where_the_other_has_lost_too_much(plan):
    found = results(plan, [outcome(plan, "litert", "failed"), FAILED])
    assert [status for _, status, _ in statuses(plan, found)] == ["failed", "skipped"]


def test_a_file_that_no_engine_runs_has_failed(plan):
    found = results(plan, [FAILED, FAILED])
    assert [status for _, status, _ in statuses(plan, found)] == ["failed", "failed"]
    assert summary.verdicts(plan, found) == {}


def test_static_targets_of_a_users_model_without_calibration_data_are_skipped_and_those_of_others_fail(
    plan, original
):
    missing = Outcome(reason="no samples; --calibration", error=DataError("no samples; --calibration"))
    found = results(plan, [missing, missing])
    found[plan.key("calibrate", "tflite")] = found[plan.key("build", INT8.name)] = missing
    assert plan.next_rung(found) == []
    assert {row[1:] for row in statuses(plan, found)} == {("failed", "not built: no samples; --calibration")}
    users = replace(plan, original=replace(original, record=replace(original.record, dataset=None)))
    assert {row[1:] for row in statuses(users, found)} == {("skipped", "no samples; --calibration")}
    broken = Outcome(reason="no", error=ConversionError("no"))
    assert {row[1:] for row in statuses(users, found | {plan.key("build", INT8.name): broken})} == {
        ("failed", "not built: no")
    }


def test_a_model_with_nothing_to_quantize_is_no_failure(plan):
    """The float32 file is what there is to ship: fewer bits would change nothing in it."""
    found = results(plan, [FAILED, FAILED])
    found[plan.key("build", INT8.name)] = Outcome(reason="none", error=NothingToQuantize("none"))
    assert {row[1:] for row in statuses(plan, found)} == {("skipped", "none")}


def test_a_format_that_cannot_express_the_model_has_no_steps_and_says_why_and_the_others_go_on(
    original, tmp_path
):
    record = replace(original.record, refused={"onnx": "the layer 'lstm' keeps its state"})
    targets = [TARGETS["onnx-float32"], TARGETS["onnx-int8"], TARGETS["tflite-float32"]]
    plan = Plan(replace(original, record=record), targets, tmp_path, None, None, Demand())
    assert {step.key[2] for step in plan.steps()} == {"saved_model", "tflite-float32", "original"}
    found = {step.key: Outcome(value=()) for step in plan.steps()}
    for engine in ("litert", "tflite-runtime"):
        row: MeasuredRow = plan.blank_row(TARGETS["tflite-float32"], engine).with_verdict("ok")
        found[plan.key("verify", "tflite-float32", engine)] = Outcome(value=Verdict(row))
    assert [(row.variant, row.status, row.reason) for row in summary.rows(plan, found)] == [
        ("onnx-float32", "failed", "the layer 'lstm' keeps its state"),
        ("onnx-int8", "failed", "the layer 'lstm' keeps its state"),
        ("tflite-float32", "ok", None),
        ("tflite-float32", "ok", None),
    ]
    assert isinstance(plan.file(TARGETS["onnx-int8"]), Path)
