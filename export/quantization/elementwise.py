"""Ops that compute each element of what they make of the same elements of what they take, as functions of numpy.

Read in ONNX's definitions of its operators (opset 17) and TFLite's kernels (2.14). Both formats share the table, since
their names differ in little but capitals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from scipy.special import erf, expit  # type: ignore[import-untyped]

Function = Callable[..., np.ndarray]


class Elementwise(NamedTuple):
    """One such op: its inputs, each the name of a tensor or the value of a constant of one element, and its output."""

    inputs: tuple[str | float, ...]
    output: str
    function: Function

    @property
    def names(self) -> set[str]:
        """The names of the tensors that it takes."""
        return {each for each in self.inputs if isinstance(each, str)}


def _gelu(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = x * (1 + erf(x / np.sqrt(2))) / 2
    return found


def _gelu_by_tanh(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2
    return found


def _elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _selu(x: np.ndarray, alpha: float = 1.6732632423543772, gamma: float = 1.0507009873554805) -> np.ndarray:
    return gamma * _elu(x, alpha)


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def _clip(x: np.ndarray, low: float = -np.inf, high: float = np.inf) -> np.ndarray:
    return np.clip(x, low, high)


def _largest(*taken: np.ndarray) -> np.ndarray:
    return reduce(np.maximum, taken)


def _least(*taken: np.ndarray) -> np.ndarray:
    return reduce(np.minimum, taken)


def _relu6(x: np.ndarray) -> np.ndarray:
    return np.clip(x, 0, 6)


def _relu_n1_to_1(x: np.ndarray) -> np.ndarray:
    return np.clip(x, -1, 1)


def _leaky_relu(x: np.ndarray, alpha: float = 0.01) -> np.ndarray:
    return np.where(x > 0, x, alpha * x)


def _hard_sigmoid(x: np.ndarray, alpha: float = 0.2, beta: float = 0.5) -> np.ndarray:
    return np.clip(alpha * x + beta, 0, 1)


def _hard_swish(x: np.ndarray) -> np.ndarray:
    return x * np.clip(x + 3, 0, 6) / 6


# By name in capitals, without underscores.
_FUNCTIONS: Mapping[str, Function] = {
    "ABS": np.abs,
    "ADD": np.add,
    "CLIP": _clip,
    "DIV": np.divide,
    "ELU": _elu,
    "ERF": erf,
    "EXP": np.exp,
    "GELU": _gelu,
    "GREATER": np.greater,
    "GREATEREQUAL": np.greater_equal,
    "GREATEROREQUAL": np.greater_equal,
    "HARDSIGMOID": _hard_sigmoid,
    "HARDSWISH": _hard_swish,
    "IDENTITY": np.positive,
    "LEAKYRELU": _leaky_relu,
    "LESS": np.less,
    "LESSEQUAL": np.less_equal,
    "LESSOREQUAL": np.less_equal,
    "LOG": np.log,
    "LOGISTIC": expit,
    "MAX": _largest,
    "MAXIMUM": _largest,
    "MIN": _least,
    "MINIMUM": _least,
    "MUL": np.multiply,
    "NEG": np.negative,
    "POW": np.power,
    "RELU": _relu,
    "RELU6": _relu6,
    "RELUN1TO1": _relu_n1_to_1,
    "SELECT": np.where,
    "SELECTV2": np.where,
    "SELU": _selu,
    "SIGMOID": expit,
    "SOFTPLUS": lambda x: np.logaddexp(0, x),
    "SOFTSIGN": lambda x: x / (1 + np.abs(x)),
    "SQRT": np.sqrt,
    "SQUARE": np.square,
    "SUB": np.subtract,
    "TANH": np.tanh,
    "WHERE": np.where,
}
_SETTINGS = ("alpha", "beta", "gamma")


def function(op: str, settings: Mapping[str, Any]) -> Function | None:
    """What an op of this name, with these attributes or options, computes; None of one that is not in the table."""
    name = op.replace("_", "").upper()
    if name == "GELU" and settings.get("approximate"):
        return _gelu_by_tanh
    found = _FUNCTIONS.get(name)
    chosen = {key: settings[key] for key in _SETTINGS if settings.get(key) is not None}
    if found is None or not chosen:
        return found
    return lambda *taken: found(*taken, **chosen)
