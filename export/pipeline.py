"""The export of one or many models: build every variant, verify it on every engine, time it, pack what passed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export import bundle, calibration, latency, state, worker
from export.conversion import Conversion
from export.original import Original
from export.report import Row
from export.steps import Outcome, Results, Step, Workers
from export.targets import TARGETS, Target
from runtime.backends import engine_version

SUFFIX = {"saved_model": "", "tflite": ".tflite", "onnx": ".onnx"}
Tell = Callable[[str, int, int], None]  # what was done, steps done, steps in all


@dataclass(frozen=True)
class Exported:
    """What became of one model: its rows, and its bundle (None where no variant passed)."""

    original: Original
    rows: list[Row]
    bundle: Path | None


def export(
    originals: list[Original],
    targets: list[Target],
    out: Path,
    jobs: int,
    data_dir: str | None,
    missing: dict[str, str | None],
    tell: Tell,
) -> list[Exported]:
    """Export these models to these targets; bundles go to `out`/<model>/bundle.

    `missing` says for each model why its labelled samples are not there (None: they are in `data_dir`).
    Conversions and verifications of all models run `jobs` at a time; latency is measured after them, alone.
    A previous bundle is replaced only by a whole new one.
    """
    wanted = [target for target in TARGETS.values() if target.name in _with_sources(targets)]
    with ExitStack() as stack:
        workers = stack.enter_context(Workers(jobs))
        staging = {
            original.name: stack.enter_context(_staging(out / original.name)) for original in originals
        }
        steps = [
            step
            for original in originals
            for step in _steps(
                original, wanted, targets, staging[original.name], data_dir, missing[original.name]
            )
        ]
        total, finished = len(steps) + len(originals), 0

        def done(step: Step, outcome: Outcome) -> None:
            nonlocal finished
            finished += 1
            tell(" ".join(map(str, step.key)), finished, total)

        results = workers.run(steps, done)
        exported = []
        for original in originals:
            _keep_ranges(original, results)
            files = {target.name: _file(staging[original.name], target) for target in targets}
            rows = _rows(original, targets, files, results, missing[original.name])
            latency.measure(workers, original, rows, files)
            digest = state.digest(original, targets, missing[original.name] is None)
            golden = {
                name: found for name in files if (found := _golden(results, original, name)) is not None
            }
            exported.append(Exported(original, rows, bundle.pack(original, rows, files, golden, out, digest)))
            finished += 1
            tell(f"{original.name} latency", finished, total)
    return exported


def _with_sources(targets: Iterable[Target]) -> set[str]:
    """The names of these targets and of all they are converted from."""
    names: set[str] = set()
    for target in targets:
        step: Target | None = target
        while step is not None:
            names.add(step.name)
            step = TARGETS[step.source] if step.source else None
    return names


def _staging(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """A folder beside the bundle to be, so that it can be renamed into its place."""
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=folder, prefix=".bundle-", ignore_cleanup_errors=True)


def _file(staging: str | Path, target: Target) -> Path:
    return Path(staging) / f"{target.name}{SUFFIX[target.format]}"


def _steps(
    original: Original,
    wanted: list[Target],
    targets: list[Target],
    staging: str,
    data_dir: str | None,
    missing: str | None,
) -> list[Step]:
    steps = []
    name = original.name
    for format_ in {target.format for target in wanted if target.calibrated}:
        source = TARGETS[f"{format_}-float32"]
        arguments = (original, format_, _file(staging, source), data_dir)
        steps.append(
            Step(
                (name, "calibrate", format_), "device", worker.calibrate, _fixed(*arguments),
                after=((name, "build", source.name),),
            )
        )  # fmt: skip
    for target in wanted:
        after: tuple[Any, ...] = ((name, "build", target.source),) if target.source else ()
        if target.calibrated:
            after += ((name, "calibrate", target.format),)
        build = Step(
            (name, "build", target.name),
            target.pool,
            worker.build,
            _conversion(original, target, staging),
            after,
        )
        steps.append(build)
        if target not in targets:
            continue
        for engine in target.engines:
            if engine == "tensorflow" or engine_version(engine) is not None:
                arguments = (
                    engine, _file(staging, target), original, target, None if missing else (data_dir,),
                )  # fmt: skip
                pool = "keras" if engine == "tensorflow" else "device"
                steps.append(
                    Step(
                        (name, "verify", target.name, engine),
                        pool,
                        worker.check,
                        _fixed(*arguments),
                        (build.key,),
                    )
                )
    return steps


def _fixed(*arguments: Any) -> Callable[[Results], tuple[Any, ...]]:
    return lambda results: arguments


def _conversion(original: Original, target: Target, staging: str) -> Callable[[Results], tuple[Any, ...]]:
    """The arguments of a build, made when its calibration is known."""

    def arguments(results: Results) -> tuple[Any, ...]:
        ranges = None
        if target.calibrated:
            ranges = calibration.as_ranges(results[original.name, "calibrate", target.format].value)
        source = _file(staging, TARGETS[target.source]) if target.source else original.model
        return target, Conversion(
            source=source,
            destination=_file(staging, target),
            input_name=original.input["name"],
            input_shape=tuple(original.input["shape"]),
            output_name=original.output["name"],
            ranges=ranges,
        )

    return arguments


def _keep_ranges(original: Original, results: Results) -> None:
    """Write what this run recorded beside the model, for the next run without the dataset."""
    entries = calibration.read(original.folder)
    for format_ in ("tflite", "onnx"):
        outcome = results.get((original.name, "calibrate", format_))
        if outcome is not None and outcome.ok:
            entries[format_] = outcome.value
    if entries:
        calibration.write(original.folder, entries)


def _rows(
    original: Original, targets: list[Target], files: dict[str, Path], results: Results, missing: str | None
) -> list[Row]:
    """A row for each variant and engine, all but its latency."""
    rows = []
    for target in targets:
        built = results[original.name, "build", target.name]
        for engine in target.engines:
            row = Row(
                model=original.name,
                variant=target.name,
                engine=engine,
                engine_version=_version(engine),
                metric_name=original.metric_name,
                metric_original=original.metric,
                size_bytes=bundle.size_bytes(files[target.name]) if built.ok else None,
            )
            outcome = results.get((original.name, "verify", target.name, engine))
            if not built.ok:
                row.fail(f"not built: {built.reason}")
            elif outcome is None:
                row.status, row.reason = "skipped", f"{engine} is not installed here"
            else:
                row.take(outcome.value or getattr(outcome.error, "measured", {}))
                if not outcome.ok:
                    row.fail(str(outcome.reason))
                elif missing:
                    row.reason = f"{original.metric_name} not measured: {missing}"
            rows.append(row)
    return rows


def _version(engine: str) -> str | None:
    if engine != "tensorflow":
        return engine_version(engine)
    from importlib.metadata import version

    return version("tensorflow")


def _golden(results: Results, original: Original, variant: str) -> np.ndarray | None:
    """A variant's own answers to the golden inputs, on the first engine that passed it; None if none did."""
    for engine in TARGETS[variant].engines:
        outcome = results.get((original.name, "verify", variant, engine))
        if outcome is not None and outcome.ok:
            answers: np.ndarray = outcome.value["golden_outputs"]
            return answers
    return None
