"""What the results of a plan's steps amount to: rows, the verdicts on what passed, flipped samples, notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from export.checks.flips import Flip
from export.checks.gate import Verdict
from export.formats.format import NothingToQuantize
from export.run.rungs import Rungs
from export.run.steps import Results
from export.targets import NOT_NEEDED, Target
from runtime.backends import no_wheel
from runtime.errors import DataError
from runtime.measure.row import MeasuredRow

if TYPE_CHECKING:
    from export.run.plan import Plan


def rows(plan: Plan, results: Results) -> list[MeasuredRow]:
    """A row for each target and engine, all but its latency; none for a mixed file that is not needed."""
    every = [row for target in plan.targets for row in rows_of(plan, target, results)]
    return [row for row in every if row.reason != NOT_NEEDED]


def rows_of(plan: Plan, target: Target, results: Results) -> list[MeasuredRow]:
    """A row for each engine of a target; none where it was not asked for."""
    if target not in plan.targets:
        return []
    refused = plan.original.record.refused.get(target.format)
    if refused:
        return [plan.blank_row(target, engine).with_verdict("failed", refused) for engine in target.engines]
    mixed, rungs = plan.mixed(target), plan.rungs(target)
    if mixed is not None and rungs.build() not in results:
        return [mixed.not_built(plan.blank_row(target, engine), results) for engine in target.engines]
    rung = rungs.best(results)
    found = [_row(plan, rungs, rung, engine, results) for engine in target.engines]
    return found if mixed is None else [mixed.explained(row, results) for row in found]


def verdicts(plan: Plan, results: Results) -> dict[str, dict[str, Verdict]]:
    """The verdicts on what passed, by variant and engine."""
    found: dict[str, dict[str, Verdict]] = {}
    for (variant, engine), verdict in _verified(plan, results).items():
        if verdict.row.passed:
            found.setdefault(variant, {})[engine] = verdict
    return found


def flips(plan: Plan, results: Results) -> dict[tuple[str, str], tuple[Flip, ...]]:
    """Some of the samples that each variant decides otherwise than the original, by variant and engine."""
    return {names: verdict.flips for names, verdict in _verified(plan, results).items()}


def notes(plan: Plan, results: Results) -> dict[str, tuple[str, ...]]:
    """What was decided while the files were built, by variant."""
    found = {}
    for target in plan.possible():
        rungs, mixed = plan.rungs(target), plan.mixed(target)
        built = results.get(rungs.build(rungs.best(results)))
        if built is not None and built.ok:
            traced, repaired = plan.of_saved_model(results) if target.source else ((), ())
            repaired = () if target.scheme == "float32" else repaired
            found[target.name] = (*(mixed.notes(results) if mixed else ()), *traced, *repaired, *built.value)
    return found


def not_here(engine: str) -> str:
    """Why nothing runs on an engine that is not installed."""
    return no_wheel(engine) or f"{engine} is not installed here"


def _row(plan: Plan, rungs: Rungs, rung: int, engine: str, results: Results) -> MeasuredRow:
    """The row of one engine with the file of a rung."""
    target = rungs.target
    blank = plan.blank_row(target, engine, plan.file(target))
    built = results[rungs.build(rung)]
    verified = results.get(rungs.verify(rung, engine))
    if not built.ok:
        if isinstance(built.error, NothingToQuantize):
            return blank.with_verdict("skipped", built.reason)
        if isinstance(built.error, DataError) and plan.original.record.dataset is None:
            return blank.with_verdict("skipped", built.reason)
        return blank.with_verdict("failed", f"not built: {built.reason}")
    if verified is None:
        return blank.with_verdict("skipped", not_here(engine))
    if not verified.ok:
        # What another engine runs is whole: this one has no kernel for it, and says so or dies of it.
        some_run = bool(rungs.measured(rung, results))
        return blank.with_verdict("skipped" if some_run else "failed", verified.reason)
    row: MeasuredRow = verified.value.row
    if row.passed and row.metric is None and target.scheme != "float32":
        return row.with_verdict(row.status, f"budget not checked: {plan.missing or 'there are no labels'}")
    if row.passed and plan.missing:
        return row.with_verdict(row.status, f"{row.metric_name or 'metric'} not measured: {plan.missing}")
    return row


def _verified(plan: Plan, results: Results) -> dict[tuple[str, str], Verdict]:
    """The verdicts on the best file of each target, by variant and engine."""
    found = {}
    for target in plan.possible():
        rungs = plan.rungs(target)
        rung = rungs.best(results)
        for engine in rungs.engines:
            outcome = results.get(rungs.verify(rung, engine))
            if outcome is not None and outcome.ok:
                found[target.name, engine] = outcome.value
    return found
