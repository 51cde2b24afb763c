"""tf2onnx as export.formats.tf2onnx drives it: little memory, the same file."""

from contextlib import nullcontext

import keras
import numpy as np
import onnx
import pytest
from keras import layers
from tf2onnx import optimizer
from tf2onnx.graph import Graph

from export.formats import saved_model
from export.formats.conversion import Conversion
from export.formats.tf2onnx import from_saved_model


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
    model.save(folder / "model.keras")
    saved_model.convert(
        Conversion(folder / "model.keras", folder / "saved_model", "image", (8, 8, 1), "probabilities")
    )
    return folder / "saved_model"


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
