"""The ranges of the activations of a float32 `.tflite` file over samples, also inside loops.

What is inside a loop can be read by a part of the LiteRT quantizer that is not documented. Read in
litert-quantizer 0.11.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export.chunks import chunks
from export.formats.format import Ranges
from export.formats.saved_model import SIGNATURE
from export.formats.tflite_graph import Graph, Operator, graphs, name_of
from export.formats.tflite_nodes import floats
from export.quantization.select_branches import select_branches


def activations(path: Path) -> set[str]:
    """Names of all float32 tensors that have a range."""
    return floats(graphs(path))


def record_ranges(path: Path, samples: Mapping[str, np.ndarray]) -> Ranges:
    """Lowest and highest value of every activation of a float32 `.tflite` file over all samples.

    The extremes are exact: the quantizer's own moving average would cut off rare values.  Values that a SELECT
    discards are left out.  `samples` are by input name, [n, …] in the dtypes of the file's tensors.
    """
    found = graphs(path)
    ranges = _main(path, found, samples)
    inside = floats(found) - ranges.keys()
    return ranges | _inside_loops(path, inside, samples) if len(found) > 1 and inside else ranges


# An output of 16 bits has 2¹⁵ steps on either side of zero. The limit may be 2³⁰ steps, half of what 32 bits hold.
_LEAST_SHARE = 2.0**15 / 2**30
_LIMITS = {"RELU6": 6.0, "RELU_N1_TO_1": 1.0}


def wide_enough(ranges: Ranges, operators: Iterable[Operator]) -> Ranges:
    """The ranges; those behind a relu6 or the like are so wide that in 16 bits its limit is a number of 32 bits.

    Engines count the limit in steps of the output's scale, and refuse a file in which 32 bits do not hold it: where all
    values that the activation was seen to give lie near zero.
    """
    least = {
        name_of(tensor): _LIMITS[operator.activation] * _LEAST_SHARE
        for operator in operators
        for tensor in operator.outputs
        if operator.activation in _LIMITS
    }
    return {name: (low, max(high, least.get(name, high))) for name, (low, high) in ranges.items()}


def _main(path: Path, found: list[Graph], samples: Mapping[str, np.ndarray]) -> Ranges:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that keeping all tensors costs memory, which is the point
        interpreter = Interpreter(
            str(path),
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            num_threads=1,
        )
    given = interpreter.get_signature_runner(SIGNATURE).get_input_details()
    made = floats(found[:1]) | {detail["name"] for detail in given.values()}
    rules = select_branches(found[0].operators)
    details = interpreter.get_tensor_details()
    index = {detail["name"]: detail["index"] for detail in details}
    ranges: Ranges = {}
    for chunk in chunks(samples):
        for name, detail in given.items():
            interpreter.resize_tensor_input(detail["index"], chunk[name].shape)
        interpreter.allocate_tensors()
        for name, detail in given.items():
            interpreter.set_tensor(detail["index"], chunk[name])
        interpreter.invoke()
        for detail in details:
            if detail["dtype"] is np.float32 and detail["name"] in made:
                value = interpreter.get_tensor(detail["index"])
                rule = rules.get(detail["name"])
                if rule is not None:
                    value = rule.kept(value, interpreter.get_tensor(index[rule.condition]))
                if value.size:
                    low, high = ranges.get(detail["name"], (np.inf, -np.inf))
                    ranges[detail["name"]] = (min(low, float(value.min())), max(high, float(value.max())))
    return ranges


def _inside_loops(path: Path, names: set[str], samples: Mapping[str, np.ndarray]) -> Ranges:
    """The extremes of the named tensors, which the interpreter does not keep: its own profiler sees them."""
    from litert_quantizer.calibrator import CalibrationMode, Calibrator
    from litert_quantizer.recipe_manager import RecipeManager

    calibrator = Calibrator(
        str(path),
        num_threads=1,
        mode=CalibrationMode.CALIBRATION_PROFILER_BASED,
        qsv_update_func=_extremes,
    )
    calibrator.calibrate({SIGNATURE: list(chunks(samples))}, RecipeManager())
    return {
        name: (float(found["min"].min()), float(found["max"].max()))
        for name, found in calibrator.get_model_qsvs().items()
        if name in names
    }


def _extremes(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {"min": np.minimum(one["min"], other["min"]), "max": np.maximum(one["max"], other["max"])}
