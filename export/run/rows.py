"""The rows of a target whose file a plan builds, as the results of its steps say."""

from __future__ import annotations

from export.formats.format import NothingToQuantize
from export.run.plan import Plan
from export.run.rungs import Rungs
from export.run.steps import Results
from export.targets import Target
from runtime.backends import no_wheel
from runtime.errors import DataError
from runtime.measure.row import MeasuredRow


def built_rows(plan: Plan, target: Target, results: Results) -> list[MeasuredRow]:
    """Returns a row for each engine of a target, with the file of its best rung; none where it was not asked for."""
    if target not in plan.targets:
        return []
    refused = plan.original.record.refused.get(target.format)
    if refused:
        return [plan.blank_row(target, engine).with_verdict("failed", refused) for engine in target.engines]
    rungs = plan.rungs(target)
    rung = rungs.best(results)
    return [_row(plan, rungs, rung, engine, results) for engine in target.engines]


def not_here(engine: str) -> str:
    """Why nothing runs on an engine that is not installed."""
    return no_wheel(engine) or f"{engine} is not installed here"


def _row(plan: Plan, rungs: Rungs, rung: int, engine: str, results: Results) -> MeasuredRow:
    """The row of one engine with the file of a rung."""
    target = rungs.target
    blank = plan.blank_row(target, engine, plan.file(target))
    built = results[rungs.build_key(rung)]
    verified = results.get(rungs.verify_key(rung, engine))
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
        return row.with_verdict(row.status, f"budget not checked: {plan.missing or plan.no_labels}")
    if row.passed and plan.missing:
        return row.with_verdict(row.status, f"{row.metric_name or 'metric'} not measured: {plan.missing}")
    return row
