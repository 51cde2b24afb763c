"""What is used of other libraries beside their documents: read in the version that is installed, bounded, still there.

A module that uses such a part says in its docstring "Read in <package> <versions>".
"""

import ast
import inspect
import re
import struct
from importlib.metadata import version

import pytest

from export.formats.tflite_graph import operators, schema_of_files, type_name
from tests.conftest import ROOT
from tests.source_texts import parsed

READ_IN = re.compile(r"[Rr]ead\s+in\s+([a-z0-9-]+)\s+(\d+\.\d+(?:(?:,|\s+and)\s+\d+\.\d+)*)")
SOURCES = sorted(path for package in ("export", "runtime") for path in (ROOT / package).rglob("*.py"))
READ = {
    (str(path.relative_to(ROOT)), package): re.findall(r"\d+\.\d+", versions)
    for path in SOURCES
    for package, versions in READ_IN.findall(ast.get_docstring(parsed(path)) or "")
}
PLACES = {
    ("export/diagnosis/layer_calls.py", "keras"),
    ("export/formats/layer_names.py", "keras"),
    ("export/formats/onnxruntime.py", "onnxruntime"),
    ("export/formats/tf2onnx.py", "tf2onnx"),
    ("export/formats/tflite_graph.py", "ai-edge-litert"),
    ("export/formats/tflite_in_place.py", "flatbuffers"),
    ("export/formats/tflite_mixed.py", "ai-edge-litert"),
    ("export/formats/tflite_ranges.py", "litert-quantizer"),
    ("export/formats/tracing/__init__.py", "keras"),
    ("export/formats/unsupported.py", "keras"),
    ("export/run/workers.py", "pebble"),
    ("export/trained/first_ops.py", "tensorflow"),
    ("export/trained/keras_graph.py", "keras"),
    ("export/trained/model_files/keras2.py", "keras"),
    ("runtime/backends/interpreter.py", "ai-edge-litert"),
    ("runtime/backends/interpreter.py", "tflite-runtime"),
}
# What may be imported in one place only; `export/formats/tracing/` is one place.
PRIVATE = {
    "onnxruntime": "export/formats/onnxruntime.py",
    "tf2onnx": "export/formats/tf2onnx.py",
    "ai_edge_litert.schema_py_generated": "export/formats/tflite_graph.py",
    "litert_quantizer.calibrator": "export/formats/tflite_ranges.py",
    "pebble": "export/run/workers.py",
    "keras.src.backend": "export/formats/tracing/",
    "keras.src.ops": "export/trained/model_files/keras2.py",
    "keras.src.legacy": "export/trained/model_files/keras2.py",
    "tensorflow.python": "export/trained/first_ops.py",
}
PRIVATE_PACKAGES = ("keras.src", "tensorflow.python")  # by the libraries' own words
# The private attributes that are used of a library's objects, each in one place.
ATTRIBUTES = {
    "_call_has_mask_arg": "export/formats/tracing/",
    "_call_has_training_arg": "export/formats/tracing/",
    "_flatten_layers": "export/formats/unsupported.py",
    "_func_map": "export/formats/tf2onnx.py",
    "_functional": "export/trained/keras_graph.py",
    "_get_ops_details": "export/formats/tflite_mixed.py",
    "_inbound_nodes": "export/trained/keras_graph.py",
    "_interpreter": "runtime/backends/interpreter.py",
    "_keras_history": "export/trained/keras_graph.py",
    "_tab": "export/formats/tflite_in_place.py",
}
# Those that Python documents, and a name that its types need.
PUBLIC = {"_asdict", "_exit", "_fields", "_replace", "_SubParsersAction"}


def imported(tree: ast.AST) -> set[str]:
    """Every module that is imported anywhere in a file, and every name out of one with its module."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def private_attributes(tree: ast.AST) -> set[str]:
    """The attributes with a leading underscore of other objects than `self` and `cls`, written or by `getattr`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            found |= set() if own else {node.attr}
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr", "setattr"):
            found |= {str(name.value) for name in node.args[1:2] if isinstance(name, ast.Constant)}
    return {name for name in found if name.startswith("_") and not name.startswith("__")} - PUBLIC


def test_every_place_says_what_it_was_read_in():
    assert set(READ) == PLACES


@pytest.mark.parametrize(("path", "package"), sorted(PLACES))
def test_the_installed_version_was_read(path, package):
    installed = ".".join(version(package).split(".")[:2])
    assert installed in READ[path, package], (
        f"{package} is now {installed}; read what {path} uses of it again, then name the version there"
    )


@pytest.mark.parametrize("package", sorted({package for _, package in PLACES}))
def test_the_extra_has_an_upper_bound(package):
    extra = (ROOT / "pyproject.toml").read_text().split("\nexport = [")[1].split("\n]")[0]
    bounds = re.findall(rf'"{package}([^";]*)', extra)
    assert bounds and all("~=" in bound or "<" in bound or "==" in bound for bound in bounds), bounds


def test_each_part_is_used_in_one_place():
    used = set()
    for path in SOURCES:
        place = str(path.relative_to(ROOT))
        for name in imported(parsed(path)):
            places = [at for part, at in PRIVATE.items() if name == part or name.startswith(f"{part}.")]
            assert all(map(place.startswith, places)), f"{place}: {name}"
            if name.startswith(PRIVATE_PACKAGES):
                assert places, f"{place} imports {name}: say in PRIVATE where that may be"
        for name in private_attributes(parsed(path)):
            assert name in ATTRIBUTES, f"{place} uses {name}: say in ATTRIBUTES where that may be"
            assert place.startswith(ATTRIBUTES[name]), f"{place} uses {name}"
            used.add(name)
    assert used == set(ATTRIBUTES)


def test_every_place_of_a_private_part_says_what_it_was_read_in():
    told = {path.removesuffix("__init__.py") for path, _ in PLACES}
    assert {*PRIVATE.values(), *ATTRIBUTES.values()} <= told


def test_the_rule_sees_private_parts_wherever_they_are():
    tree = ast.parse(
        "def f(x):\n    from keras.src.ops import core\n    import tensorflow.python.eager\n"
        "    return x.y._tab.z, getattr(x, '_inner', None), self._own, x._replace(a=1), x.__class__\n"
    )
    assert imported(tree) == {"keras.src.ops", "keras.src.ops.core", "tensorflow.python.eager"}
    assert private_attributes(tree) == {"_tab", "_inner"}


@pytest.mark.parametrize(
    ("sentence", "versions"),
    [
        ("Read in keras 3.12 and\n3.15.", [("keras", "3.12 and\n3.15")]),
        ("and so on; read in tensorflow 2.21.", [("tensorflow", "2.21")]),
        ("Read in\nlitert 1.0, 2.0 and 2.3. Read in b 1.2.", [("litert", "1.0, 2.0 and 2.3"), ("b", "1.2")]),
    ],
)  # fmt: skip
def test_the_rule_reads_versions_in_any_case_and_over_lines(sentence, versions):
    assert READ_IN.findall(sentence) == versions


def test_onnxruntimes_tools_take_what_they_are_given():
    from onnxruntime.quantization import QDQQuantizer
    from onnxruntime.quantization.calibrate import TensorsData
    from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
    from onnxruntime.transformers.float16 import convert_float_to_float16

    def parameters(function):
        return list(inspect.signature(function).parameters)

    assert {"keep_io_types", "node_block_list"} <= set(parameters(convert_float_to_float16))
    assert parameters(QDQQuantizer) == [
        "model", "per_channel", "reduce_range", "weight_qType", "activation_qType", "tensors_range",
        "nodes_to_quantize", "nodes_to_exclude", "op_types_to_quantize", "extra_options",
    ]  # fmt: skip
    assert parameters(TensorsData) == ["calibration_method", "data"]
    assert parameters(load_model_with_shape_infer) == ["model_path"]
    assert {"MatMul", "Conv", "Gemm"} <= {*QDQRegistry, *QLinearOpsRegistry}


def test_litert_reads_a_file_by_the_same_names():
    found = list(operators(ROOT / "tests" / "runtime" / "models" / "image-int8.tflite"))
    assert {"CONV_2D", "FULLY_CONNECTED"} & {operator.name for operator in found}
    for operator in found:
        for tensor in (*operator.inputs, *operator.outputs):
            assert isinstance(tensor.name, bytes) and type_name(tensor) in ("FLOAT32", "INT8", "INT32")
            assert len(tensor.shape) <= 4


def test_flatbuffers_finds_the_vectors_of_a_table():
    """`tflite_in_place` replaces numbers in such vectors where they lie."""
    schema = schema_of_files()
    content = (ROOT / "tests" / "runtime" / "models" / "image-int8.tflite").read_bytes()
    graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
    start, length = graph._tab.Vector(graph._tab.Offset(8)), graph._tab.VectorLen(graph._tab.Offset(8))
    found = struct.unpack_from(f"<{length}i", content, start)
    assert found == tuple(graph.OutputsAsNumpy()) and found
