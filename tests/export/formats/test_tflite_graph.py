"""`.tflite` files as they are read and rewritten."""

import numpy as np
import pytest

from export.formats import tflite_graph, tflite_quantizer
from export.formats.tflite_constants import with_stored_weights
from export.formats.tflite_graph import graphs, name_of, pack, schema_of_files, signature
from export.formats.tflite_nodes import floats, nodes
from export.formats.tflite_proof import prove, quantized
from runtime.backends import open_backend
from runtime.bundle.manifest import TensorSpec
from runtime.errors import ConversionError
from runtime.requirements.tflite import read_tflite
from tests.bundles import MODELS

FLOAT32, INT8 = MODELS / "image-float32.tflite", MODELS / "image-int8.tflite"


def test_a_signature_is_read_by_name():
    inputs, outputs = signature(FLOAT32, "serving_default")
    (spec,) = inputs.values()
    assert spec.dtype == "float32" and spec.shape[0] is None and None not in spec.shape[1:]
    assert isinstance(next(iter(outputs.values())), TensorSpec)
    assert signature(FLOAT32, "other") is None


def test_nodes_are_told_with_their_weights():
    found = nodes(graphs(FLOAT32))
    done, total = quantized(FLOAT32)
    assert done == 0 and total == sum(node.weights for node in found) > 0
    assert quantized(INT8) == (total, total)


def test_what_nobody_takes_has_no_range():
    graph = graphs(FLOAT32)[0]
    last = graph.operators[-1].outputs[0]
    assert name_of(last) in floats([graph])
    assert name_of(last) not in floats([graph._replace(outputs=[])])


@pytest.mark.parametrize(("stored", "limit"), [("FLOAT16", 1e-3), ("INT8", 0.05)])
def test_weights_are_stored_otherwise_and_the_answers_stay(tmp_path, stored, limit):
    weighted = [node for node in nodes(graphs(FLOAT32)) if node.weights]
    file = tmp_path / "file.tflite"
    file.write_bytes(with_stored_weights(FLOAT32, [node.outputs[0] for node in weighted], stored))
    assert file.stat().st_size < FLOAT32.stat().st_size
    assert quantized(file) == (sum(node.weights for node in weighted),) * 2
    prove(file, "float16" if stored == "FLOAT16" else "int8")
    backends = [open_backend("litert", path.read_bytes()) for path in (FLOAT32, file)]
    ((name, spec),) = backends[0].inputs.items()
    rows = np.random.default_rng(1).uniform(0, 255, (3, *spec.row_shape)).astype(np.float32)
    before, after = (next(iter(backend.run({name: rows}).values())) for backend in backends)
    assert 0 < np.abs(after - before).max() < limit


def test_without_weights_to_store_the_file_stays():
    assert with_stored_weights(FLOAT32, [], "INT8") == FLOAT32.read_bytes()


def test_a_float_file_is_no_quantized_one_whatever_may_stay_in_float():
    for scheme in ("float16", "dynamic", "int8", "int16x8"):
        with pytest.raises(ConversionError, match=f"is not {scheme}: none of its weights is"):
            prove(FLOAT32, scheme)
        with pytest.raises(ConversionError, match=f"is not {scheme}: its .* has input FLOAT32"):
            prove(FLOAT32, scheme, ())


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
    return tflite_graph.with_float_edges(pack(model))


def _code(model, op):
    code = model.operatorCodes[op.opcodeIndex]
    return max(code.builtinCode, code.deprecatedBuiltinCode)


def test_equal_vectors_are_written_once_and_the_file_says_the_same():
    model = tflite_graph.load(INT8.read_bytes())
    for tensor in model.subgraphs[0].tensors:  # as of narrow layers with many channels
        tensor.quantization = tensor.quantization or schema_of_files().QuantizationParametersT()
        tensor.quantization.zeroPoint = np.zeros(1000, np.int64)
    content = pack(model)
    shared = tflite_graph.with_shared_vectors(content)
    assert len(shared) < len(content) - 8000 * (len(model.subgraphs[0].tensors) - 2)
    # Written again without sharing, it is the file it was made of, to the byte.
    assert pack(tflite_graph.load(shared)) == content
    assert read_tflite(shared) == read_tflite(content)


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


def test_a_large_file_is_left_alone(monkeypatch):
    monkeypatch.setattr(tflite_graph, "_MOST_BYTES_SHARED", len(INT8.read_bytes()) - 1)
    content = INT8.read_bytes()
    assert tflite_graph.with_shared_vectors(content) is content
