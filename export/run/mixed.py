"""The mixed target of a format as steps: whether it is needed, the search for what to keep, and what came of it.

The search asks one half of the test data; the file that it finds is judged by the gate on the other half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from export.formats.format import Conversion, Higher, Mixing
from export.formats.table import FORMATS
from export.quantization.groups import Group
from export.quantization.mixed_search import Answer, Mixture, rank, search
from export.run import mixed_jobs
from export.run.mixed_jobs import Measured
from export.run.plan import Plan
from export.run.rows import built_rows
from export.run.steps import Key, Results, Step
from export.targets import NOT_NEEDED, TARGETS, Target
from runtime.choose.limits import drop_interval, dropped, share_of_budget
from runtime.measure.metric import drop_text
from runtime.measure.row import MeasuredRow

# Of the budget, what may be used on the search's half: what is the best of many there loses more on others. Where
# nothing keeps to half of it, all of it may be used.
MARGINS = (0.5, 1.0)
MOST_NAMED = 6  # groups in a sentence
MOST_BLAMED = 3
_PLAIN = Mixture((), "int8")
_KEPT = {
    "dynamic": "keep weights in int8 and compute in float32",
    "float16": "keep weights in float16 and compute in float32",
    "float32": "stay in float32",
}


def next_steps(plan: Plan, results: Results) -> list[Step]:
    """Returns what is left to do after these results: further rungs first, then what mixed files are searched by."""
    rungs = plan.next_rung(results)
    trying = {step.key[2] for step in rungs}
    searches = [mixed_plan(plan, target) for target in plan.possible()]
    ready = [found for found in searches if found is not None and found.plain.name not in trying]
    return rungs + [step for found in ready for step in found.next_steps(results)]


def mixed_plan(plan: Plan, target: Target) -> MixedPlan | None:
    """Returns the search of a mixed target; None for another."""
    return MixedPlan(plan, target) if target.mixed else None


@dataclass(frozen=True)
class MixedPlan:
    """The mixed target of one model's plan."""

    plan: Plan
    target: Target

    @property
    def plain(self) -> Target:
        """The target that it takes the place of."""
        return TARGETS[f"{self.target.format}-int8"]

    def next_steps(self, results: Results) -> list[Step]:
        """What comes next, after these results; nothing where it is not needed, found, or failed."""
        if self.why_not(results) is not None or self._broken(results) is not None:
            return []
        if self._key("groups") not in results:
            return [self._step(self._key("groups"), mixed_jobs.find_groups, _PLAIN, results)]
        answer = self._search(results)
        if answer is None:
            return [self._judge(_PLAIN, results), *self._each_alone(results)]
        if isinstance(answer, Mixture):
            return [self._judge(answer, results)]
        if answer.enough and self.plan.key("build", self.target.name) not in results:
            destination = self.plan.file(self.target)
            conversion = self._conversion(answer.mixture, results, destination.name)
            return [self.plan.build(self.target, conversion), *self.plan.verifications(self.target)]
        return []

    def why_not(self, results: Results) -> str | None:
        """Why there is no mixed file and nothing is wrong; None where there is one, or should be."""
        rows = built_rows(self.plan, self.plain, results)
        lossy = any(row.status == "failed" and row.max_abs_error is not None for row in rows)
        if not lossy and not self.plan.demand.named:
            passes = any(row.passed for row in rows)
            return NOT_NEEDED if passes else f"there is no {self.plain.name} that runs"
        if self.plan.missing or self.plan.original.reference() is None:
            return f"what its groups of layers lose is not measured: {self.plan.missing or 'there are no test data'}"
        groups = results.get(self._key("groups"))
        if groups is not None and groups.ok and len(groups.value) < 2:
            return f"int8 quantizes one group of layers only; take {self.target.format}-float16"
        plain = results.get(self._mixture_key(_PLAIN))
        if plain is not None and plain.ok and plain.value.row.passed and plain.value.row.metric is None:
            return f"what its groups of layers lose is not measured: {self.plan.no_labels}"
        return None

    def failure(self, results: Results) -> str | None:
        """Why there is no mixed file though there should be one; None where there is one."""
        broken = self._broken(results)
        if broken is not None:
            return f"not built: {broken}"
        answer = self._search(results)
        if not isinstance(answer, Answer) or answer.enough:
            return None
        row = self._measured(answer.mixture, results).row
        return (
            f"no file with some groups of layers in int8 keeps the budget: the nearest, in which "
            f"{len(answer.mixture.kept)} of {len(self._groups(results))} {_KEPT[answer.mixture.scheme]}, loses "
            f"{_lost(row)} on {row.samples:,} samples; {self._blame(results)}; take {self.target.format}-float16"
        )

    def not_built(self, row: MeasuredRow, results: Results) -> MeasuredRow:
        """The row of a file that there is not, with the reason."""
        reason = self.why_not(results)
        return (
            row.with_verdict("skipped", reason)
            if reason
            else row.with_verdict("failed", self.failure(results))
        )

    def explained(self, row: MeasuredRow, results: Results) -> MeasuredRow:
        """The row of a file that was searched for, with what it keeps in a higher scheme."""
        said = " ".join((*self.notes(results)[:1], *([row.reason] if row.reason else [])))
        return row if row.status == "skipped" else row.with_verdict(row.status, said)

    def notes(self, results: Results) -> tuple[str, ...]:
        """What the file keeps in a higher scheme, and what that gains."""
        answer = self._search(results)
        if not isinstance(answer, Answer) or not answer.enough:
            return ()
        mixed, plain = (self._measured(mixture, results) for mixture in (answer.mixture, _PLAIN))
        kept, groups = answer.mixture.kept, self._groups(results)
        names = _listed([groups[place].name for place in kept], MOST_NAMED)
        return (
            f"{len(kept)} of {len(groups)} groups of layers {_KEPT[answer.mixture.scheme]}: {names}.",
            f"On the {mixed.row.samples:,} test samples that they were chosen by, it loses {_lost(mixed.row)} and int8 "
            f"{_lost(plain.row)}; it has {(mixed.size_bytes - plain.size_bytes) / 1024:+.1f} KiB.",
        )

    def _broken(self, results: Results) -> str | None:
        """Why a step failed that the search needs; None where none did."""
        needed = [key for key in results if key[: len(self._key())] == self._key()]
        needed.append(self.plan.key("calibrate", self.target.format))
        return next((results[key].reason for key in needed if key in results and not results[key].ok), None)

    def _search(self, results: Results) -> Mixture | Answer | None:
        """The next mixture, or the answer; None before the groups are ranked."""
        alone = self._alone_errors(results)
        if not alone:
            return None
        measured = {
            _mixture(key): _share(outcome.value.row)
            for key, outcome in results.items()
            if key[: len(self._key("kept"))] == self._key("kept") and key != self._mixture_key(_PLAIN)
        }
        found: Mixture | Answer | None = None
        for margin in MARGINS:
            found = search(rank(alone), measured, self._mixing.schemes, self._mixing.cheaper, margin)
            if isinstance(found, Mixture) or found.enough:
                break
        return found

    def _alone_errors(self, results: Results) -> list[float]:
        """By group, the error of the outputs where it alone is kept; empty before all are known."""
        found = [results.get(self._alone_key(place)) for place in range(len(self._groups(results)))]
        return (
            []
            if any(each is None or not each.ok for each in found)
            else [each.value for each in found if each]
        )

    def _blame(self, results: Results) -> str:
        """Which groups the error comes from."""
        alone, groups = self._alone_errors(results), self._groups(results)
        plain = results[self._key("plain error")].value
        worst = [place for place in rank(alone) if alone[place] < plain][:MOST_BLAMED]
        shares = [f"{groups[place].name} ({1 - alone[place] / plain:.0%})" for place in worst]
        if not shares:
            return "no group alone takes anything off the error of int8's outputs"
        return f"most of the error of int8's outputs is gone without {', '.join(shares)}"

    def _each_alone(self, results: Results) -> list[Step]:
        scheme = self._mixing.schemes[0]
        wanted = [(self._key("plain error"), _PLAIN)]
        wanted += [
            (self._alone_key(place), Mixture((place,), scheme)) for place in range(len(self._groups(results)))
        ]
        more = (self._engine(results), self.plan.original, self.plan.data_dir)
        return [self._step(key, mixed_jobs.outputs_error, mixture, results, *more) for key, mixture in wanted]

    def _judge(self, mixture: Mixture, results: Results) -> Step:
        plan = self.plan
        row = plan.blank_row(self.target, self._engine(results))
        more = (row, plan.original, self.target, plan.data_dir, plan.demand)
        return self._step(self._mixture_key(mixture), mixed_jobs.judge_mixture, mixture, results, *more)

    def _step(self, key: Key, function: Any, mixture: Mixture, results: Results, *more: Any) -> Step:
        """A step that is given the format and a conversion to the mixture, into a file of its own."""
        format_ = FORMATS[self.target.format]
        conversion = self._conversion(mixture, results, f"search/{'-'.join(key[1:])}{format_.suffix}")
        return Step(key, "device", function, lambda _: (format_, conversion, *more))

    def _conversion(self, mixture: Mixture, results: Results, file: str) -> Conversion:
        groups = self._groups(results)
        scheme = cast(Higher, mixture.scheme)
        higher = {key: scheme for place in mixture.kept for key in groups[place].keys}
        return self.plan.conversion(self.target, self.plan.staging / file, results, higher=higher)

    def _engine(self, results: Results) -> str:
        """The engine that the search asks: the first on which plain int8 fails, else the first there is."""
        engines = self.plan.engines(self.target)
        rows = built_rows(self.plan, self.plain, results)
        failing = [row.engine for row in rows if row.status == "failed" and row.engine in engines]
        return (failing or engines)[0]

    def _groups(self, results: Results) -> Sequence[Group]:
        found = results.get(self._key("groups"))
        return found.value if found is not None and found.ok else ()

    def _measured(self, mixture: Mixture, results: Results) -> Measured:
        found: Measured = results[self._mixture_key(mixture)].value
        return found

    @property
    def _mixing(self) -> Mixing:
        found = FORMATS[self.target.format].mixing
        assert found is not None, f"{self.target.format} has no mixed scheme"
        return found

    def _key(self, *parts: str) -> Key:
        return self.plan.key("search", self.target.name, *parts)

    def _alone_key(self, place: int) -> Key:
        return self._key("alone", str(place))

    def _mixture_key(self, mixture: Mixture) -> Key:
        return self._key("kept", "+".join(map(str, mixture.kept)) or "nothing", mixture.scheme)


def _mixture(key: Key) -> Mixture:
    """The mixture that a step of the search measured."""
    return Mixture(tuple(int(place) for place in key[-2].split("+")), key[-1])


def _share(row: MeasuredRow) -> float:
    """The share of its budget that a row used; more than there is where it is too far off to have a metric."""
    lost = dropped(row)
    return float("inf") if lost is None else share_of_budget(row, lost)


def _lost(row: MeasuredRow) -> str:
    """What a row lost, with its interval."""
    lost = dropped(row)
    if lost is None:
        return "too much"
    low, high = drop_interval(row)
    return f"{drop_text(row.scale, lost)} (95 % interval {low:.2f} to {high:.2f})"


def _listed(names: Sequence[str], most: int) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
