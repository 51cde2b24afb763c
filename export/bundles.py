"""The bundles of trained models: built, or taken up as they are where nothing has changed that they are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from data.original import Original
from export.checks import user_metric
from export.checks.asked_metric import AskedMetric
from export.checks.gate import Demand
from export.run import fingerprint, pipeline, steps
from export.run.pipeline import Tell
from export.run.workers import Workers
from export.targets import Target
from export.trained.samples import why_no_test_data
from runtime.errors import EdgeProofError, UsageError
from runtime.measure.row import MeasuredRow


@dataclass(frozen=True)
class Order:
    """What is made of each model.

    Attributes:
        targets: the targets.
        out: the folder that bundles go below.
        demand: what is asked of quantized files.
        data_dir: where datasets are looked for first; None for where they are usually.
        force: whether what has not changed is built all the same.
        metrics: by output, the user's own metric of it.
    """

    targets: list[Target]
    out: Path
    demand: Demand = field(default_factory=Demand)
    data_dir: str | None = None
    force: bool = False
    metrics: Mapping[str, AskedMetric] = field(default_factory=dict)


@dataclass
class Made:
    """The rows of each model by its name, and the names of those whose bundle is of an earlier run."""

    rows: dict[str, list[MeasuredRow]] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)


def make(workers: Workers, originals: list[Original], order: Order, tell: Tell) -> Made:
    """Makes the bundles of these models in `order.out`/<model>/bundle; `tell` is told of the progress.

    Raises:
        DataError: a file of a dataset is damaged.
        UsageError: a metric of the user's own cannot be computed.
        EdgeProofError: the folder cannot be written.
    """
    originals = _with_metrics(workers, originals, order)
    missing = {found.name: why_no_test_data(found, order.data_dir) for found in originals}
    made = Made()
    for found in originals if not order.force else ():
        state = fingerprint.digest(found, order.targets, missing[found.name] is None, order.demand)
        same = fingerprint.unchanged(order.out / found.name / "bundle", state)
        if same is not None:
            made.rows[found.name] = same
            made.unchanged.append(found.name)
    changed = [found for found in originals if found.name not in made.rows]
    if changed:
        for done in pipeline.export(
            workers, changed, order.targets, order.out, order.data_dir, missing, tell, order.demand
        ):
            made.rows[done.original.name] = done.rows
    return made


def _with_metrics(workers: Workers, originals: list[Original], order: Order) -> list[Original]:
    """The models with what each scores by the user's own metrics: they are tried before anything is built."""
    if not order.metrics:
        return originals
    wanted = [
        steps.Step(
            (found.name, "metric"),
            "device",
            user_metric.of_original,
            steps.given(found, order.metrics, order.data_dir),
        )
        for found in originals
    ]
    outcomes = steps.run(workers, wanted, lambda step, outcome: None)
    scored = []
    for found in originals:
        outcome = outcomes[found.name, "metric"]
        if isinstance(outcome.error, EdgeProofError):
            raise outcome.error
        if not outcome.ok:
            raise UsageError(f"--metric cannot be computed for {found.name}: {outcome.reason}")
        scored.append(replace(found, record=replace(found.record, metrics=outcome.value)))
    return scored
