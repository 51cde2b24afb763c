"""TensorFlow calls inside a functional model of Keras 2 (`x + y`, `tf.concat`), as operations of Keras 3.

Keras 2 records such a call as a layer `TFOpLambda` with the call's public name.  Each name in the table becomes one
operation of Keras 3 that computes the same; every other name is refused, so that a file cannot choose what is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.errors import ModelError


@dataclass(frozen=True)
class TfCall:
    """An operation of Keras 3: where it is, which arguments of the TensorFlow call are its tensors after the first,
    and which are its settings there, with TensorFlow's defaults where they differ.
    """

    place: str
    tensors: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The module of Keras, as Keras 3 writes it into its own files."""
        return f"keras.src.ops.{self.place.split('.')[0]}"

    @property
    def class_name(self) -> str:
        """The operation's class."""
        return self.place.split(".")[1]


_REDUCE = {"axis": "axis", "keepdims": "keepdims"}
_AXIS = {"axis": "axis"}
_BINARY = {
    "add": "Add", "subtract": "Subtract", "multiply": "Multiply", "truediv": "TrueDivide", "divide": "TrueDivide",
    "pow": "Power", "maximum": "Maximum", "minimum": "Minimum", "greater": "Greater", "less": "Less",
    "greater_equal": "GreaterEqual", "less_equal": "LessEqual", "equal": "Equal",
}  # fmt: skip
_UNARY = {
    "math.negative": "numpy.Negative", "math.abs": "numpy.Absolute", "math.exp": "numpy.Exp", "math.log": "numpy.Log",
    "math.sqrt": "numpy.Sqrt", "math.square": "numpy.Square", "math.tanh": "numpy.Tanh", "math.sin": "numpy.Sin",
    "math.cos": "numpy.Cos", "math.reciprocal": "numpy.Reciprocal", "math.floor": "numpy.Floor",
    "math.ceil": "numpy.Ceil", "math.sign": "numpy.Sign", "math.rsqrt": "math.Rsqrt", "math.erf": "math.Erf",
    "math.sigmoid": "nn.Sigmoid", "math.softplus": "nn.Softplus", "nn.relu": "nn.Relu", "nn.relu6": "nn.Relu6",
    "nn.silu": "nn.Silu", "nn.elu": "nn.Elu", "nn.selu": "nn.Selu", "nn.softsign": "nn.Softsign",
}  # fmt: skip
SLICE = "__operators__.getitem"
CALLS: dict[str, TfCall] = {
    SLICE: TfCall("numpy.GetItem"),
    **{f"math.{name}": TfCall(f"numpy.{kind}", ("y",)) for name, kind in _BINARY.items()},
    **{f"__operators__.{name}": TfCall(f"numpy.{kind}", ("y",)) for name, kind in _BINARY.items()},
    **{name: TfCall(kind) for name, kind in _UNARY.items()},
    **{
        f"math.reduce_{name}": TfCall(f"numpy.{kind}", (), _REDUCE)
        for name, kind in {
            "mean": "Mean", "sum": "Sum", "max": "Max", "min": "Min", "prod": "Prod", "std": "Std", "variance": "Var",
        }.items()
    },
    "concat": TfCall("numpy.Concatenate", (), _AXIS),
    "stack": TfCall("numpy.Stack", (), _AXIS),
    "reshape": TfCall("numpy.Reshape", (), {"shape": "newshape"}),
    "expand_dims": TfCall("numpy.ExpandDims", (), _AXIS),
    "compat.v1.squeeze": TfCall("numpy.Squeeze", (), _AXIS),
    "squeeze": TfCall("numpy.Squeeze", (), _AXIS),
    "compat.v1.transpose": TfCall("numpy.Transpose", (), {"perm": "axes"}),
    "transpose": TfCall("numpy.Transpose", (), {"perm": "axes"}),
    "tile": TfCall("numpy.Tile", (), {"multiples": "repeats"}),
    "clip_by_value": TfCall("numpy.Clip", (), {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "linalg.matmul": TfCall("numpy.Matmul", ("b",)),
    "where": TfCall("numpy.Where", ("x", "y")),
    "math.argmax": TfCall("numpy.Argmax", (), _AXIS),
    "nn.softmax": TfCall("nn.Softmax", (), _AXIS),
    "nn.log_softmax": TfCall("nn.LogSoftmax", (), _AXIS),
    "nn.gelu": TfCall("nn.Gelu", (), {"approximate": "approximate"}, {"approximate": False}),
    "nn.leaky_relu": TfCall("nn.LeakyRelu", (), {"alpha": "negative_slope"}, {"negative_slope": 0.2}),
    "image.resize": TfCall(
        "image.Resize",
        (),
        {"size": "size", "method": "interpolation", "antialias": "antialias"},
        {"data_format": "channels_last"},
    ),
}  # fmt: skip
# Arguments that say nothing when they have this value.
_SILENT: dict[str, Any] = {
    "conjugate": False, "transpose_a": False, "transpose_b": False, "adjoint_a": False, "adjoint_b": False,
    "preserve_aspect_ratio": False,
}  # fmt: skip


def known(symbol: str, layer: str, file: str) -> TfCall:
    """The table's row for a TensorFlow call.

    Raises:
        ModelError: the table has none.
    """
    if symbol not in CALLS:
        raise ModelError(
            f"{file} cannot be loaded: its layer {layer!r} calls tf.{symbol}, for which Keras 3 has no operation that "
            "edgeproof knows; replace the call by a Keras layer, or save the model with Keras 3"
        )
    return CALLS[symbol]


def split(call: TfCall, arguments: dict[str, Any], layer: str, file: str) -> tuple[list[Any], dict[str, Any]]:
    """The call's tensors after the first, and its settings, out of the arguments that Keras 2 recorded.

    Raises:
        ModelError: an argument says something that the operation of Keras 3 cannot.
    """
    settings = dict(call.defaults)
    for name, value in arguments.items():
        if name in call.tensors or name == "name" or value is None:
            continue
        if name in call.settings:
            settings[call.settings[name]] = value
        elif _SILENT.get(name, not value) != value:
            raise ModelError(
                f"{file} cannot be loaded: its layer {layer!r} calls TensorFlow with {name}={value!r}, which Keras 3's "
                f"{call.class_name} has no word for; replace the call by a Keras layer, or save the model with Keras 3"
            )
    return [arguments[name] for name in call.tensors if name in arguments], settings
