"""Does each variant still compute what the original did, here, on this device? Golden samples say."""

from typing import NamedTuple

from runtime.backends import ENGINES, installed, no_wheel, pip_line, probe
from runtime.bundle.golden import Golden
from runtime.bundle.manifest import Manifest, Variant
from runtime.bundle.reader import Bundle
from runtime.errors import EdgeProofError, EngineError, UsageError
from runtime.loading import load_from
from runtime.model import Model
from runtime.selftest import parity
from runtime.selftest.check import check_drift, self_test


class Verdict(NamedTuple):
    """One variant on one engine of this device. `model` is loaded and ready where the status is ok."""

    variant: str
    engine: str
    status: str  # "ok", "failed", or "skipped": nothing was measured
    reason: str  # empty where the status is ok
    agreement: parity.Agreement | None = None
    model: Model | None = None


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


def judge(
    bundle: Bundle, golden: Golden, variant: Variant, engine: str, problem: str = "", threads: int = 1
) -> Verdict:
    """The verdict on one variant and engine; `problem` says why the engine cannot be used here, if so."""
    if problem:
        return Verdict(variant.name, engine, "skipped", problem)
    agreement = None
    try:
        model = load_from(bundle, variant.name, engine, threads)
        outputs = model.predict(golden.inputs)
        agreement = parity.measure(outputs, golden.outputs)
        parity.check(outputs, golden.outputs, variant.tolerance)
        check_drift(outputs, golden.recordings(variant.name), variant)
        # A batch and single calls go different ways through an engine: both must be right.
        self_test(model, golden)
    except UsageError:
        raise  # a mistake of the caller, no fault of the variant
    except EdgeProofError as error:
        return Verdict(variant.name, engine, "failed", str(error), agreement)
    return Verdict(variant.name, engine, "ok", "", agreement, model)
