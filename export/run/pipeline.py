"""The export of one or many models: build every variant, verify it on every engine, time it, pack what passed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from data.original import Original
from export.checks import flips
from export.checks.gate import Demand
from export.pack import Built, pack
from export.run import fingerprint, latency, steps, summary
from export.run.mixed import next_steps
from export.run.plan import Plan
from export.run.steps import Results, Step
from export.run.workers import Outcome, Workers
from export.targets import Target
from runtime.atomic import alone_in
from runtime.measure.row import MeasuredRow

_STAGING = ".bundle-"
Tell = Callable[[str, int, int], None]  # what was done, steps done, steps in all


@dataclass(frozen=True)
class Exported:
    """What became of one model: its rows, and its bundle (None where no variant passed)."""

    original: Original
    rows: list[MeasuredRow]
    bundle: Path | None


def export(
    workers: Workers,
    originals: list[Original],
    targets: list[Target],
    out: Path,
    data_dir: str | None,
    missing: dict[str, str | None],
    tell: Tell,
    demand: Demand,
) -> list[Exported]:
    """Exports these models to these targets; bundles go to `out`/<model>/bundle.

    `missing` says for each model why its test data is not there (None: it is in `data_dir`); `demand` is what is asked
    of quantized files.
    Conversions and verifications of all models run at the same time; latency is measured after them, alone.
    A previous bundle is replaced only by a whole new one.
    """
    with ExitStack() as stack:
        plans = [
            Plan(
                original,
                targets,
                stack.enter_context(staging(out / original.name)),
                data_dir,
                missing[original.name],
                demand,
            )
            for original in originals
        ]
        stack.enter_context(_stopped_by_an_error(workers))
        wanted = [step for plan in plans for step in plan.steps()]
        total, finished = len(wanted) + len(plans), 0

        def done(step: Step, _: Outcome) -> None:
            nonlocal finished
            finished += 1
            tell(" ".join(step.key), finished, total)

        results: Results = {}
        while wanted:
            results = steps.run(workers, wanted, done, results)
            wanted = [step for plan in plans for step in next_steps(plan, results)]
            total += len(wanted)
        exported = []
        for plan in plans:
            tell(f"{plan.original.name} latency", finished, total)
            plan.keep_ranges(results)
            plan.settle(results)
            verdicts, notes = summary.verdicts(plan, results), summary.notes(plan, results)
            rows = latency.measure(workers, plan.original, summary.rows(plan, results), plan.files)
            made_from = fingerprint.digest(plan.original, targets, plan.missing is None, demand)
            built = {name: Built(plan.files[name], found, notes[name]) for name, found in verdicts.items()}
            moved = plan.sensitivity(results)
            packed = pack(plan.original, rows, built, plan.staging, out, made_from, moved)
            flips.write(out / plan.original.name, summary.flips(plan, results))
            exported.append(Exported(plan.original, rows, packed))
            finished += 1
    return exported


@contextmanager
def _stopped_by_an_error(workers: Workers) -> Iterator[None]:
    """On an error, stop the workers first: the caller then removes the folders that they write to."""
    try:
        yield
    except BaseException:
        workers.stop()
        raise


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A folder beside the bundle to be, so that it can be renamed into its place; removed if it is still there.

    Those that killed exports left behind are removed too: nobody holds their lock any more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix=_STAGING, ignore_cleanup_errors=True) as name,
        alone_in(Path(name)),
    ):
        for left in folder.glob(f"{_STAGING}*"):
            with suppress(FileNotFoundError), alone_in(left) as alone:
                if alone:
                    shutil.rmtree(left, ignore_errors=True)
        yield Path(name)
