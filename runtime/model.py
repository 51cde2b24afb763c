"""The model on the device: one variant of a bundle, loaded by one engine."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from runtime.backends import ENGINES, Backend, installed, open_backend
from runtime.bundle import Bundle, open_bundle
from runtime.errors import BundleError, EngineError, UsageError
from runtime.manifest import Manifest, Variant
from runtime.raw import raw_check
from runtime.signature import Signature, all_finite

AUTO = "auto"


class Model:
    """What `load` returns. Threads may share it.

    Attributes:
        labels: the classes of a classifier in the order of the outputs; None for a regressor.
        unit: the unit of a regressor's values; None where it has none.
        signature: inputs and outputs by name.
        variant, engine: what was loaded, by what.
        manifest: everything the bundle says of itself.
    """

    def __init__(self, manifest: Manifest, variant: Variant, engine: str, backend: Backend) -> None:
        for side in ("inputs", "outputs"):
            found, expected = getattr(backend, side), getattr(variant, side)
            if {name: spec.shape for name, spec in found.items()} != {
                name: spec.shape for name, spec in expected.items()
            }:
                raise BundleError(f"{variant.file}: its {side} are {found}, the manifest says {expected}")
        self.manifest = manifest
        self.labels = manifest.labels
        self.unit = manifest.unit
        self.signature = Signature(variant.inputs, variant.outputs)
        self.variant = variant.name
        self.engine = engine
        # Bound here once: `predict` and `run` may cost next to nothing over the engine's own calls.
        self._check = raw_check(manifest.input)
        self._infer = backend.infer
        self._run = backend.run

    def predict(self, inputs: Any) -> np.ndarray:
        """The answers for raw inputs: float32 [n, k], probabilities or values in `unit`; a new array.

        Args:
            inputs: uint8 pixels [n, height, width] or [n, height, width, channels] for images; unscaled rows
                [n, columns] of any real dtype for tables. Any n, 0 included.

        Raises:
            InputError: a wrong dtype, shape or value, NaN and Inf included.
            EngineError: the engine answered NaN or Inf.
        """
        outputs = self._infer(self._check(inputs))
        if not all_finite(outputs):
            raise EngineError(
                f"{self.variant} answered NaN or Inf on {self.engine}; run `python -m runtime verify`"
            )
        return outputs

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The layer below `predict`: {input name: float32 [n, …]} to {output name: float32 [n, k]}, new arrays.

        Raises:
            InputError: another name, dtype or shape. Values are not looked at.
        """
        return self._run(feeds)

    def __repr__(self) -> str:
        return f"<Model {self.manifest.model}: {self.variant} on {self.engine}>"


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
        threads: how many the engine may use for one call; None is 1, and with "auto" the chosen number.
        self_test: whether the golden inputs go through the model first; some milliseconds for a small one.

    Raises:
        ParityError: the self-test found other answers than the known ones.
        BundleError: the bundle is missing, damaged, or not what its manifest says.
        EngineError: no fitting engine is installed, or it refuses the file.
        UsageError: an unknown variant or engine; "auto", where nothing was chosen yet.
    """
    opened = open_bundle(bundle)
    if variant == AUTO:
        from runtime.selection import recall

        chosen = recall(opened, engine)
        variant, engine, threads = (
            chosen.variant,
            chosen.engine,
            threads if threads is not None else chosen.threads,
        )
    threads = 1 if threads is None else threads
    row, engine = choose(opened.manifest, variant, engine)
    if not self_test:
        return _open(opened, row, engine, threads)
    from runtime import self_test as judge
    from runtime.golden import read_golden

    golden = read_golden(opened, row.name)  # damage is found before an engine is given a byte
    model = _open(opened, row, engine, threads)
    judge.self_test(model, golden)
    return model


def load_from(bundle: Bundle, variant: str | None, engine: str | None, threads: int) -> Model:
    """`load` for a bundle that is open already, without the self-test."""
    row, engine = choose(bundle.manifest, variant, engine)
    return _open(bundle, row, engine, threads)


def _open(bundle: Bundle, row: Variant, engine: str, threads: int) -> Model:
    backend = open_backend(engine, bundle.read(row.file), threads)
    return Model(bundle.manifest, row, engine, backend)


def choose(manifest: Manifest, variant: str | None, engine: str | None) -> tuple[Variant, str]:
    """The variant and engine that `load` takes; see there."""
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
