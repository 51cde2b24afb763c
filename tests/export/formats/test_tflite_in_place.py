"""`.tflite` files of the quantizer as they are corrected in their bytes."""

import numpy as np
import pytest

from export.formats import tflite_graph, tflite_quantizer
from export.formats.tflite_graph import pack, schema_of_files
from export.formats.tflite_in_place import with_float_edges
from runtime.backends import open_backend
from tests.bundles import MODELS

FLOAT32, INT8 = MODELS / "image-float32.tflite", MODELS / "image-int8.tflite"


def test_an_output_of_a_loop_is_taken_before_it_is_quantized():
    """As the LiteRT quantizer leaves a body whose output another op in it takes quantized."""
    schema = schema_of_files()
    model = tflite_graph.load(INT8.read_bytes())
    main = model.subgraphs[0]
    quantize = next(op for op in main.operators if _code(model, op) == schema.BuiltinOperator.QUANTIZE)
    main.outputs = np.array([quantize.outputs[0]], np.int32)
    model.subgraphs.append(tflite_graph.load(INT8.read_bytes()).subgraphs[0])
    changed = schema.ModelT.InitFromPackedBuf(_swapped(model), 0)
    assert list(changed.subgraphs[1].outputs) == [quantize.inputs[0]]


def _swapped(model):
    """The file with its first graph behind, as a loop's body."""
    model.subgraphs.reverse()
    return with_float_edges(pack(model))


def _code(model, op):
    code = model.operatorCodes[op.opcodeIndex]
    return max(code.builtinCode, code.deprecatedBuiltinCode)


@pytest.fixture(scope="module")
def equal_filters(tmp_path_factory):
    """A float32 file, the filters of whose first convolution have the same largest weight."""
    model = tflite_graph.load(FLOAT32.read_bytes())
    graph = model.subgraphs[0]
    op = next(op for op in graph.operators if _code(model, op) == schema_of_files().BuiltinOperator.CONV_2D)
    weights = graph.tensors[op.inputs[1]]
    values = np.frombuffer(tflite_graph.stored_bytes(model, weights), np.float32).reshape(weights.shape)
    values = values / np.abs(values).max(axis=(1, 2, 3), keepdims=True)
    model.buffers[weights.buffer].data = np.frombuffer(values.tobytes(), np.uint8)
    path = tmp_path_factory.mktemp("filters") / "file.tflite"
    path.write_bytes(pack(model))
    return path


def _quantized(path, monkeypatch, changed=True):
    """The convolutions of a file with weights of 8 bits, and with or without the change of their scales."""
    if not changed:
        monkeypatch.setattr(tflite_quantizer, "with_one_scale", lambda content: content)
    job = tflite_quantizer.Quantizer(path.read_bytes())
    job.dynamic("CONV_2D", per_tensor=False, least=1)
    return job.content()


def _answers(engine, content):
    backend = open_backend(engine, content)
    ((name, spec),) = backend.inputs.items()
    rows = np.random.default_rng(1).uniform(0, 255, (3, *spec.row_shape)).astype(np.float32)
    return next(iter(backend.run({name: rows}).values()))


@pytest.mark.parametrize("engine", ["litert", "tflite-runtime"])
def test_filters_of_equal_scales_answer_as_in_float(equal_filters, engine, monkeypatch):
    expected = _answers("litert", equal_filters.read_bytes())
    content = _quantized(equal_filters, monkeypatch)
    assert 0 < np.abs(_answers(engine, content) - expected).max() < 0.05
    as_it_comes = _answers(engine, _quantized(equal_filters, monkeypatch, changed=False))
    # What the change is for: where this passes, tflite-runtime reads the scales, and the change can go.
    assert (np.abs(as_it_comes - expected).max() < 0.05) == (engine == "litert")


@pytest.mark.parametrize("equal", [True, False])
def test_only_equal_scales_become_one(equal_filters, equal, monkeypatch):
    content = _quantized(equal_filters if equal else FLOAT32, monkeypatch)
    model = tflite_graph.load(content)
    tensors = model.subgraphs[0].tensors
    kernels = [
        tensors[op.inputs[1]].quantization
        for op in model.subgraphs[0].operators
        if _code(model, op) == schema_of_files().BuiltinOperator.CONV_2D
    ]
    assert [(len(kernel.scale), len(kernel.zeroPoint)) for kernel in kernels] == [(1, 1) if equal else (4, 4)]
