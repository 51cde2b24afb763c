"""Loads a variant of a bundle: chooses the variant and the engine, and runs the self-test."""

import os

from runtime.backends import ENGINES, installed, open_backend
from runtime.bundle.manifest import Manifest, Variant
from runtime.bundle.reader import Bundle, open_bundle
from runtime.errors import EngineError, UsageError
from runtime.model import Model

AUTO = "auto"


def load(
    bundle: str | os.PathLike[str],
    variant: str | None = None,
    engine: str | None = None,
    threads: int | None = None,
    self_test: bool = True,
) -> Model:
    """Loads a variant of a bundle, and proves that it computes here what it did at export.

    Args:
        bundle: the folder or the .zip.
        variant: its name, such as "tflite-int8"; "auto" for what `python -m runtime select` chose on this device;
            None takes the first in the manifest that the engine can run.
        engine: "litert", "tflite-runtime" or "onnxruntime"; None takes the first installed one, in that order, and
            with "auto" the chosen one.
        threads: how many the engine may use for one call; None takes 1, and with "auto" the chosen number.
        self_test: whether the golden inputs go through the model first, which takes some milliseconds for a small one.

    Raises:
        ParityError: the self-test found other answers than the known ones.
        BundleError: the bundle is missing, damaged, or not what its manifest says.
        EngineError: no fitting engine is installed, or it refuses the file.
        UsageError: an unknown variant or engine; "auto", where nothing was chosen yet.
    """
    opened = open_bundle(bundle)
    if variant == AUTO:
        from runtime.choose.saved_choice import recall

        chosen = recall(opened, engine)
        variant, engine, threads = (
            chosen.variant,
            chosen.engine,
            threads if threads is not None else chosen.threads,
        )
    threads = 1 if threads is None else threads
    row, engine = resolve(opened.manifest, variant, engine)
    if not self_test:
        return _open(opened, row, engine, threads)
    from runtime.bundle.golden import read_golden
    from runtime.selftest.check import self_test as check

    golden = read_golden(opened, row.name)  # first, so that damage is found before an engine is given a byte
    model = _open(opened, row, engine, threads)
    check(model, golden)
    return model


def load_from(bundle: Bundle, variant: str | None, engine: str | None, threads: int) -> Model:
    """Loads a variant of a bundle that is open already, as `load` does, without the self-test."""
    row, engine = resolve(bundle.manifest, variant, engine)
    return _open(bundle, row, engine, threads)


def _open(bundle: Bundle, row: Variant, engine: str, threads: int) -> Model:
    backend = open_backend(engine, bundle.read(row.file), threads)
    # Read now, though strings may never come: later, another bundle may be in its place.
    vocabularies = {
        name: bundle.read(record.vocabulary)
        for name, record in bundle.manifest.inputs.items()
        if record.vocabulary is not None
    }
    return Model(bundle.manifest, row, engine, backend, vocabularies)


def resolve(manifest: Manifest, variant: str | None, engine: str | None) -> tuple[Variant, str]:
    """Returns the variant and the engine that `load` takes for these arguments; raises as it does."""
    rows = [row for row in manifest.variants.values() if row.format != "saved_model"]
    names = ", ".join(row.name for row in rows)
    if variant is not None:
        if variant == "saved_model":
            raise UsageError(
                f"saved_model is code and stays on the export machine; this bundle can load: {names}"
            )
        rows = [row for row in rows if row.name == variant]
        if not rows:
            raise UsageError(f"unknown variant {variant!r}; this bundle has: {names}")
    if engine is not None:
        installed(engine)  # refuses unknown names
        rows = [row for row in rows if engine in row.engines]
        if not rows:
            raise UsageError(
                f"{variant or 'no variant'} was verified for {engine}: {_verified(manifest, variant)}"
            )
        return rows[0], engine
    for name in ENGINES:
        fitting = [row for row in rows if name in row.engines]
        if fitting and installed(name):
            return fitting[0], name
    packages = [ENGINES[name].package for name in ENGINES if any(name in row.engines for row in rows)]
    raise EngineError(
        f"no engine for {variant or 'this bundle'} is installed; pip install {' or '.join(packages)}"
    )


def _verified(manifest: Manifest, variant: str | None) -> str:
    rows = [row for row in manifest.variants.values() if variant in (None, row.name)]
    return "; ".join(f"{row.name} is for {', '.join(row.engines)}" for row in rows)
