"""The files made by hand are what the libraries of their formats read."""

import onnx
from ai_edge_litert import schema_py_generated as schema

from bench.tiny_files import onnx_identity, tflite_with_op, tflite_with_type


def test_a_tflite_file_declares_its_op():
    model = schema.Model.GetRootAs(tflite_with_op(206, 7))
    assert model.Version() == 3 and model.SubgraphsLength() == 1
    code = model.OperatorCodes(0)
    assert (code.BuiltinCode(), code.DeprecatedBuiltinCode(), code.Version()) == (206, 127, 7)


def test_a_tflite_file_has_its_tensor():
    graph = schema.Model.GetRootAs(tflite_with_type(17)).Subgraphs(0)
    assert (graph.Tensors(0).Type(), graph.Tensors(0).ShapeAsNumpy().tolist()) == (17, [1])
    assert graph.Tensors(0).Name() == b"t"


def test_an_onnx_file_is_sound():
    model = onnx.load_model_from_string(onnx_identity(8, {"": 17, "ai.onnx.ml": 3}))
    onnx.checker.check_model(model)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17), ("ai.onnx.ml", 3)]
