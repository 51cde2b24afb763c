"""What has to be done for one model: the steps, and those that their results make necessary."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data.original import Original
from export import golden
from export.checks.gate import Demand
from export.checks.halves import Half
from export.checks.sensitivity import sensitivity
from export.checks.user_metric import direction
from export.formats.format import Conversion, FormatName, Higher, TracedNote
from export.formats.table import FORMATS
from export.pack import size_bytes
from export.quantization import ranges
from export.quantization.names import OF_WEIGHTS
from export.run import jobs
from export.run.rungs import Rungs
from export.run.steps import Key, Results, Step, given
from export.run.tuning import tune
from export.run.workers import PoolName
from export.targets import TARGETS, Target
from runtime.backends import engine_version
from runtime.measure.metric import metric_name
from runtime.measure.row import MeasuredRow

# Of the samples that a file decides as the original does: below that, int8 is tuned though it keeps the budget.
_AGREEING = 0.98


@dataclass(frozen=True)
class Plan:
    """One model, the targets asked for, the folder its files are built in, where its test data is, and what is asked.

    `missing` says why there is no test data; None when `data_dir` (or the cache) has it.
    """

    original: Original
    targets: list[Target]
    staging: Path
    data_dir: str | None
    missing: str | None
    demand: Demand

    @property
    def no_labels(self) -> str:
        """Why answers cannot be scored though there are samples: no labels, or no metric of any output."""
        outputs = self.original.record.outputs
        if any(metric_name(output.task) is not None for output in outputs):
            return "there are no labels"
        return "no metric is known for the task tensor; name the task with --task"

    def key(self, *parts: str) -> Key:
        """The key of one of this model's steps."""
        return (self.original.name, *parts)

    def file(self, target: Target, rung: int = 0) -> Path:
        """Where a target's file is built; those of later rungs lie in folders of their own."""
        folder = self.staging / f"rung-{rung}" if rung else self.staging
        return folder / f"{target.name}{FORMATS[target.format].suffix}"

    @property
    def files(self) -> dict[str, Path]:
        """The files of the targets asked for, by variant."""
        return {target.name: self.file(target) for target in self.targets}

    def steps(self) -> list[Step]:
        """The steps: builds of all targets and of their sources, calibrations, and a verification for each engine.

        Targets of a format that cannot express the model have none.
        """
        wanted = [target for target in TARGETS.values() if target.name in self._with_sources()]
        steps = [self._build(target) for target in wanted if not target.mixed]
        steps += [self._sensitivity()] if wanted else []
        steps += [self._calibrate(format_) for format_ in sorted({t.format for t in wanted if t.calibrated})]
        steps += [
            step for target in self.possible() if not target.mixed for step in self.verifications(target)
        ]
        return steps

    def next_rung(self, results: Results) -> list[Step]:
        """What is tried next: where a static file fails on an engine, one with less in few bits; then a tuned one."""
        steps = []
        for target in self.possible():
            if target.mixed:
                continue
            rungs = self.rungs(target)
            rung = rungs.tried(results)
            calibrated = target.calibrated and results[self.key("calibrate", target.format)].ok
            if not calibrated or rung == rungs.tuned:
                continue
            passing = sum(row.passed for row in rungs.measured(rung, results))
            if passing < len(rungs.engines) and rung + 1 < rungs.tuned:
                steps += [self._build(target, rung + 1), *self.verifications(target, rung + 1)]
            elif self._tunable(rungs, results):
                steps += [self._tune(target, results), *self.verifications(target, rungs.tuned)]
        return steps

    def _tunable(self, rungs: Rungs, results: Results) -> bool:
        """Whether a file is tuned on the last rung: one of int8, of which the answers alone are wrong."""
        rows = rungs.measured(rungs.best(results), results)
        return (
            rungs.target.scheme == "int8" and bool(self._tuning_names()) and any(_misses(row) for row in rows)
        )

    def _tuning_names(self) -> tuple[str, ...]:
        return tuple(name for name in self.demand.repairs if name not in OF_WEIGHTS)

    def _tune(self, target: Target, results: Results) -> Step:
        """The step that builds the file with better ranges, weights and biases; it fails where these do not help."""
        rungs = self.rungs(target)
        before = rungs.best(results, rungs.tuned - 1)
        conversion = self._conversion(target, self.file(target, rungs.tuned), results, before)
        arguments = given(
            FORMATS[target.format],
            conversion,
            rungs.engines[0],
            self.original,
            self.data_dir,
            self._tuning_names(),
        )
        return Step(rungs.build_key(rungs.tuned), "device", tune, arguments)

    def settle(self, results: Results) -> None:
        """Puts the file of the best rung of each target in its place."""
        for target in self.possible():
            best = self.rungs(target).best(results)
            if best:
                self.file(target, best).replace(self.file(target))
        for folder in (*self.staging.glob("rung-*"), *self.staging.glob("search")):
            shutil.rmtree(folder)

    def possible(self) -> list[Target]:
        """The targets asked for, but for those of formats that cannot express the model."""
        return [target for target in self.targets if target.format not in self.original.record.refused]

    def _with_sources(self) -> set[str]:
        """The names of the targets that are built, and of all they are converted from."""
        names: set[str] = set()
        for target in self.possible():
            step: Target | None = target
            while step is not None:
                names.add(step.name)
                step = TARGETS[step.source] if step.source else None
        return names

    def _build(self, target: Target, rung: int = 0) -> Step:
        after: tuple[Key, ...] = (self.key("build", target.source),) if target.source else ()
        if target.calibrated:
            after += (self.key("calibrate", target.format),)

        def arguments(results: Results) -> tuple[Any, ...]:
            conversion = self._conversion(target, self.file(target, rung), results, rung)
            return FORMATS[target.format], target.scheme, conversion

        # TensorFlow takes part in what a format's other schemes are made from, and in nothing else.
        pool: PoolName = "keras" if target.scheme == "float32" else "device"
        return Step(self.rungs(target).build_key(rung), pool, jobs.build, arguments, after)

    def _conversion(self, target: Target, destination: Path, results: Results, rung: int) -> Conversion:
        activations = None
        if target.calibrated:
            activations = ranges.as_ranges(results[self.key("calibrate", target.format)].value)
        return Conversion(
            source=self.file(TARGETS[target.source]) if target.source else self.original.folder,
            destination=destination,
            record=self.original.record,
            ranges=activations,
            rung=rung,
            repairs=self.demand.repairs,
        )

    def conversion(
        self, target: Target, destination: Path, results: Results, higher: Mapping[str, Higher]
    ) -> Conversion:
        """The conversion to a mixed target's file, on the rung that plain int8 came to."""
        plain = TARGETS[f"{target.format}-int8"]
        rungs = self.rungs(plain)
        last = rungs.tuned - 1  # tuned ranges are those of a file that is in int8 throughout
        rung = rungs.best(results, last) if rungs.build_key() in results else 0
        return replace(self._conversion(target, destination, results, rung), higher=higher)

    def build(self, target: Target, conversion: Conversion) -> Step:
        """The step that builds a target's file by a conversion that is known."""
        arguments = given(FORMATS[target.format], target.scheme, conversion)
        return Step(self.key("build", target.name), "device", jobs.build, arguments)

    def _calibrate(self, format_: FormatName) -> Step:
        source = TARGETS[f"{format_}-float32"]
        after = (self.key("build", source.name),)

        def arguments(results: Results) -> tuple[Any, ...]:
            repairs = (self.demand.repairs, self.of_saved_model(results)[1])
            return self.original, format_, self.file(source), self.data_dir, repairs

        return Step(self.key("calibrate", format_), "device", jobs.calibrate, arguments, after)

    def _sensitivity(self) -> Step:
        return Step(self._sensitivity_key, "keras", sensitivity, given(self.original))

    @property
    def _sensitivity_key(self) -> Key:
        return self.key("sensitivity", "original")

    def sensitivity(self, results: Results) -> dict[str, float]:
        """What rounding does to the original's answers, by output."""
        outcome = results.get(self._sensitivity_key)
        return dict(outcome.value) if outcome is not None and outcome.ok else {}

    def engines(self, target: Target) -> list[str]:
        """The target's engines that are installed."""
        return [engine for engine in target.engines if _version(engine) is not None]

    @cached_property
    def golden_rows(self) -> int:
        """How many golden samples the bundle has room for; unless named, a mixed file replaces a plain one."""
        counted = [target for target in self.possible() if self.demand.named or not target.mixed]
        return golden.fitting(
            self.original,
            {target.name: self.engines(target) for target in counted if target.format != "saved_model"},
        )

    def rungs(self, target: Target) -> Rungs:
        """The rungs of a target."""
        return Rungs(self.original.name, target, self.engines(target))

    def verifications(self, target: Target, rung: int = 0) -> list[Step]:
        """The steps that verify a target's file on each engine; that of a search, by the half it did not use."""
        data = None if self.missing else (self.data_dir,)
        rungs = self.rungs(target)

        def step(engine: str) -> Step:
            def arguments(results: Results) -> tuple[Any, ...]:
                file = self.file(target, rung)
                blank = self.blank_row(target, engine, file)
                which: Half | None = "verdict" if target.mixed else None
                moved = self.sensitivity(results)
                kept = self.golden_rows
                return blank, file, self.original, target, data, self.demand, which, moved, kept

            after: tuple[Key, ...] = (rungs.build_key(rung),)
            after += (self._sensitivity_key,) if target.scheme == "float32" else ()
            return Step(rungs.verify_key(rung, engine), pool_of(engine), jobs.judge_file, arguments, after)

        return [step(engine) for engine in rungs.engines]

    def blank_row(self, target: Target, engine: str, file: Path | None = None) -> MeasuredRow:
        """What is known of a row before anything is measured."""
        record = self.original.record
        (score,) = record.metrics.values() if len(record.metrics) == 1 else (None,)
        return MeasuredRow(
            model=self.original.name,
            variant=target.name,
            engine=engine,
            status="skipped",
            engine_version=_version(engine),
            threads=1,
            file=self.file(target).name,
            size_bytes=size_bytes(file) if file is not None and file.exists() else None,
            metric_name=score.name if score else None,
            metric_better=direction(score) if score else None,
            metric_original=score.value if score else None,
        )

    def of_saved_model(self, results: Results) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The sentences on what became of layers in the SavedModel, and on repairs of weights; all files come of it."""
        built = results.get(self.key("build", "saved_model"))
        notes = built.value if built is not None and built.ok else ()
        traced = tuple(note for note in notes if isinstance(note, TracedNote))
        return traced, tuple(note for note in notes if note not in traced)

    def keep_ranges(self, results: Results) -> None:
        """Writes what this run recorded beside the model, for the next run without the dataset."""
        entries = ranges.read(self.original.folder)
        for format_ in FORMATS:
            outcome = results.get(self.key("calibrate", format_))
            if outcome is not None and outcome.ok:
                entries[format_] = outcome.value
        if entries:
            ranges.write(self.original.folder, entries)


def _misses(row: MeasuredRow) -> bool:
    """Whether the answers were measured and are worth a better file; a few golden samples alone do not tell."""
    often = row.samples is not None and row.top1_agreement is not None and row.top1_agreement < _AGREEING
    return row.max_abs_error is not None and (row.status == "failed" or often)


def pool_of(engine: str) -> PoolName:
    """The kind of worker an engine runs in."""
    return "keras" if engine == "tensorflow" else "device"


def _version(engine: str) -> str | None:
    return version("tensorflow") if engine == "tensorflow" else engine_version(engine)
