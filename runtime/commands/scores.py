"""Scores on labelled data that was given here: a row for each output of a variant, and the one that counts."""

import math
from collections.abc import Iterable, Mapping, Sequence

from runtime.bundle.golden import Golden
from runtime.bundle.manifest import Manifest
from runtime.choose.limits import budget
from runtime.commands.reported import with_parity_of
from runtime.commands.targets import Labelled
from runtime.measure.metric import drop, known_metric, metric, metric_name
from runtime.measure.row import MeasuredRow
from runtime.model import Model

References = Mapping[str, float | None]  # by output, what stands for the original's score


def scored(
    row: MeasuredRow, reported: MeasuredRow | None, model: Model, golden: Golden, labelled: Labelled
) -> list[MeasuredRow]:
    """A row for each output with targets: its metric on the labelled data, and its parity.

    Args:
        row: what `verify` found of the variant.
        reported: the row of the bundle's report for the same variant and engine, which has its budget.
        model: the variant, loaded.
        golden: the golden samples.
        labelled: the data.

    Raises:
        InputError: the data do not fit.
    """
    answers = model.answers(labelled.inputs)
    found = []
    for name, targets in labelled.targets.items():
        record = model.manifest.outputs[name]
        of_output = row._replace(
            output=name,
            budget=reported.budget if reported else None,
            metric_name=metric_name(record.task),
            metric=metric(record, answers[name], targets),
            metric_original=_original(model.manifest, name),
            samples=labelled.samples,
            split="given",
        )
        found.append(
            of_output if row.output in (None, name) else with_parity_of(of_output, model, golden, name)
        )
    return found


def computable(labelled: Labelled | None, manifest: Manifest) -> Labelled | None:
    """The labelled data without the targets of outputs whose metric is code of the user's; None where none is left.

    A metric of another name would be held to a budget that was not meant for it.
    """
    if labelled is None:
        return None
    scores = manifest.original.metrics
    targets = {
        name: values
        for name, values in labelled.targets.items()
        if name not in scores or scores[name].better is None
    }
    return labelled._replace(targets=targets) if targets else None


def references(rows: Iterable[MeasuredRow], manifest: Manifest) -> References:
    """By output, what stands for the original on the data of these rows: the best float32 variant, else its own.

    Rows that were measured at export have the original's score on the same samples themselves.
    """
    exact: dict[str, list[float]] = {}
    for row in rows:
        if row.output is not None and row.metric is not None and row.split != "test":
            exact.setdefault(row.output, [])
            exact[row.output] += [row.metric] if row.variant.endswith("-float32") else []
    return {
        name: known_metric(metric_name(manifest.outputs[name].task)).best(found)
        if found
        else _original(manifest, name)
        for name, found in exact.items()
    }


def worst(rows: Sequence[MeasuredRow], references: References) -> MeasuredRow:
    """Of the rows of one variant, that of the output which lost most of its budget."""
    return max(rows, key=lambda row: _budgets_lost(row, _reference(row, references)))


def with_reference(row: MeasuredRow, references: References) -> MeasuredRow:
    """The row with the reference of its own output as the original's metric.

    The rule would otherwise compare it with the rows of float32 variants, which may be of another output.
    """
    known = _reference(row, references)
    return row if known in (None, row.metric_original) else row._replace(metric_original=known)


def _reference(row: MeasuredRow, references: References) -> float | None:
    return row.metric_original if row.split == "test" else references.get(row.output or "")


def _original(manifest: Manifest, output: str) -> float | None:
    score = manifest.original.metrics.get(output)
    return score and score.value


def _budgets_lost(row: MeasuredRow, reference: float | None) -> float:
    if reference is None or row.metric is None:
        return -math.inf
    lost, allowed = drop(row.scale, row.metric, reference), budget(row)
    return lost / allowed if allowed else math.inf if lost > 0 else lost
