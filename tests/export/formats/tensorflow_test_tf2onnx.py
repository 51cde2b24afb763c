"""tf2onnx as export.formats.tf2onnx drives it: little memory, the same file."""

from contextlib import nullcontext

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from keras import layers
from tf2onnx import optimizer
from tf2onnx.graph import Graph

from export.formats import onnx as onnx_format
from export.formats import onnx_graph, saved_model
from export.formats.format import Conversion
from export.formats.tf2onnx import from_saved_model
from tests.export.formats.records import saved, tensors


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    keras.utils.set_random_seed(1)
    folder = tmp_path_factory.mktemp("tf2onnx")
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    trained, described = saved(model, folder / "trained")
    saved_model.float32(Conversion(trained, folder / "saved_model", described))
    return folder / "saved_model"


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory):
    keras.utils.set_random_seed(1)
    folder = tmp_path_factory.mktemp("recurrent")
    model = keras.Sequential([keras.Input((6, 3)), layers.Bidirectional(layers.LSTM(4)), layers.Dense(2)])
    trained, described = saved(model, folder / "trained")
    saved_model.float32(Conversion(trained, folder / "saved_model", described))
    return Conversion(folder / "saved_model", folder / "file.onnx", described)


def operators(model):
    return [node.op_type for node in model.graph.node]


def weights(model):
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_weights_are_written_once_and_the_model_is_the_same(source, monkeypatch):
    written = []
    update = Graph.update_proto

    def counted(self, *storage):
        written.append(self)
        return update(self, *storage)

    monkeypatch.setattr(Graph, "update_proto", counted)
    lean = from_saved_model(source)
    assert len(written) == 1

    monkeypatch.setattr("export.formats.tf2onnx._protobufs_at_the_end", nullcontext)
    usual = from_saved_model(source)
    assert len(written) > 10
    assert operators(lean) == operators(usual)
    assert sorted(np.ravel(value).tobytes() for value in weights(lean).values()) == sorted(
        np.ravel(value).tobytes() for value in weights(usual).values()
    )


def test_a_pass_that_fails_is_left_out(source, monkeypatch):
    class Failing(optimizer.TransposeOptimizer):
        def _optimize(self, graph):
            raise ValueError("no")

    whole = from_saved_model(source)
    passes = optimizer._get_optimizers() | {"optimize_transpose": Failing}
    monkeypatch.setattr(optimizer, "_get_optimizers", lambda: passes)
    left_out = from_saved_model(source)
    assert operators(left_out).count("Transpose") > operators(whole).count("Transpose")
    onnx.checker.check_model(left_out)


class Looping(tf.Module):
    """A while loop with a condition in it, both of which take weights from outside."""

    def __init__(self):
        super().__init__()
        self.weights = tf.Variable(np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="rows")])
    def serve(self, rows):
        hidden = tf.matmul(rows, self.weights)

        def turn(index, values):
            bent = tf.tanh(tf.matmul(values, self.weights)) + hidden
            chosen = tf.cond(tf.reduce_max(bent) > 1, lambda: bent * 0.5, lambda: bent - self.weights[0])
            return index + 1, chosen

        # As many turns as the data say: a loop that tf2onnx cannot unroll.
        count = 2 + tf.cast(tf.reduce_sum(rows) > 0, tf.int32)
        _, values = tf.while_loop(lambda index, _: index < count, turn, [0, hidden])
        return {"value": values}


def test_a_model_with_loop_and_if_keeps_its_answers(tmp_path):
    module = Looping()
    tf.saved_model.save(module, str(tmp_path / "saved_model"), signatures={"serving_default": module.serve})
    described = tensors({"rows": (4,)}, {"value": (4,)})
    conversion = Conversion(tmp_path / "saved_model", tmp_path / "loop.onnx", described)
    onnx_format.float32(conversion)
    made = onnx.load(conversion.destination)
    assert {"Loop", "If"} <= {node.op_type for node in onnx_graph.nodes(made.graph)}
    names = [name for node in onnx_graph.nodes(made.graph) for name in node.output if name]
    assert len(set(names)) == len(names)
    session = onnxruntime.InferenceSession(conversion.destination, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(2)
    for scale in (0.1, 10):
        rows = random.normal(scale=scale, size=(3, 4)).astype(np.float32)
        (found,) = session.run(None, {"rows": rows})
        assert np.allclose(found, module.serve(rows)["value"], atol=1e-5)


def test_the_file_does_not_depend_on_what_was_converted_before_it(source, recurrent):
    onnx_format.float32(recurrent)
    before = recurrent.destination.read_bytes()
    for _ in range(3):
        from_saved_model(source)
        onnx_format.float32(recurrent)
        assert recurrent.destination.read_bytes() == before
