"""What is used of other libraries beside their documents: read in the version that is installed, bounded, still there.

A module that uses such a part says in its docstring "Read in <package> <versions>".
"""

import ast
import inspect
import re
from importlib.metadata import version

import pytest

from export.formats.tflite_graph import operators, type_name
from tests.conftest import ROOT

READ_IN = re.compile(r"Read in\s+([a-z0-9-]+)\s+(\d+\.\d+(?:(?:,| and)\s+\d+\.\d+)*)")
READ = {
    (str(path.relative_to(ROOT)), package): re.findall(r"\d+\.\d+", versions)
    for path in sorted((ROOT / "export").rglob("*.py"))
    for package, versions in READ_IN.findall(ast.get_docstring(ast.parse(path.read_text())) or "")
}
PLACES = {
    ("export/diagnosis/layer_calls.py", "keras"),
    ("export/formats/layer_names.py", "keras"),
    ("export/formats/onnxruntime.py", "onnxruntime"),
    ("export/formats/tf2onnx.py", "tf2onnx"),
    ("export/formats/tflite_graph.py", "ai-edge-litert"),
    ("export/formats/tflite_mixed.py", "ai-edge-litert"),
    ("export/formats/tflite_ranges.py", "litert-quantizer"),
    ("export/formats/tracing/__init__.py", "keras"),
    ("export/formats/unsupported.py", "keras"),
    ("export/run/workers.py", "pebble"),
    ("export/trained/first_layers.py", "keras"),
}
# What may be imported in one place only.
PRIVATE = {
    "onnxruntime": "export/formats/onnxruntime.py",
    "tf2onnx": "export/formats/tf2onnx.py",
    "ai_edge_litert.schema_py_generated": "export/formats/tflite_graph.py",
    "litert_quantizer.calibrator": "export/formats/tflite_ranges.py",
    "pebble": "export/run/workers.py",
}


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
    for path in sorted((ROOT / "export").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
            elif isinstance(node, ast.Import):
                names = [name.name for name in node.names]
            for name in names:
                for private, place in PRIVATE.items():
                    if name == private or name.startswith(f"{private}."):
                        assert str(path.relative_to(ROOT)) == place, f"{path} imports {name}"


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
