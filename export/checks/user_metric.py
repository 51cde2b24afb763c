"""A metric of the user's own at work: what the original scores with it, and its calls.

The function is code of the user's, whom it is named by; nothing out of a model's file is run.  It stays on the export
machine: a device shows what was measured here.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import numbers
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import data
from data.original import Original
from data.trained_model import MetricRecord
from export.checks.asked_metric import AskedMetric
from export.checks.statistics import RESAMPLES
from export.trained import user_code
from export.trained.names import Names, by_public_name
from export.trained.samples import load_test_data
from runtime.bundle.manifest import OutputRecord
from runtime.errors import InputError, UsageError, first_line
from runtime.measure.metric import checked_targets

# There are fewer resamples than usual where they would take longer than COMPARE_S for one file on one engine; the ends
# of a 95 % interval need some.
FEWEST = 99
COMPARE_S = 20.0
SLOWEST_S = 2.0  # a call; FEWEST resamples then take seven minutes a file
_SEED = 7


@dataclass(frozen=True)
class UserMetric(MetricRecord):
    """A metric of the user's own, and what the original scores with it on all of its test data.

    Attributes:
        asked: what the user said.
        source: SHA-256 of the file with the function; None where it is in none.
        resamples: how many are drawn for the interval of a drop.
        seconds: what one call takes.
    """

    asked: AskedMetric
    source: str | None
    resamples: int
    seconds: float

    @property
    def better(self) -> str:
        """Which scores are better, "higher" or "lower"."""
        return self.asked.better

    @property
    def identity(self) -> tuple[str, ...]:
        """What a bundle depends on: where nothing of it changes, nothing has to be measured anew."""
        return str(self.asked), str(self.source), f"{self.value!r}"

    @property
    def few_resamples(self) -> str | None:
        """A sentence on the interval, where it is of fewer resamples than usual."""
        if self.resamples == RESAMPLES:
            return None
        return f"its interval is of {self.resamples} resamples, since a call of {self.name} takes {self.seconds:.2g} s"


def direction(record: MetricRecord) -> str | None:
    """Which scores of a metric of the user's own are better; None for a metric that has its own table row."""
    return record.better if isinstance(record, UserMetric) else None


def of_original(
    original: Original, asked: Mapping[str, AskedMetric], data_dir: str | None
) -> dict[str, MetricRecord]:
    """The original's metrics, with the user's own in the place of others; runs in a worker without TensorFlow.

    Raises:
        UsageError: a function cannot be imported or called, there are no targets for it, or an output is unknown.
        DataError: the test data are damaged.
    """
    record = original.record
    outputs = {given.name: given for given in record.outputs}
    inputs = tuple(taken.name for taken in record.inputs)
    names = Names(
        inputs, tuple(outputs), {name: record.source.names.get(name, name) for name in (*inputs, *outputs)}
    )
    bound = by_public_name("--metric", asked, names, tuple(outputs), "output")
    try:
        test = load_test_data(original, data_dir)
    except data.DatasetNotFound as error:
        raise UsageError(f"--metric needs labelled samples: {error}") from None
    reference = original.reference()
    found: dict[str, MetricRecord] = dict(record.metrics)
    for name, one in bound.items():
        if reference is None or name not in test.targets:
            raise UsageError(f"--metric {one}: the test data of {original.name} have no targets for {name}")
        targets = users_targets(outputs[name], test.targets[name], len(test))
        found[name] = _of_one(one, targets, reference[name])
    return found


def _of_one(one: AskedMetric, targets: np.ndarray, answers: np.ndarray) -> UserMetric:
    before = "tensorflow" in sys.modules  # as in a script that imports Keras, which every worker runs
    function = _function(one)
    if "tensorflow" in sys.modules and not before:
        raise UsageError(
            f"--metric {one}: {one.place.partition(':')[0]} imports TensorFlow, beside which tflite-runtime loads no "
            "model; compute the metric with numpy or scikit-learn, in a module without TensorFlow"
        )
    value = score(one, targets, answers, "the original's answers")
    began = perf_counter()
    drawn = np.random.default_rng(_SEED).integers(0, len(answers), len(answers))
    score(one, targets[drawn], answers[drawn], "a resample of the original's answers")
    seconds = perf_counter() - began
    if seconds > SLOWEST_S:
        raise UsageError(
            f"--metric {one}: a call takes {seconds:.1f} s for {len(answers):,} samples, and every file needs "
            f"{2 * FEWEST} of them; make it faster than {SLOWEST_S:g} s, or give fewer samples with --test"
        )
    resamples = int(min(RESAMPLES, max(FEWEST, COMPARE_S / (2 * seconds))))
    return UserMetric(one.name, value, "test", one, _source(function), resamples, seconds)


def users_targets(record: OutputRecord, targets: np.ndarray, count: int) -> np.ndarray:
    """Targets as the user's function gets them: class numbers [n, …], values in the shape of the answers.

    Where there are not as many values as answers they keep the shape that they were given in.
    """
    try:
        return checked_targets(record, targets, count)
    except InputError:
        if record.labels is not None:
            raise
        return np.asarray(targets)


def score(one: AskedMetric, targets: np.ndarray, answers: np.ndarray, whose: str) -> float:
    """What the user's function says; its errors as one line of ours.

    Args:
        one: the metric.
        targets: [n, …].
        answers: [n, …shape].
        whose: whose answers they are, for errors.

    Raises:
        UsageError: the function raises, or gives anything but a number that a metric of this direction may have.
    """
    function = _function(one)
    given = f"--metric {one}: for {whose}, targets {_kind(targets)} and answers {_kind(answers)}, {one.name}"
    try:
        # Copies: a function that sorts in place must not change what the next one gets.
        found: Any = function(targets.copy(), answers.copy())
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise UsageError(
            f"{given} raises {type(error).__name__} ({first_line(error)}); expected a function f(targets, answers) "
            "that returns a number"
        ) from error
    if isinstance(found, np.ndarray) and found.size == 1:
        found = found.reshape(())[()]
    if not isinstance(found, numbers.Real | np.floating | np.integer) or isinstance(found, bool | np.bool_):
        raise UsageError(f"{given} returns a {type(found).__name__}; expected one number")
    value = float(found)
    if not math.isfinite(value):
        raise UsageError(f"{given} returns {value:g}; expected a finite number")
    if one.better == "higher" and value > 1:
        raise UsageError(
            f"{given} returns {value:g}; where higher is better, expected a fraction as accuracy is, of at most 1: its "
            "drop is in percentage points (where lower is better, write --metric MODULE:FUNCTION,lower)"
        )
    if one.better == "lower" and value < 0:
        raise UsageError(
            f"{given} returns {value:g}; where lower is better, expected an error of at least 0: its drop is in per "
            "cent of the original's"
        )
    return value


def _function(one: AskedMetric) -> Any:
    found = user_code.imported(f"--metric {one}", one.place, one.folder)
    if not callable(found):
        raise UsageError(
            f"--metric {one}: {one.name} is a {type(found).__name__}; expected a function f(targets, answers) that "
            "returns a number"
        )
    return found


def _kind(values: np.ndarray) -> str:
    return f"{values.dtype} {list(values.shape)}"


def _source(function: Any) -> str | None:
    try:
        return hashlib.sha256(Path(inspect.getsourcefile(function) or "").read_bytes()).hexdigest()
    except (TypeError, OSError):
        return None
