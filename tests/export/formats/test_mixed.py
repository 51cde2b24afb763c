"""Mixed files: the groups that are kept in a higher scheme run in it, and a file that only says so is found."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from data.original import read_original
from export.formats import onnx_mixed, tflite_mixed
from export.formats.format import Conversion
from export.formats.table import FORMATS
from export.quantization import ranges
from runtime.backends import open_backend
from runtime.errors import ConversionError
from tests.conftest import ROOT

ENGINES = {"tflite": "litert", "onnx": "onnxruntime"}


@pytest.fixture(params=["tflite", "onnx"])
def made(request, exported, tmp_path):
    """A format, and the conversion of mnist-cnn's float32 file to what is in `higher`."""
    name = request.param
    original = read_original(ROOT / "artifacts" / "mnist-cnn")
    source = exported.out / "mnist-cnn" / "bundle" / f"{name}-float32{FORMATS[name].suffix}"
    recorded = ranges.as_ranges(ranges.read(original.folder)[name])

    def conversion(higher=None):
        return Conversion(
            source, tmp_path / f"file{FORMATS[name].suffix}", original.record, recorded, 0, higher or {}
        )

    return FORMATS[name], conversion, original


def answers(format_, path, original):
    images = original.golden()[0]["image"].astype(np.float32)
    return open_backend(ENGINES[format_.name], path.read_bytes()).run({"image": images})["probabilities"]


def test_each_group_alone_is_kept_and_the_file_is_closer_to_the_original_with_more_of_them(made):
    format_, conversion, original = made
    found = format_.mixing.groups(conversion())
    assert len(found) >= 4
    wanted = original.golden()[1]["probabilities"]
    errors = []
    for count in range(len(found)):
        for scheme in format_.mixing.schemes:
            higher = {key: scheme for group in found[:count] for key in group.keys}
            job = conversion(higher)
            format_.converters["int8-mixed" if higher else "int8"](job)
            if higher:
                format_.prove(job.destination, "int8-mixed")
        errors.append(float(np.mean((answers(format_, job.destination, original) - wanted) ** 2)))
    assert errors[-1] < errors[0] / 2


@pytest.mark.parametrize("scheme", ["float16", "dynamic", "float32"])
def test_a_kept_group_takes_the_bytes_of_its_scheme(made, scheme):
    format_, conversion, _ = made
    if scheme not in (*format_.mixing.schemes, *format_.mixing.cheaper):
        pytest.skip(f"{format_.name} keeps no group in {scheme}")
    largest = max(
        format_.mixing.groups(conversion()), key=lambda group: group.name.startswith(("dense_1", "Gemm"))
    )
    sizes = {}
    for each in ("int8", scheme):
        job = conversion(dict.fromkeys(largest.keys, each) if each != "int8" else None)
        format_.converters["int8-mixed" if each != "int8" else "int8"](job)
        sizes[each] = job.destination.stat().st_size
    assert (sizes[scheme] > sizes["int8"] + 1024) == (scheme != "dynamic")


def test_a_mixed_file_without_kept_groups_or_with_all_of_them_is_none(made):
    format_, conversion, _ = made
    found = format_.mixing.groups(conversion())
    for higher in ({}, {key: "float32" for group in found for key in group.keys}):
        with pytest.raises(
            ConversionError, match=r"is not int8-mixed: .* of its .* ops with weights are in int8"
        ):
            format_.converters["int8-mixed"](conversion(higher))


def lone(op, *behind):
    """A file with one op in float32 between a DequantizeLinear and a QuantizeLinear, and what lies behind it."""
    rng = np.random.default_rng(5)
    shapes = {
        "Conv": ((6, 4, 3, 3), [None, 4, 8, 8], [None, 6, 6, 6]),
        "Gemm": ((8, 6), [None, 8], [None, 6]),
    }
    weights, taken, given = shapes[op]
    stored = [
        numpy_helper.from_array(rng.normal(size=weights).astype(np.float32), "weights"),
        numpy_helper.from_array(rng.normal(size=6).astype(np.float32), "bias"),
        numpy_helper.from_array(np.float32(0.02), "scale"),
        numpy_helper.from_array(np.int8(0), "zero"),
        numpy_helper.from_array(np.int8(-128), "lowest"),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["x_q"]),
        helper.make_node("DequantizeLinear", ["x_q", "scale", "zero"], ["x_f"]),
        helper.make_node(op, ["x_f", "weights", "bias"], ["made"], name="lone"),
    ]
    last = "made"
    for number, kind in enumerate(behind):
        nodes.append(helper.make_node(kind, [last], [f"t{number}"]))
        last = f"t{number}"
    nodes += [
        helper.make_node("QuantizeLinear", [last, "scale", "lowest" if behind else "zero"], ["y_q"]),
        helper.make_node("DequantizeLinear", ["y_q", "scale", "lowest" if behind else "zero"], ["y_f"]),
        helper.make_node("Sigmoid", ["y_f"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "lone",
        [helper.make_tensor_value_info("x", 1, taken)],
        [helper.make_tensor_value_info("y", 1, given)],
        stored,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_file_made_to_deceive_is_found(tmp_path):
    """It holds one convolution or dense layer in float32, and ONNX Runtime computes it in int8."""
    for op, behind in (("Conv", ()), ("Conv", ("Relu",)), ("Gemm", ()), ("Gemm", ("Relu",))):
        path = tmp_path / "lone.onnx"
        model = lone(op, *behind)
        onnx.save(model, path)
        claimed = onnx_mixed.weights(model, ["lone"])
        with pytest.raises(ConversionError, match="ONNX Runtime does not compute lone in float32"):
            onnx_mixed.check_executed(path, claimed)
        before = open_backend("onnxruntime", path.read_bytes())
        onnx_mixed.put_barriers(model, ["lone"])
        onnx.checker.check_model(model)
        onnx.save(model, path)
        onnx_mixed.check_executed(path, claimed)
        # What is computed in float32 now is what the file said, and not what ran.
        x = np.random.default_rng(1).normal(size=(4, *before.inputs["x"].row_shape)).astype(np.float32)
        found = [
            backend.run({"x": x})["y"] for backend in (before, open_backend("onnxruntime", path.read_bytes()))
        ]
        assert np.abs(found[0] - found[1]).max() > 0


def test_a_float16_weight_is_told_from_another():
    model = lone("Gemm")
    onnx_mixed.store_in_float16(model, ["lone"])
    onnx.checker.check_model(model)
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert kinds["weights.half"] == onnx.TensorProto.FLOAT16 and "weights" not in kinds
    (values,) = onnx_mixed.weights(model, ["lone"]).values()
    assert values.dtype == np.float32 and np.array_equal(values, values.astype(np.float16))


def test_weights_beyond_float16_stay_in_float32():
    model = lone("Gemm")
    (weights,) = [tensor for tensor in model.graph.initializer if tensor.name == "weights"]
    weights.CopyFrom(numpy_helper.from_array(np.full((8, 6), 1e6, np.float32), "weights"))
    onnx_mixed.store_in_float16(model, ["lone"])
    assert [tensor.name for tensor in model.graph.initializer if "half" in tensor.name] == []


def test_litert_is_asked_what_it_computes(exported):
    """A file that has more in float32 than it claims, and one that claims what it has in int8."""
    bundle = exported.out / "mnist-cnn" / "bundle"
    float32, int8 = bundle / "tflite-float32.tflite", bundle / "tflite-int8.tflite"
    dense = [op["made"] for op in tflite_mixed._plan(float32) if op["op_name"] == "FULLY_CONNECTED"]
    with pytest.raises(
        ConversionError, match=r"float32.tflite is not .*: LiteRT computes .*conv2d_1/.* in another"
    ):
        tflite_mixed.check_executed(float32, dense, [])
    with pytest.raises(
        ConversionError, match=r"int8.tflite is not .*: LiteRT computes .*dense_1/.* in another"
    ):
        tflite_mixed.check_executed(int8, dense[:1], [])
    tflite_mixed.check_executed(int8, [], [])
