"""A file whose tensors are not those of a bundle's files is refused, and the message says which."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from runtime import backends
from runtime.backends.interpreter import InterpreterBackend
from runtime.errors import BundleError
from tests.bundles import MODELS


def onnx_file(inputs, outputs, dtype, nodes=None):
    """An .onnx file that hands its inputs on."""
    nodes = nodes or [
        helper.make_node("Identity", [given], [made]) for given, made in zip(inputs, outputs, strict=True)
    ]
    infos = [
        [helper.make_tensor_value_info(name, dtype, shape) for name, shape in side.items()]
        for side in (inputs, outputs)
    ]
    opsets = [helper.make_opsetid("", 13)]
    graph = helper.make_graph(nodes, "g", *infos)
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


@pytest.mark.parametrize(
    ("given", "made", "dtype", "words"),
    [
        ([1, 3], ["n", 3], TensorProto.FLOAT, r"input 'x' has the shape \[1, 3\], expected a symbol for the batch"),
        (["n", "m"], ["n", "m"], TensorProto.FLOAT, r"input 'x' has the shape \['n', 'm'\], expected a symbol"),
        (["n", 3], [1, 3], TensorProto.FLOAT, r"output 'y' has the shape \[1, 3\], expected a symbol for the batch"),
        ([], [], TensorProto.FLOAT, r"input 'x' has the shape \[\]"),
        (
            ["n", 3], ["n", 3], TensorProto.DOUBLE,
            r"input 'x' is tensor\(double\), expected one of tensor\(float\), tensor\(int32\), tensor\(int64\)",
        ),
    ],
)  # fmt: skip
def test_an_onnx_file_with_another_signature_is_refused(given, made, dtype, words):
    with pytest.raises(BundleError, match=words):
        backends.open_backend("onnxruntime", onnx_file({"x": given}, {"y": made}, dtype))


def test_a_batch_of_one_is_refused():
    model = onnx.load(MODELS / "image-float32.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    with pytest.raises(BundleError, match="expected a symbol for the batch"):
        backends.open_backend("onnxruntime", model.SerializeToString())


def test_an_onnx_file_without_inputs_is_refused():
    nodes = [
        helper.make_node("Constant", [], ["some"], value_floats=[1.0, 2.0]),
        helper.make_node("NonZero", ["some"], ["places"]),
        helper.make_node("Squeeze", ["places"], ["y"]),
    ]
    content = onnx_file({}, {"y": ["n"]}, TensorProto.INT64, nodes)
    with pytest.raises(
        BundleError, match=r"the \.onnx file has no input; a bundle's files have at least one"
    ):
        backends.open_backend("onnxruntime", content)


class Described:
    """An Interpreter that says other things of its tensors."""

    def __init__(self, inputs=None, outputs=None, names=("serving_default",)):
        self.inputs, self.outputs = inputs or {}, outputs or {}
        self.names = names

    def __call__(self, **options):
        return self

    def allocate_tensors(self):
        pass

    def get_signature_list(self):
        return {name: {} for name in self.names}

    def get_signature_runner(self, name):
        return self

    def get_input_details(self):
        return self.inputs

    def get_output_details(self):
        return self.outputs


def tensor(dtype=np.float32, shape=(-1, 3)):
    """What an Interpreter says of the tensor x."""
    return {"x": {"dtype": dtype, "shape_signature": np.array(shape, np.int32), "index": 0}}


@pytest.mark.parametrize(
    ("described", "words"),
    [
        (Described(names=()), "file has no signature 'serving_default'; its signatures: none"),
        (Described(names=("a", "b")), "file has no signature 'serving_default'; its signatures: a, b"),
        (Described(outputs=tensor()), "file has no input; a bundle's files have at least one"),
        (Described(tensor()), "file has no output; a bundle's files have at least one"),
        (
            Described(tensor(np.float64), tensor()),
            "file's input 'x' is float64, expected one of float32, int32, int6",
        ),
        (Described(tensor(), tensor(np.int8)), "file's output 'x' is int8, expected one of float32"),
        (
            Described(tensor(shape=(1, 3)), tensor()),
            r"input 'x' has the shape \[1, 3\], expected -1 for the batch",
        ),
        (Described(tensor(shape=(-1, -1)), tensor()), r"input 'x' has the shape \[-1, -1\], expected -1"),
        (Described(tensor(), tensor(shape=(-1, -1))), r"output 'x' has the shape \[-1, -1\], expected -1"),
        (Described(tensor(), tensor(shape=(2, 3))), r"output 'x' has the shape \[2, 3\], expected -1"),
        (Described(tensor(), tensor(shape=())), r"output 'x' has the shape \[\], expected -1"),
    ],
    ids=range(11),
)
def test_a_tflite_file_with_another_signature_is_refused(described, words):
    with pytest.raises(BundleError, match=words):
        InterpreterBackend("litert", described, b"", 1)
