"""What the results of a plan's steps amount to: rows, the verdicts on what passed, flipped samples, notes."""

from __future__ import annotations

from export.checks.flips import Flip
from export.checks.gate import Verdict
from export.run.mixed import mixed_plan
from export.run.plan import Plan
from export.run.rows import built_rows
from export.run.steps import Results
from export.targets import NOT_NEEDED, Target
from runtime.measure.row import MeasuredRow


def rows(plan: Plan, results: Results) -> list[MeasuredRow]:
    """A row for each target and engine, all but its latency; none for a mixed file that is not needed."""
    every = [row for target in plan.targets for row in rows_of(plan, target, results)]
    return [row for row in every if row.reason != NOT_NEEDED]


def rows_of(plan: Plan, target: Target, results: Results) -> list[MeasuredRow]:
    """A row for each engine of a target; none where it was not asked for."""
    found = mixed_plan(plan, target)
    if found is None or target not in plan.possible():
        return built_rows(plan, target, results)
    if plan.rungs(target).build_key() not in results:
        return [found.not_built(plan.blank_row(target, engine), results) for engine in target.engines]
    return [found.explained(row, results) for row in built_rows(plan, target, results)]


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
        rungs, mixed = plan.rungs(target), mixed_plan(plan, target)
        built = results.get(rungs.build_key(rungs.best(results)))
        if built is not None and built.ok:
            traced, repaired = plan.of_saved_model(results) if target.source else ((), ())
            repaired = () if target.scheme == "float32" else repaired
            found[target.name] = (*(mixed.notes(results) if mixed else ()), *traced, *repaired, *built.value)
    return found


def _verified(plan: Plan, results: Results) -> dict[tuple[str, str], Verdict]:
    """The verdicts on the best file of each target, by variant and engine."""
    found = {}
    for target in plan.possible():
        rungs = plan.rungs(target)
        rung = rungs.best(results)
        for engine in rungs.engines:
            outcome = results.get(rungs.verify_key(rung, engine))
            if outcome is not None and outcome.ok:
                found[target.name, engine] = outcome.value
    return found
