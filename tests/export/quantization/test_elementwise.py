"""What ops that compute element by element give, beside what ONNX Runtime gives."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from export.quantization.elementwise import function

X = np.linspace(-9, 9, 181).astype(np.float32)
POSITIVE = np.linspace(0.1, 9, 181).astype(np.float32)


def by_onnxruntime(op, inputs, settings):
    names = [f"x{place}" for place in range(len(inputs))]
    ends = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values.dtype), values.shape)
        for name, values in zip(names, inputs, strict=True)
    ]
    node = helper.make_node(op, names, ["y"], **settings)
    kind = TensorProto.BOOL if op.startswith(("Greater", "Less")) else TensorProto.FLOAT
    graph = helper.make_graph([node], "g", ends, [helper.make_tensor_value_info("y", kind, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip(names, inputs, strict=True)))[0]


ALONE = (
    *("Abs", "Elu", "Erf", "Exp", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Log", "Neg", "Relu", "Selu"),
    *("Sigmoid", "Softplus", "Softsign", "Sqrt", "Tanh", "Clip", "Max", "Min"),
)  # fmt: skip
PAIRS = (
    "Add",
    "Div",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Min",
    "Mul",
    "Pow",
    "Sub",
    "Clip",
)


@pytest.mark.parametrize(
    ("op", "numbers", "settings"),
    [
        *((op, (), {}) for op in ALONE),
        *((op, (2.0,), {}) for op in PAIRS),
        ("Max", (-2.0, 1.0), {}),
        ("Clip", (-2.0, 6.0), {}),
        ("Elu", (), {"alpha": 0.5}),
        ("LeakyRelu", (), {"alpha": 0.3}),
        ("Selu", (), {"alpha": 2.0, "gamma": 1.5}),
        ("HardSigmoid", (), {"alpha": 1 / 6, "beta": 0.5}),
    ],
)
def test_an_op_gives_what_onnxruntime_gives(op, numbers, settings):
    inputs = [POSITIVE if op in ("Log", "Sqrt") else X, *(np.array(each, np.float32) for each in numbers)]
    found = function(op, settings)(*(values.astype(np.float64) for values in inputs))
    np.testing.assert_allclose(found, by_onnxruntime(op, inputs, settings), rtol=1e-5, atol=1e-5)


def test_names_of_tflite_are_known_too():
    for ours, theirs in (
        ("Sigmoid", "LOGISTIC"), ("HardSwish", "HARD_SWISH"), ("Max", "MAXIMUM"), ("Min", "MINIMUM"),
        ("LeakyRelu", "LEAKY_RELU"), ("GreaterOrEqual", "GREATER_EQUAL"), ("Where", "SELECT_V2"),
    ):  # fmt: skip
        assert function(ours, {}) is function(theirs, {}) is not None
    assert function("CONV_2D", {}) is None
    exact, near = (function("GELU", {"approximate": tanh})(X) for tanh in (False, True))
    assert 0 < np.abs(exact - near).max() < 1e-3
