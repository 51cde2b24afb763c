"""`.tflite` files as they are read and rewritten."""

import numpy as np
import pytest

from export.formats import tflite_graph
from export.formats.tflite_constants import with_stored_weights
from export.formats.tflite_graph import Operator, graphs, name_of, pack, schema_of_files, signature
from export.formats.tflite_nodes import elementwise, floats, nodes, of_elements
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


def test_equal_vectors_are_written_once_constants_are_numbered_and_the_file_says_the_same():
    model = tflite_graph.load(INT8.read_bytes())
    graph = model.subgraphs[0]
    for tensor in graph.tensors:  # as of narrow layers with many channels
        tensor.quantization = tensor.quantization or schema_of_files().QuantizationParametersT()
        tensor.quantization.zeroPoint = np.zeros(1000, np.int64)
    content = pack(model)
    short = tflite_graph.shortened(content)
    assert len(short) < len(content) - 8000 * (len(graph.tensors) - 2)
    assert tflite_graph.shortened(short) == short
    assert read_tflite(short) == read_tflite(content)
    # With the names of before and without sharing, it is the file that it was made of, to the byte.
    again = tflite_graph.load(short)
    numbers = [
        (after, before)
        for after, before in zip(again.subgraphs[0].tensors, graph.tensors, strict=True)
        if after.name != before.name
    ]
    assert [name_of(after) for after, _ in numbers] == [str(number) for number in range(len(numbers))]
    assert len(numbers) == sum(model.buffers[tensor.buffer].data is not None for tensor in graph.tensors) > 4
    for after, before in numbers:
        after.name = before.name
    assert pack(again) == content


def test_a_number_that_is_a_name_already_is_not_given_again():
    model = tflite_graph.load(INT8.read_bytes())
    made = model.subgraphs[0].tensors[model.subgraphs[0].operators[0].outputs[0]]
    made.name = b"1"
    short = tflite_graph.load(tflite_graph.shortened(pack(model)))
    names = [name_of(tensor) for tensor in short.subgraphs[0].tensors]
    assert len(set(names)) == len(names) and {"0", "1", "2"} <= set(names)


def test_a_large_file_is_left_alone(monkeypatch):
    monkeypatch.setattr(tflite_graph, "_MOST_BYTES_SHORTENED", len(INT8.read_bytes()) - 1)
    content = INT8.read_bytes()
    assert tflite_graph.shortened(content) is content


CONSIDERED = ("ADD", "LESS", "MUL", "TANH")


def test_elementwise_operators_are_told_with_what_they_take_and_what_others_take():
    found = graphs(MODELS / "several-float32.tflite")
    every = nodes(found)
    ops, others = elementwise(found, kept=())
    assert len(ops) == sum(node.op in CONSIDERED for node in every) > 3
    assert {name for node in every if node.weights for name in node.inputs} <= others
    last = ops[-1]
    (key,) = (node.key for node in every if node.outputs[0] == last.output)
    fewer, taken = elementwise(found, {key})
    assert fewer == [op for op in ops if op.output != last.output]
    assert last.names <= taken


def test_a_constant_of_one_element_is_told_by_its_value():
    values = graphs(MODELS / "several-float32.tflite")[0].scalars
    model = tflite_graph.load((MODELS / "several-float32.tflite").read_bytes())
    sizes = {name_of(tensor): tflite_graph.count(tensor) for tensor in model.subgraphs[0].tensors}
    assert values and all(sizes[name] == 1 for name in values if name in sizes)


def test_an_operator_computes_the_activation_behind_it_too():
    plain, limited = (Operator("ADD", [], [], activation=name) for name in ("NONE", "RELU6"))
    assert [of_elements(operator)(5.0, 3.0) for operator in (plain, limited)] == [8, 6]
    assert of_elements(Operator("ADD", [], [], activation="SIGN_BIT")) is None
    assert of_elements(Operator("LEAKY_RELU", [], [], settings={"alpha": 0.25}))(-4.0) == -1
    assert of_elements(Operator("CONV_2D", [], [])) is None
