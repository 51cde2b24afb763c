"""The LiteRT quantizer: recipes of its operations, its ranges, and the file that it makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from export.formats.format import Ranges
from export.formats.tflite_graph import shortened
from export.formats.tflite_in_place import with_float_edges, with_one_scale

# The quantizer has names of its own for a few operations.
_OWN_NAMES = {"TRANSPOSE_CONV": "CONV_2D_TRANSPOSE"}
UNKNOWN = ("CONV_3D", "CONV_3D_TRANSPOSE")  # operators with weights that it leaves as they are


class Quantizer:
    """One file with a recipe; of the rows of a recipe that fit an operator the last one holds.

    A row without `keys` is for all operators of its kind, "*" for all kinds.  One that the quantizer does not support
    is skipped without a word: what was quantized is proved by the file.
    """

    def __init__(self, content: bytes) -> None:
        from litert_quantizer import qtyping, quantizer

        self._types = qtyping
        self._job = quantizer.Quantizer(content)

    def static(
        self, operation: str, bits: int, per_tensor: bool = False, keys: Iterable[str] = (".*",)
    ) -> None:
        """Activations of `bits` bits with recorded ranges, weights of 8."""
        for regex in self._regexes(keys):
            self._job.add_static_config(
                regex, self._operation(operation), bits, 8, self._granularity(per_tensor)
            )

    def dynamic(self, operation: str, per_tensor: bool, least: int, keys: Iterable[str] = (".*",)) -> None:
        """Weights of 8 bits where there are at least `least` of them; activations are quantized at each call."""
        self._weights(operation, per_tensor, least, self._types.ComputePrecision.INTEGER, False, keys)

    def weights_only(self, operation: str, least: int) -> None:
        """Weights of 8 bits that are turned into float32 again before they are used."""
        self._weights(operation, False, least, self._types.ComputePrecision.FLOAT, True, (".*",))

    def _weights(
        self,
        operation: str,
        per_tensor: bool,
        least: int,
        precision: Any,
        dequantized: bool,
        keys: Iterable[str],
    ) -> None:
        for regex in self._regexes(keys):
            self._job.update_quantization_recipe(
                regex=regex,
                operation_name=self._operation(operation),
                op_config=self._types.OpQuantizationConfig(
                    weight_tensor_config=self._types.TensorQuantizationConfig(
                        num_bits=8, symmetric=True, granularity=self._granularity(per_tensor)
                    ),
                    compute_precision=precision,
                    explicit_dequantize=dequantized,
                    min_weight_elements=least,
                ),
            )

    def float16(self, operation: str, keys: Iterable[str] = (".*",)) -> None:
        """Weights as float16, turned into float32 again before they are used."""
        for regex in self._regexes(keys):
            self._job.update_quantization_recipe(
                regex=regex,
                operation_name=self._operation(operation),
                op_config=self._types.OpQuantizationConfig(
                    weight_tensor_config=self._types.TensorQuantizationConfig(
                        num_bits=16, dtype=self._types.TensorDataType.FLOAT
                    ),
                    explicit_dequantize=True,
                ),
                algorithm_key="float_casting",
            )

    def keep(self, keys: Iterable[str]) -> None:
        """These operators stay as they are."""
        for regex in self._regexes(keys):
            self._no_quantize(regex, "*")

    def keep_float_edges(self) -> None:
        """Float in, float out: every variant has the same signature, and the graph quantizes faster than numpy."""
        for edge in ("INPUT", "OUTPUT"):
            self._no_quantize(".*", edge)

    def _no_quantize(self, regex: str, operation: str) -> None:
        self._job.update_quantization_recipe(
            regex=regex, operation_name=self._operation(operation), algorithm_key="no_quantize"
        )

    def content(self, ranges: Ranges | None = None) -> bytes:
        """The quantized file."""
        # Ranges of the quantizer's constants would be taken for those of activations.
        given = {
            name: {"min": np.array(low, np.float32), "max": np.array(high, np.float32)}
            for name, (low, high) in (ranges or {}).items()
        }
        result = self._job.quantize(given or None, enable_progress_report=False, enable_progress_bar=False)
        return shortened(with_one_scale(with_float_edges(bytes(result.quantized_model))))

    def _operation(self, name: str) -> Any:
        return self._types.TFLOperationName(_OWN_NAMES.get(name, name))

    def _granularity(self, per_tensor: bool) -> Any:
        return self._types.QuantGranularity["TENSORWISE" if per_tensor else "CHANNELWISE"]

    @staticmethod
    def _regexes(keys: Iterable[str]) -> list[str]:
        """Matches for keys of operators, the quantizer's name for which ends with a semicolon."""
        return [key if key == ".*" else f"^{re.escape(key)};?$" for key in keys]
