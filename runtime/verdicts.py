"""Judges by the golden samples whether each variant still computes on this device what the original did."""

from collections.abc import Mapping

import numpy as np

from runtime.backends import ENGINES, engine_version, installed, no_wheel, pip_line, probe
from runtime.bundle.golden import Golden, kept, kept_shape
from runtime.bundle.manifest import Manifest, OutputRecord, Variant
from runtime.bundle.reader import Bundle
from runtime.errors import EdgeProofError, EngineError, UsageError
from runtime.loading import load_from
from runtime.measure.row import MeasuredRow
from runtime.model import Model
from runtime.selftest import parity
from runtime.selftest.check import check_drift, named, self_test


def engines_here(asked: str | None = None) -> dict[str, str]:
    """For the asked engine, or for all: why it cannot be used here; an empty string where it can.

    Raises EngineError where none can.
    """
    names = [asked] if asked else list(ENGINES)
    problems = {}
    for name in names:
        if not installed(name):
            problems[name] = no_wheel(name) or f"not installed; {pip_line(name)}"
        else:
            problems[name] = probe(name) or ""
    if all(problems.values()):
        raise EngineError("; ".join(f"{name}: {problem}" for name, problem in problems.items()))
    return problems


def variants_of(manifest: Manifest, asked: list[str] | None) -> list[Variant]:
    """The variants a device may load, or those asked for; UsageError for an unknown name."""
    rows = {row.name: row for row in manifest.variants.values() if row.format != "saved_model"}
    unknown = [name for name in asked or () if name not in rows]
    if unknown:
        raise UsageError(f"unknown variant {unknown[0]!r}; this bundle can load: {', '.join(rows)}")
    return [rows[name] for name in asked] if asked else list(rows.values())


def pairs_of(variants: list[Variant], engines: dict[str, str]) -> list[tuple[Variant, str]]:
    """The variants with each of the engines they are for; UsageError where there is none."""
    pairs = [(variant, engine) for variant in variants for engine in variant.engines if engine in engines]
    if not pairs:
        asked = ", ".join(variant.name for variant in variants)
        raise UsageError(f"nothing to run: {asked} is not for {', '.join(engines)}")
    return pairs


def verify(
    bundle: Bundle, golden: Golden, variant: Variant, engine: str, problem: str = "", threads: int = 1
) -> tuple[MeasuredRow, Model | None]:
    """The verdict on one variant and engine of this device, and the model, ready to use, where the verdict is ok.

    The row holds the verdict, the parity of the golden samples as one batch, and what the manifest says of the file.
    Of several outputs it shows the one that uses most of its tolerance. `problem` says why the engine cannot be used
    here, if so: the verdict is then skipped.
    """
    manifest = bundle.manifest
    row = MeasuredRow(
        model=manifest.model,
        variant=variant.name,
        engine=engine,
        status="skipped",
        engine_version=engine_version(engine),
        threads=threads,
        file=variant.file,
        size_bytes=manifest.files[variant.file].size_bytes,
    )
    if len(manifest.outputs) == 1:
        row = _with_score(row, manifest, next(iter(manifest.outputs)))
    if problem:
        return row.with_verdict("skipped", problem), None
    try:
        model = load_from(bundle, variant.name, engine, threads)
        answers = {output: kept(rows) for output, rows in model.answers(golden.inputs).items()}
        output, found = _furthest(answers, golden, variant, manifest)
        if len(manifest.outputs) > 1:
            row = _with_score(row._replace(output=output), manifest, output)
        row = row.with_parity(found)
        with named(output, variant):
            parity.check_measured(found, variant.tolerances[output])
        check_drift(answers, golden.recordings, variant)
        # A batch and single calls go different ways through an engine: both must be right.
        self_test(model, golden)
    except UsageError:
        raise  # a mistake of the caller, no fault of the variant
    except EdgeProofError as error:
        return row.with_verdict("failed", str(error)), None
    return row.with_verdict("ok"), model


def _with_score(row: MeasuredRow, manifest: Manifest, output: str) -> MeasuredRow:
    """The row with the original's own score for an output."""
    score = manifest.original.metrics.get(output)
    if score is None:
        return row
    return row._replace(metric_name=score.name, metric_better=score.better, metric_original=score.value)


def parity_of(answers: np.ndarray, golden: Golden, record: OutputRecord) -> parity.Parity:
    """The parity of what is kept of the answers to the golden inputs, for one output.

    Raises:
        ParityError: the answers cannot be compared.
    """
    # A class is the largest of all scores, and of large rows not all are kept.
    whole = kept_shape(record.shape) == record.shape or record.task != "classification"
    return parity.measure(answers, golden.outputs[record.name], record.task if whole else "tensor")


def _furthest(
    answers: Mapping[str, np.ndarray], golden: Golden, variant: Variant, manifest: Manifest
) -> tuple[str, parity.Parity]:
    """The output whose largest error is the largest part of its tolerance, and its parity.

    Args:
        answers: what is kept of the answers to the golden inputs, by output.
        golden: the golden samples.
        variant: whose answers they are.
        manifest: of the bundle.

    Raises:
        ParityError: the answers to one output cannot be compared.
    """
    furthest: tuple[float, str, parity.Parity] | None = None
    for output, record in manifest.outputs.items():
        with named(output, variant):
            found = parity_of(answers[output], golden, record)
        used = found.max_abs_error / max(variant.tolerances[output].max_abs_error, 1e-30)
        if furthest is None or used > furthest[0]:
            furthest = used, output, found
    assert furthest is not None  # a manifest has at least one output
    return furthest[1:]
