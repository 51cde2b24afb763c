"""The model on the device: one variant of a bundle, loaded by one engine."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from runtime.backends import Backend
from runtime.backends.feeds import all_finite
from runtime.bundle.manifest import Manifest, TensorSpec, Variant
from runtime.errors import BundleError, EngineError
from runtime.inputs import raw_check
from runtime.namedtuples import FastNamedTuple


class Signature(FastNamedTuple):
    """The inputs and outputs of a variant, by name."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


class Model:
    """A loaded variant, as `load` returns it. Threads may share it.

    Attributes:
        labels: the classes of a classifier in the order of the outputs; None for a regressor.
        unit: the unit of a regressor's values; None where it has none.
        signature: inputs and outputs by name.
        variant: the name of the variant that was loaded.
        engine: the name of the engine that runs it.
        manifest: everything that the bundle says of itself.
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
        # Looked up here once: `predict` and `run` may cost next to nothing over the engine's own calls.
        self._check = raw_check(manifest.input)
        self._infer = backend.infer
        self._run = backend.run

    def predict(self, inputs: Any) -> np.ndarray:
        """Returns the answers to raw inputs as a new array, float32 [n, k]: probabilities, or values in `unit`.

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
        """Returns {output name: float32 [n, k]}, new arrays, for {input name: float32 [n, …]}, below `predict`.

        Raises:
            InputError: another name, dtype or shape. Values are not looked at.
        """
        return self._run(feeds)

    def __repr__(self) -> str:
        return f"<Model {self.manifest.model}: {self.variant} on {self.engine}>"
