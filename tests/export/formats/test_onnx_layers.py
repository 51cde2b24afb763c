"""The layers of an .onnx file: what they multiply their weights with, and the file with other constants."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.formats import onnxruntime
from export.formats.onnx_layers import layers, with_constants
from export.quantization.layers import Moments

GENERATOR = np.random.default_rng(4)


def made(path, node, constants, shape, **more):
    """A file with one node that takes `x` of this shape, and its values for 6 samples."""
    graph = helper.make_graph(
        [node],
        "main",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    values = GENERATOR.normal(size=(6, *shape)).astype(np.float32)
    return values, onnxruntime.answers(model, {"x": values}, ["y"])["y"]


def normal(*shape):
    return GENERATOR.normal(size=shape).astype(np.float32)


CONVOLUTIONS = {
    "plain": ((5, 4, 3, 3), {}),
    "padded and strided": ((5, 4, 3, 2), {"pads": [1, 0, 2, 1], "strides": [2, 3]}),
    "dilated": ((5, 4, 3, 3), {"dilations": [2, 1], "pads": [2, 1, 2, 1]}),
    "in groups": ((6, 2, 3, 3), {"group": 2}),
    "depthwise": ((8, 1, 3, 3), {"group": 4, "pads": [1, 1, 1, 1]}),
}


def check_means(layer, values, channels):
    """A channel's mean is that of its weights times the means of what they are multiplied with."""
    moments = Moments(layer)
    for part in (values[:2], values[2:]):
        moments.add(layer.windows(part, 10**6, np.random.default_rng(0)))
    found = np.einsum("gnc,gc->gn", layer.rows, moments.mean).ravel() + layer.offset
    assert np.allclose(found, channels.mean(axis=1), atol=1e-5)
    spread = np.einsum("gnc,gcd,gnd->gn", layer.rows, moments.covariance, layer.rows).ravel()
    assert np.allclose(spread, channels.var(axis=1), rtol=1e-4)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution_multiplies_its_weights_with_these_windows(name, tmp_path):
    shape, settings = CONVOLUTIONS[name]
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], name="Conv_0", **settings)
    constants = {"w": normal(*shape), "b": normal(shape[0])}
    values, results = made(tmp_path / "file.onnx", node, constants, (4, 9, 8))
    (layer,) = layers(tmp_path / "file.onnx")
    check_means(layer, values, np.moveaxis(results, 1, 0).reshape(shape[0], -1))
    assert (layer.key, layer.weights, layer.bias) == ("Conv_0", "w", "b")
    assert np.array_equal(layer.stored(layer.rows), constants["w"])


@pytest.mark.parametrize("transposed", [0, 1])
def test_so_does_a_dense_layer(transposed, tmp_path):
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="Gemm_0", transB=transposed)
    constants = {"w": normal(5, 7) if transposed else normal(7, 5), "b": normal(5)}
    values, results = made(tmp_path / "file.onnx", node, constants, (7,))
    (layer,) = layers(tmp_path / "file.onnx")
    check_means(layer, values, results.T)
    assert np.array_equal(layer.stored(layer.rows), constants["w"])


def test_few_places_are_chosen_of_many(tmp_path):
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], name="Conv_0")
    values, _ = made(tmp_path / "file.onnx", node, {"w": normal(5, 4, 3, 3), "b": normal(5)}, (4, 9, 8))
    (layer,) = layers(tmp_path / "file.onnx")
    assert layer.windows(values, 10, np.random.default_rng(0)).shape == (1, 10, 36)


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Conv", ["x", "w", "b"], ["y"], name="Conv_0", auto_pad="SAME_UPPER"),
        helper.make_node("Conv", ["x", "w", "w"], ["y"], name="Conv_0"),
    ],
)
def test_what_is_shared_or_padded_in_another_way_is_left_alone(node, tmp_path):
    graph = helper.make_graph([node], "main", [], [], [numpy_helper.from_array(normal(5, 4, 3, 3), "w")])
    onnx.save(helper.make_model(graph), tmp_path / "file.onnx")
    assert layers(tmp_path / "file.onnx") == []


def test_a_file_with_other_constants_answers_with_them(tmp_path):
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="Gemm_0")
    values, results = made(tmp_path / "file.onnx", node, {"w": normal(7, 5), "b": normal(5)}, (7,))
    (layer,) = layers(tmp_path / "file.onnx")
    changed = {"w": layer.stored(2 * layer.rows), "b": 2 * layer.offset}
    model = onnx.load_from_string(with_constants(tmp_path / "file.onnx", changed))
    assert np.allclose(onnxruntime.answers(model, {"x": values}, ["y"])["y"], 2 * results, atol=1e-5)
