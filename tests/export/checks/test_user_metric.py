"""A metric of the user's own: what it may be, what is said where it is none, and what the gate says by it."""

import re
import shutil
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import data
from data.original import read_original
from export.checks import user_metric
from export.checks.asked_metric import asked
from export.checks.gate import Demand
from export.run import fingerprint
from export.targets import TARGETS
from runtime.bundle.manifest import OutputRecord
from runtime.choose.limits import drop_interval
from runtime.errors import InputError, UsageError
from tests.conftest import ROOT
from tests.export.checks.test_gate import OUTPUT, Perfect, spoilt, verdict

CODE = """
import time
import numpy as np

LIMIT = 0.5

def share_right(targets, answers):
    return np.mean(answers.argmax(axis=1) == targets)

def brier(targets, answers):
    return np.mean((answers - np.eye(10)[targets]) ** 2)

def one_argument(targets):
    return 0.5

def a_list(targets, answers):
    return [0.5]

def a_text(targets, answers):
    return "0.5"

def true(targets, answers):
    return True

def nan(targets, answers):
    return np.nan

def percent(targets, answers):
    return 97.5

def negative(targets, answers):
    return -0.25

def leaves(targets, answers):
    raise SystemExit("enough")

def only_whole(targets, answers):
    if len(np.unique(answers, axis=0)) < 0.9 * len(answers):
        raise ValueError("rows are repeated")
    return 0.5

def sorts_in_place(targets, answers):
    right = share_right(targets, answers)
    targets.sort()
    answers[:] = 0
    return np.array([right])

def slow(targets, answers):
    time.sleep(0.01)
    return share_right(targets, answers)
"""


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    """The folder with the user's module; it is forgotten afterwards."""
    folder = tmp_path_factory.mktemp("users")
    (folder / "users_metrics.py").write_text(CODE)
    (folder / "users_broken.py").write_text("1 / 0\n")
    yield folder
    sys.modules.pop("users_metrics", None)


@pytest.fixture
def digits(tmp_path):
    original = read_original(shutil.copytree(ROOT / "artifacts" / "digits-cnn", tmp_path / "digits-cnn"))
    test = data.load("digits").test
    return original, Perfect(original, test, original.reference()[OUTPUT]), test


def scored(original, users, text):
    """The original with the metric of the option's text in the place of the usual one."""
    given = {name: replace(one, folder=users) for name, one in asked([text]).items()}
    return replace(
        original, record=replace(original.record, metrics=user_metric.of_original(original, given, None))
    )


def test_the_original_is_scored_by_the_users_function(digits, users):
    original, _, _ = digits
    usual = original.record.metrics[OUTPUT]
    (found,) = scored(original, users, "users_metrics:share_right").record.metrics.values()
    assert (found.name, found.better, found.resamples) == ("share_right", "higher", 999)
    assert found.value == pytest.approx(usual.value, abs=1e-9) and found.few_resamples is None
    assert user_metric.direction(found) == "higher" and user_metric.direction(usual) is None
    (named,) = scored(original, users, f"{OUTPUT}=users_metrics:share_right").record.metrics.values()
    assert named.value == found.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "users_nowhere:share_right",
            "users_nowhere cannot be imported (ModuleNotFoundError: No module named 'users_nowhere'); expected a "
            "module in the working folder or an installed one",
        ),
        ("users_broken:f", "users_broken cannot be imported (ZeroDivisionError: division by zero); expected"),
        ("users_metrics:recall", "users_metrics has no recall; it has time, np, LIMIT, share_right, brier"),
        (
            "users_metrics:LIMIT",
            "LIMIT is a float; expected a function f(targets, answers) that returns a number",
        ),
        (
            "users_metrics:one_argument",
            "for the original's answers, targets int64 [360] and answers float32 [360, 10], one_argument raises "
            "TypeError (one_argument() takes 1 positional argument but 2 were given); expected a function "
            "f(targets, answers) that returns a number",
        ),
        ("users_metrics:leaves", "leaves raises SystemExit (enough); expected a function"),
        ("users_metrics:a_list", "a_list returns a list; expected one number"),
        ("users_metrics:a_text", "a_text returns a str; expected one number"),
        ("users_metrics:true", "true returns a bool; expected one number"),
        ("users_metrics:nan", "nan returns nan; expected a finite number"),
        ("users_metrics:percent", "percent returns 97.5; where higher is better, expected a fraction"),
        (
            "users_metrics:negative,lower",
            "negative returns -0.25; where lower is better, expected an error of at least 0",
        ),
        (
            "users_metrics:only_whole",
            "for a resample of the original's answers, targets int64 [360] and answers float32 [360, 10], only_whole "
            "raises ValueError (rows are repeated)",
        ),
    ],
)
def test_what_is_no_metric_is_said_in_one_line(digits, users, text, said):
    original, _, _ = digits
    with pytest.raises(UsageError) as caught:
        scored(original, users, text)
    assert str(caught.value).startswith(f"--metric {text}: ") and said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_output_that_is_not_there_and_data_without_targets_are_refused(digits, users, monkeypatch):
    original, _, test = digits
    with pytest.raises(
        UsageError, match="--metric price=users_metrics:brier,lower: the model has no output of this"
    ):
        scored(original, users, "price=users_metrics:brier,lower")
    monkeypatch.setattr(user_metric, "load_test_data", lambda *_: data.Split(test.inputs, {}))
    said = f"--metric users_metrics:brier: the test data of digits-cnn have no targets for {OUTPUT}"
    with pytest.raises(UsageError, match=re.escape(said)):
        scored(original, users, "users_metrics:brier")

    def missing(*_):
        raise data.DatasetNotFound("no test data were given with digits-cnn (--test DATA)")

    monkeypatch.setattr(user_metric, "load_test_data", missing)
    with pytest.raises(
        UsageError, match="--metric needs labelled samples: no test data were given with digits-cnn"
    ):
        scored(original, users, "users_metrics:brier")


def test_a_module_that_brings_tensorflow_along_is_refused(digits, users, monkeypatch):
    original, _, _ = digits
    (users / "users_heavy.py").write_text(f"import sys\n{CODE}\nsys.modules['tensorflow'] = time\n")
    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace())  # removed again at the end
    monkeypatch.delitem(sys.modules, "tensorflow")
    with pytest.raises(
        UsageError, match="users_heavy imports TensorFlow, beside which tflite-runtime loads no"
    ):
        scored(original, users, "users_heavy:brier")
    assert scored(original, users, "users_metrics:brier")  # who brought it here was another


def test_a_slow_function_gets_fewer_resamples_and_the_row_says_so(digits, users, monkeypatch):
    original, run, test = digits
    monkeypatch.setattr(user_metric, "COMPARE_S", 1.0)
    slow = scored(original, users, "users_metrics:slow")
    (found,) = slow.record.metrics.values()
    assert found.resamples == 99 and 0.01 <= found.seconds < 1
    slow.record.metrics[OUTPUT] = replace(found, resamples=100, seconds=0.06)
    row = verdict(
        spoilt(run, lambda out: out * np.float32(0.999)), slow, "tflite-int8", test, Demand(budget=2.0)
    ).row
    assert row.status == "ok"
    assert row.reason == "its interval is of 100 resamples, since a call of slow takes 0.06 s"
    unproven = verdict(run, slow, "tflite-int8", test).row
    assert unproven.status == "unproven" and unproven.reason.endswith(
        "would decide; its interval is of 100 resamples, since a call of slow takes 0.06 s"
    )
    monkeypatch.setattr(user_metric, "SLOWEST_S", 0.009)
    with pytest.raises(
        UsageError, match=r"a call takes 0\.\d+ s for 360 samples, and every file needs 198 of them"
    ):
        scored(original, users, "users_metrics:slow")


def confused(rows):
    """Answers whose class is another in so many rows of a batch of many."""

    def change(answers):
        answers = answers.copy()
        if len(answers) > 32:
            answers[:rows] = np.roll(answers[:rows], 1, axis=1)
        return answers

    return change


@pytest.mark.parametrize(
    ("rows", "budget", "status"),
    [(0, 2.0, "ok"), (0, 0.3, "unproven"), (4, 5.0, "ok"), (4, 1.5, "unproven"), (9, 1.0, "failed")],
)
def test_its_verdict_and_interval_agree_with_those_of_accuracy_where_it_is_accuracy(
    digits, users, rows, budget, status
):
    original, run, test = digits
    wrong = spoilt(run, confused(rows))
    usual = verdict(wrong, original, "tflite-int8", test, Demand(budget=budget)).row
    own = verdict(
        wrong,
        scored(original, users, "users_metrics:share_right"),
        "tflite-int8",
        test,
        Demand(budget=budget),
    ).row
    assert own.status == usual.status == status
    assert (own.metric_name, own.metric_better, usual.metric_better) == ("share_right", "higher", None)
    assert (own.metric, own.metric_original) == pytest.approx((usual.metric, usual.metric_original))
    assert own.flips == usual.flips == rows and own.samples == usual.samples
    # In points. A bootstrap is as wide but for its steps of a sample, and the one that Bonett and Price add.
    assert drop_interval(own) == pytest.approx(drop_interval(usual), abs=2 * 100 / len(test))


def test_what_is_better_lower_is_held_to_percent(digits, users):
    original, run, test = digits
    own = scored(original, users, "users_metrics:brier,lower")
    equal = verdict(run, own, "tflite-int8", test).row
    assert equal.status == "ok" and equal.metric_better == "lower" and drop_interval(equal) == (0, 0)
    worse = verdict(spoilt(run, lambda out: out * np.float32(0.8)), own, "tflite-int8", test, Demand(5.0)).row
    lost = (worse.metric / worse.metric_original - 1) * 100
    assert worse.status == "failed" and lost > 5
    assert worse.reason.startswith(
        f"brier {worse.metric:.4g}, the original has {worse.metric_original:.4g}: "
    )
    assert f"it loses {lost:.2f} %, more than the 5 allowed" in worse.reason
    low, high = drop_interval(worse)
    assert low < lost < high
    generous = verdict(
        spoilt(run, lambda out: out * np.float32(0.8)), own, "tflite-int8", test, Demand(1e5)
    ).row
    assert generous.status == "ok"


def test_a_function_that_fails_for_a_file_fails_its_row_with_the_line(digits, users):
    original, run, test = digits
    own = scored(original, users, "users_metrics:share_right")
    (found,) = own.record.metrics.values()
    own.record.metrics[OUTPUT] = replace(found, asked=replace(found.asked, place="users_metrics:percent"))
    for target in ("tflite-float32", "tflite-int8"):
        row = verdict(run, own, target, test).row
        assert row.status == "failed"
        assert row.reason.startswith(
            "--metric users_metrics:percent: for this file's answers, targets int64 [360]"
        )


def test_what_the_function_does_to_its_arrays_stays_there(digits, users):
    original, run, test = digits
    before = {OUTPUT: test.targets[OUTPUT].copy()}
    own = scored(original, users, "users_metrics:sorts_in_place")
    row = verdict(run, own, "tflite-int8", test, Demand(budget=2.0)).row
    assert row.metric == pytest.approx(original.record.metrics[OUTPUT].value) and row.status == "ok"
    np.testing.assert_array_equal(test.targets[OUTPUT], before[OUTPUT])


def test_a_slow_file_is_asked_about_all_samples(digits, users, monkeypatch):
    original, run, test = digits
    for design in ("looks", "for_parity"):
        monkeypatch.setattr(f"export.checks.gate.interim.{design}", lambda samples, seconds: [100])
    own = scored(original, users, "users_metrics:share_right")
    for target in ("tflite-int8", "tflite-float32"):
        assert verdict(run, original, target, test).row.samples == 100
        assert verdict(run, own, target, test).row.samples == len(test)


def test_a_bundle_depends_on_the_function_its_direction_and_its_file(digits, users):
    original, _, _ = digits

    def digest(found):
        return fingerprint.digest(found, [TARGETS["tflite-int8"]], True, Demand())

    own = scored(original, users, "users_metrics:brier,lower")
    (found,) = own.record.metrics.values()
    others = [original, own, scored(original, users, "users_metrics:brier")]
    for other in (replace(found, source="0" * 64), replace(found, value=0.5)):
        others.append(replace(own, record=replace(own.record, metrics={OUTPUT: other})))
    assert len({digest(each) for each in others}) == len(others)
    slower = replace(found, seconds=1.0, resamples=99)
    assert digest(replace(own, record=replace(own.record, metrics={OUTPUT: slower}))) == digest(own)


def test_targets_have_the_shape_of_the_answers_where_they_are_as_many():
    quantiles = OutputRecord("price", (3,), "regression")
    value = OutputRecord("price", (1,), "regression")
    assert user_metric.users_targets(value, np.arange(4.0), 4).shape == (4, 1)
    assert user_metric.users_targets(quantiles, np.arange(4.0), 4).shape == (4,)
    kind = OutputRecord("kind", (2,), "classification", labels=("a", "b"))
    with pytest.raises(InputError, match="they must be class numbers from 0 to 1"):
        user_metric.users_targets(kind, np.arange(4), 4)
