"""What has to be done for one model: the steps, and the rows that their results make."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from data.original import Original
from export.checks.gate import Verdict
from export.formats.format import Conversion, FormatName
from export.formats.table import FORMATS
from export.pack import size_bytes
from export.quantization import ranges
from export.run import jobs
from export.run.steps import Key, Results, Step, given
from export.run.workers import PoolName
from export.targets import TARGETS, Target
from runtime.backends import engine_version, no_wheel
from runtime.bundle.golden import PROBED, RECORDED
from runtime.measure.row import MeasuredRow


@dataclass(frozen=True)
class Plan:
    """One model, the targets asked for, the folder its files are built in, and where its labelled samples are.

    `missing` says why there are no labelled samples; None when `data_dir` (or the cache) has them.
    """

    original: Original
    targets: list[Target]
    staging: Path
    data_dir: str | None
    missing: str | None

    def key(self, *parts: str) -> Key:
        """The key of one of this model's steps."""
        return (self.original.name, *parts)

    def file(self, target: Target) -> Path:
        """Where a target's file is built."""
        return self.staging / f"{target.name}{FORMATS[target.format].suffix}"

    @property
    def files(self) -> dict[str, Path]:
        """The files of the targets asked for, by variant."""
        return {target.name: self.file(target) for target in self.targets}

    def steps(self) -> list[Step]:
        """Builds of all targets and of what they are made from, calibrations, and verifications per engine."""
        wanted = [target for target in TARGETS.values() if target.name in self._with_sources()]
        steps = [self._build(target) for target in wanted]
        steps += [self._calibrate(format_) for format_ in sorted({t.format for t in wanted if t.calibrated})]
        steps += [
            self._verify(target, engine)
            for target in self.targets
            for engine in target.engines
            if _version(engine) is not None
        ]
        return steps

    def _with_sources(self) -> set[str]:
        """The names of the targets asked for and of all they are converted from."""
        names: set[str] = set()
        for target in self.targets:
            step: Target | None = target
            while step is not None:
                names.add(step.name)
                step = TARGETS[step.source] if step.source else None
        return names

    def _build(self, target: Target) -> Step:
        after: tuple[Key, ...] = (self.key("build", target.source),) if target.source else ()
        if target.calibrated:
            after += (self.key("calibrate", target.format),)

        def arguments(results: Results) -> tuple[Any, ...]:
            activations = None
            if target.calibrated:
                activations = ranges.as_ranges(results[self.key("calibrate", target.format)].value)
            conversion = Conversion(
                source=self.file(TARGETS[target.source]) if target.source else self.original.model,
                destination=self.file(target),
                input_name=self.original.record.input.name,
                input_shape=self.original.record.input.shape,
                output_name=self.original.record.output.name,
                ranges=activations,
                custom_objects=self.original.record.custom_objects,
            )
            return FORMATS[target.format], target.scheme, conversion

        # TensorFlow takes part in what a format's other schemes are made from, and in nothing else.
        pool: PoolName = "keras" if target.scheme == "float32" else "device"
        return Step(self.key("build", target.name), pool, jobs.build, arguments, after)

    def _calibrate(self, format_: FormatName) -> Step:
        source = TARGETS[f"{format_}-float32"]
        arguments = given(self.original, format_, self.file(source), self.data_dir)
        after = (self.key("build", source.name),)
        return Step(self.key("calibrate", format_), "device", jobs.calibrate, arguments, after)

    def _verify(self, target: Target, engine: str) -> Step:
        data = None if self.missing else (self.data_dir,)

        def arguments(results: Results) -> tuple[Any, ...]:
            return self._blank_row(target, engine), self.file(target), self.original, target, data

        after = (self.key("build", target.name),)
        return Step(self.key("verify", target.name, engine), pool_of(engine), jobs.verify, arguments, after)

    def rows(self, results: Results) -> list[MeasuredRow]:
        """A row for each target and engine, all but its latency."""
        return [self._row(target, engine, results) for target in self.targets for engine in target.engines]

    def _row(self, target: Target, engine: str, results: Results) -> MeasuredRow:
        built = results[self.key("build", target.name)]
        verified = results.get(self.key("verify", target.name, engine))
        if not built.ok:
            return self._blank_row(target, engine).with_verdict("failed", f"not built: {built.reason}")
        if verified is None:
            reason = no_wheel(engine) or f"{engine} is not installed here"
            return self._blank_row(target, engine).with_verdict("skipped", reason)
        if not verified.ok:
            return self._blank_row(target, engine).with_verdict("failed", verified.reason)
        row: MeasuredRow = verified.value.row
        if row.passed and self.missing:
            return row.with_verdict(row.status, f"{row.metric_name} not measured: {self.missing}")
        return row

    def _blank_row(self, target: Target, engine: str) -> MeasuredRow:
        """What is known of a row before anything is measured."""
        file = self.file(target)
        return MeasuredRow(
            model=self.original.name,
            variant=target.name,
            engine=engine,
            status="skipped",
            engine_version=_version(engine),
            threads=1,
            file=file.name,
            size_bytes=size_bytes(file) if file.exists() else None,
            metric_name=self.original.record.metric_name,
            metric_original=self.original.record.metric_value,
        )

    def golden(self, results: Results) -> dict[str, np.ndarray]:
        """Each variant's own answers to golden inputs and probes, by the names they have in golden.npz."""
        answers: dict[str, np.ndarray] = {}
        for target in self.targets:
            for engine in target.engines:
                verified = results.get(self.key("verify", target.name, engine))
                verdict: Verdict | None = verified.value if verified is not None else None
                if verdict is None or verdict.golden_outputs is None or verdict.probe_outputs is None:
                    continue
                first = RECORDED + target.name not in answers
                name = target.name if first else f"{target.name}/{engine}"
                answers[RECORDED + name] = verdict.golden_outputs
                if np.isfinite(verdict.probe_outputs).all():
                    answers[PROBED + name] = verdict.probe_outputs
        return answers

    def keep_ranges(self, results: Results) -> None:
        """Write what this run recorded beside the model, for the next run without the dataset."""
        entries = ranges.read(self.original.folder)
        for format_ in FORMATS:
            outcome = results.get(self.key("calibrate", format_))
            if outcome is not None and outcome.ok:
                entries[format_] = outcome.value
        if entries:
            ranges.write(self.original.folder, entries)


def pool_of(engine: str) -> PoolName:
    """The kind of worker an engine runs in."""
    return "keras" if engine == "tensorflow" else "device"


def _version(engine: str) -> str | None:
    return version("tensorflow") if engine == "tensorflow" else engine_version(engine)
