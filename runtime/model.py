"""The model on the device: one variant of a bundle, loaded by one engine."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from runtime.backends import Backend
from runtime.backends.feeds import all_finite
from runtime.bundle.manifest import Manifest, OutputRecord, TensorSpec, Variant
from runtime.errors import BundleError, EngineError
from runtime.inputs import feeds_check
from runtime.namedtuples import FastNamedTuple


class Signature(FastNamedTuple):
    """The inputs and outputs of a variant, by name."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


class Model:
    """A loaded variant, as `load` returns it. Threads may share it.

    Attributes:
        labels: the names of the classes in the order of the outputs; None where the output has none. Of a model with
            several outputs a dict of them by output, as `units` too.
        units: the units of the values of a row, one for each; None where none has one.
        unit: the unit of the values of the one output; None where it has none, or not one for all.
        signature: inputs and outputs by name.
        variant: the name of the variant that was loaded.
        engine: the name of the engine that runs it.
        manifest: everything that the bundle says of itself.
    """

    def __init__(
        self,
        manifest: Manifest,
        variant: Variant,
        engine: str,
        backend: Backend,
        vocabularies: Mapping[str, bytes] | None = None,
    ) -> None:
        for side in ("inputs", "outputs"):
            found, expected = dict(getattr(backend, side)), dict(getattr(variant, side))
            if found != expected:
                raise BundleError(f"{variant.file}: its {side} are {found}, the manifest says {expected}")
        self.manifest = manifest
        outputs = manifest.outputs
        self.labels = _of_each(outputs, "labels")
        self.units = _of_each(outputs, "units")
        self.unit = _one_unit(self.units) if len(outputs) == 1 else None
        self.signature = Signature(variant.inputs, variant.outputs)
        self.variant = variant.name
        self.engine = engine
        # Looked up here once: `predict` and `run` may cost next to nothing over the engine's own calls.
        self._feeds = feeds_check(manifest.inputs, vocabularies or {})
        self._infer = backend.infer
        self._run = backend.run
        self._floats = [name for name, record in outputs.items() if record.dtype == "float32"]
        self._only = next(iter(outputs)) if len(outputs) == 1 else None

    def predict(self, inputs: Any) -> Any:
        """Returns the answers to raw inputs: a new array [n, …] where the model has one output, else a dict of them.

        Args:
            inputs: any number n of rows, 0 included; of a model with several inputs a dict of them by name. An image
                is uint8 pixels [n, height, width] or [n, height, width, channels]; a table unscaled rows [n, columns]
                of any real dtype; a text a list of n strings, or the numbers of their words; a sequence or tensor
                an array [n, …] of the input's dtype.

        Raises:
            InputError: a wrong name, dtype, shape or value, NaN and Inf included.
            EngineError: the engine answered NaN or Inf.
        """
        outputs = self.answers(inputs)
        return outputs if self._only is None else outputs[self._only]

    def answers(self, inputs: Any) -> dict[str, np.ndarray]:
        """Returns what `predict` does, by name whatever the number of outputs, in the order of the manifest."""
        outputs = self._infer(self._feeds(inputs))
        if self._only is None:
            outputs = {name: outputs[name] for name in self.manifest.outputs}
        for name in self._floats:
            if not all_finite(outputs[name]):
                where = "" if self._only else f" for {name}"
                raise EngineError(
                    f"{self.variant} answered NaN or Inf{where} on {self.engine}; run `python -m runtime verify`"
                )
        return outputs

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the outputs by name as new arrays [n, …], for arrays [n, …] of the tensors' dtypes, below `predict`.

        Raises:
            InputError: another name, dtype or shape. Values are not looked at.
        """
        return self._run(feeds)

    def __repr__(self) -> str:
        return f"<Model {self.manifest.model}: {self.variant} on {self.engine}>"


def _of_each(outputs: Mapping[str, OutputRecord], field: str) -> Any:
    found = {name: getattr(record, field) for name, record in outputs.items()}
    return found if len(found) > 1 else next(iter(found.values()))


def _one_unit(units: tuple[str | None, ...] | None) -> str | None:
    return units[0] if units and len(set(units)) == 1 else None
