"""A name is proved by the file: each file passes as what it is, and as nothing else."""

import itertools

import pytest

from export.formats import onnx, tflite
from export.formats.format import MIXED
from export.formats.table import FORMATS
from export.targets import TARGETS
from runtime.errors import ConversionError

SCHEMES = {name: [t.scheme for t in TARGETS.values() if t.format == name] for name in ("tflite", "onnx")}
# A mixed file is made only where int8 does not pass: tests/export/formats/test_mixed.py.
PAIRS = [
    (name, *pair)
    for name in SCHEMES
    for pair in itertools.product(SCHEMES[name], repeat=2)
    if pair[0] != MIXED
]


@pytest.mark.parametrize(("format_", "is_a", "claims"), PAIRS)
@pytest.mark.parametrize("model", ["mnist-cnn", "california-mlp"])
def test_a_file_is_only_what_its_tensors_say(exported, model, format_, is_a, claims):
    found = FORMATS[format_]
    path = exported.out / model / "bundle" / f"{format_}-{is_a}{found.suffix}"
    if is_a == claims:
        found.prove(path, claims)
    else:
        with pytest.raises(ConversionError, match=f"is not {claims}"):
            found.prove(path, claims)


def test_a_custom_op_is_refused_by_name(exported, tmp_path):
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    source = exported.out / "mnist-cnn" / "bundle" / "tflite-float32.tflite"
    model = schema.ModelT.InitFromPackedBuf(source.read_bytes(), 0)
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = b"FlexErfinv"
    path = tmp_path / "flex.tflite"
    path.write_bytes(bytes(flatbuffer_utils.convert_object_to_bytearray(model)))
    with pytest.raises(ConversionError, match="custom op FlexErfinv"):
        tflite.prove(path, "float32")


def test_a_foreign_domain_is_refused_by_name(exported, tmp_path):
    import onnx as onnx_package

    model = onnx_package.load(exported.out / "mnist-cnn" / "bundle" / "onnx-float32.onnx")
    model.graph.node[0].domain = "com.example"
    onnx_package.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(ConversionError, match=r"custom op com\.example:"):
        onnx.prove(tmp_path / "foreign.onnx", "float32")
