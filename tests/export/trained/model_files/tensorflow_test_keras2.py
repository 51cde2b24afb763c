"""Models in files of Keras 2: real ones (keras2/make.py), and older ones written here as that Keras wrote them."""

import base64
import io
import json
import marshal
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from export.trained.model_files import tf_calls
from export.trained.model_files.load import load
from export.trained.model_files.loaded import Loss
from runtime.errors import ModelError

MODELS = Path(__file__).parent / "keras2" / "models.zip"
# Largest differences to Keras 2: rounding; half a unit of float16 at 1 for the model that was trained in it.
TOLERANCES = {"mixed": 5e-4}


def names():
    with zipfile.ZipFile(MODELS) as archive:
        return sorted(name for name in archive.namelist() if not name.endswith(".npz"))


@pytest.mark.parametrize("name", names())
def test_a_real_model_of_keras_2_gives_the_same_answers(tmp_path, name):
    stem = name.partition(".")[0]
    with zipfile.ZipFile(MODELS) as archive:
        archive.extract(name, tmp_path)
        arrays = dict(np.load(io.BytesIO(archive.read(f"{stem}.npz"))))
    loaded = load(tmp_path / name)
    feed = {tensor.name: arrays[f"input_{place}"] for place, tensor in enumerate(loaded.inputs)}
    answers = loaded.call(feed)
    assert loaded.keras_version == "2.21.0"
    assert all(loaded.losses[output.name] == Loss("mean_squared_error") for output in loaded.outputs)
    assert len(answers) == sum(key.startswith("output") for key in arrays)
    for place, values in enumerate(answers.values()):
        np.testing.assert_allclose(
            values, arrays[f"output_{place}"], rtol=1e-5, atol=TOLERANCES.get(stem, 1e-5)
        )


def test_inputs_keep_their_names_and_order(tmp_path):
    with zipfile.ZipFile(MODELS) as archive:
        archive.extract("branches.h5", tmp_path)
    loaded = load(tmp_path / "branches.h5")
    assert [tensor.name for tensor in loaded.inputs] == ["z", "a"]
    assert [tensor.name for tensor in loaded.outputs] == ["o2", "o1"]
    assert "block_shared" in [layer.name for layer in loaded.keras.layers]  # Keras 3 allows no slash


def write(path, config, weights, version="2.2.4", training=None):
    """An .h5 file as Keras 2 before tf.keras wrote it; weights by layer, each a list of (name, values)."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["backend"] = b"tensorflow"
        if version:
            file.attrs["keras_version"] = version.encode()
        if training:
            file.attrs["training_config"] = json.dumps(training).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        for layer, values in weights.items():
            inner = group.create_group(layer)
            inner.attrs["weight_names"] = [name.encode() for name, _ in values]
            for name, array in values:
                inner[name] = array


def dense(name, units, activation="linear", **more):
    initializer = {"scale": 1.0, "mode": "fan_avg", "distribution": "normal", "seed": None}
    return {
        "class_name": "Dense",
        "config": {
            "name": name, "trainable": True, "units": units, "activation": activation, "use_bias": True,
            "kernel_initializer": {"class_name": "VarianceScaling", "config": initializer},
            "bias_initializer": {"class_name": "Zeros", "config": {}}, "kernel_regularizer": None,
            "bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None, "bias_constraint": None,
            **more,
        },
    }  # fmt: skip


def rows(*shape, seed=3):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_a_sequential_model_that_is_a_list_of_layers(tmp_path):
    kernel, bias = rows(4, 3), rows(3, seed=4)
    first = dense("dense_1", 3, "softmax", batch_input_shape=[None, 4], dtype="float32")
    training = {
        "optimizer_config": {"class_name": "SGD", "config": {"lr": 0.01, "decay": 0.0}},
        "loss": "categorical_crossentropy", "metrics": ["acc"], "sample_weight_mode": None, "loss_weights": None,
    }  # fmt: skip
    write(
        path := tmp_path / "old.h5",
        {"class_name": "Sequential", "config": [first]},
        {"dense_1": [("dense_1/kernel:0", kernel), ("dense_1/bias:0", bias)]},
        "2.0.6",
        training,
    )
    loaded = load(path)
    assert [tensor.name for tensor in loaded.inputs] == ["dense_1_input"]
    assert loaded.losses == {"dense_1": Loss("categorical_crossentropy")}
    x = rows(5, 4)
    expected = np.exp(x @ kernel + bias)
    np.testing.assert_allclose(
        loaded.call({"dense_1_input": x})["dense_1"], expected / expected.sum(1, keepdims=True), rtol=1e-5
    )


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_the_old_hard_sigmoid_and_gru_keep_their_meaning(tmp_path, kind):
    """Keras 3 has another function under the name hard_sigmoid, and another default of reset_after."""
    gates = {"LSTM": 4, "GRU": 3}[kind]
    kernel, recurrent, bias = rows(2, 3 * gates), rows(3, 3 * gates, seed=4), rows(3 * gates, seed=5)
    layer = {
        "class_name": kind,
        "config": {
            "name": "memory", "trainable": True, "batch_input_shape": [None, 6, 2], "dtype": "float32", "units": 3,
            "return_sequences": False, "return_state": False, "go_backwards": False, "stateful": False,
            "unroll": False, "activation": "tanh", "recurrent_activation": "hard_sigmoid", "use_bias": True,
            "dropout": 0.0, "recurrent_dropout": 0.0, "implementation": 1,
        },
    }  # fmt: skip
    weights = [("memory/kernel:0", kernel), ("memory/recurrent_kernel:0", recurrent), ("memory/bias:0", bias)]
    write(
        path := tmp_path / "old.h5",
        {"class_name": "Sequential", "config": {"name": "sequential_1", "layers": [layer]}},
        {"memory": weights},
    )
    x = rows(4, 6, 2)

    def gate(values):
        return np.clip(0.2 * values + 0.5, 0, 1)

    h = c = np.zeros((4, 3), np.float32)
    for step in range(6):
        given = x[:, step] @ kernel + bias
        if kind == "LSTM":
            i, f, g, o = np.split(given + h @ recurrent, 4, axis=1)
            c = gate(f) * c + gate(i) * np.tanh(g)
            h = gate(o) * np.tanh(c)
        else:
            z, r, g = np.split(given, 3, axis=1)
            of_z, of_r, of_g = np.split(recurrent, 3, axis=1)
            z, r = gate(z + h @ of_z), gate(r + h @ of_r)
            h = z * h + (1 - z) * np.tanh(g + (r * h) @ of_g)
    np.testing.assert_allclose(load(path).call({"memory_input": x})["memory"], h, atol=1e-5)


def model_of(*layers):
    """A functional model of Keras 2.2: an input of 4 numbers, then the layers one after another."""
    given = {"batch_input_shape": [None, 4], "dtype": "float32", "sparse": False, "name": "x"}
    chain = [{"class_name": "InputLayer", "config": given, "name": "x", "inbound_nodes": []}]
    for layer in layers:
        before = chain[-1]["name"]
        chain.append({"name": layer["config"]["name"], "inbound_nodes": [[[before, 0, 0, {}]]], **layer})
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [[chain[-1]["name"], 0, 0]]}
    return {"class_name": "Model", "config": {"name": "model_1", "layers": chain, **ends}}


def refusal(path, *arguments):
    with pytest.raises(ModelError) as caught:
        load(path, *arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_functional_model_before_tf_keras(tmp_path):
    kernel, bias = rows(4, 2), rows(2, seed=4)
    weights = {"x": [], "out": [("out/kernel:0", kernel), ("out/bias:0", bias)]}
    write(path := tmp_path / "old.hdf5", model_of(dense("out", 2)), weights)
    x = rows(3, 4)
    np.testing.assert_allclose(load(path).call({"x": x})["out"], x @ kernel + bias, rtol=1e-5)


def test_a_marshalled_lambda_never_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = marshal.dumps((lambda x: open("ran", "w") and x).__code__)  # noqa: SIM115, PTH123
    function = [base64.b64encode(code).decode(), None, None]
    layer = {
        "class_name": "Lambda",
        "config": {
            "name": "evil", "trainable": True, "function": function, "function_type": "lambda", "module": "__main__",
            "output_shape": function, "output_shape_type": "lambda", "arguments": {},
        },
    }  # fmt: skip
    write("old.h5", model_of(layer), {})
    assert refusal("old.h5") == (
        "old.h5 cannot be loaded: the code of its Lambda layer 'evil' stands in the file, and no code out of a file is "
        "ever run; define it as a function of a Python module of yours and add --custom-objects evil=MODULE:FUNCTION"
    )
    (tmp_path / "old_code.py").write_text("def harmless(x):\n    return x + 1\n")
    answers = load("old.h5", ["evil=old_code:harmless"]).call({"x": np.ones((2, 4))})
    np.testing.assert_array_equal(answers["evil"], np.full((2, 4), 2))
    assert not Path("ran").exists()


def test_a_named_function_and_an_unknown_layer_are_named(tmp_path):
    layer = {"class_name": "Lambda", "config": {"name": "f", "function": "swap", "function_type": "function"}}
    write(path := tmp_path / "old.h5", model_of(layer), {})
    assert refusal(path) == (
        "old.h5 cannot be loaded: its Lambda layer 'f' calls the function swap, which is not in the file; add "
        "--custom-objects MODULE:swap, where MODULE is your Python module that defines it"
    )
    write(path, model_of({"class_name": "CuDNNLSTM", "config": {"name": "memory", "units": 3}}), {})
    assert refusal(path) == (
        "old.h5 cannot be loaded: its layer 'memory' needs the class CuDNNLSTM, which is not part of Keras; add "
        "--custom-objects MODULE:CuDNNLSTM, where MODULE is your Python module that defines it"
    )


def test_what_keras_3_has_no_word_for_is_refused(tmp_path):
    layer = {"class_name": "BatchNormalization", "config": {"name": "norm", "axis": [1], "renorm": True}}
    write(path := tmp_path / "old.h5", model_of(layer), {})
    assert refusal(path) == (
        "old.h5 cannot be loaded: its layer 'norm' (BatchNormalization) was saved by Keras 2 with renorm=True, which "
        "Keras 3 has no word for (it knows False); build the model without it, or save it with Keras 3"
    )


def test_calls_of_tensorflow_come_from_a_table(tmp_path):
    def call(symbol, **arguments):
        layer = {"class_name": "TFOpLambda", "config": {"name": "call", "function": symbol}}
        return model_of({**layer, "inbound_nodes": [["x", 0, 0, arguments]]})

    write(path := tmp_path / "old.h5", call("math.multiply", y=3.0, name=None), {}, "2.11.0")
    np.testing.assert_array_equal(load(path).call({"x": np.ones((2, 4))})["call"], np.full((2, 4), 3))
    write(path, call("io.write_file", contents="x"), {}, "2.11.0")
    assert refusal(path) == (
        "old.h5 cannot be loaded: its layer 'call' calls tf.io.write_file, for which Keras 3 has no operation that "
        "edgeproof knows; replace the call by a Keras layer, or save the model with Keras 3"
    )
    write(path, call("linalg.matmul", b=[[1.0]], transpose_b=True), {}, "2.11.0")
    assert refusal(path) == (
        "old.h5 cannot be loaded: its layer 'call' calls TensorFlow with transpose_b=True, which Keras 3's Matmul has "
        "no word for; replace the call by a Keras layer, or save the model with Keras 3"
    )


def test_every_call_in_the_table_is_an_operation_of_this_keras():
    from keras.src.ops import core, image, math, nn, numpy

    places = {module.__name__: module for module in (core, image, math, nn, numpy)}
    for symbol, call in tf_calls.CALLS.items():
        kind = getattr(places[call.module], call.class_name)
        assert issubclass(kind, keras.Operation), symbol


def prelu(**more):
    return {"class_name": "PReLU", "config": {"name": "act", "trainable": True, "shared_axes": None, **more}}


def test_an_activation_that_is_a_layer_keeps_its_weights_and_is_refused_without_them(tmp_path):
    kernel, bias, alpha = rows(4, 2), rows(2, seed=4), rows(2, seed=5)
    path, model = tmp_path / "old.h5", model_of(dense("out", 2, prelu()))
    write(path, model, {"out": [("kernel:0", kernel), ("bias:0", bias), ("act/alpha:0", alpha)]}, "2.3.1")
    x = rows(9, 4)
    raw = x @ kernel + bias
    np.testing.assert_allclose(
        load(path).call({"x": x})["out"], np.where(raw > 0, raw, alpha * raw), rtol=1e-5, atol=1e-6
    )
    # Keras before 2.3 did not save them.
    write(path, model, {"out": [("kernel:0", kernel), ("bias:0", bias)]})
    assert refusal(path) == (
        "old.h5 cannot be loaded: the layer 'out' has the weights kernel [4, 2], bias [2], alpha [2], the file has "
        "kernel [4, 2], bias [2]; save the model again with Keras 3 as .keras"
    )


@pytest.mark.parametrize("kind", ["LeakyReLU", "PReLU"])
def test_a_recurrent_layer_whose_activation_is_a_layer_with_weights_is_refused(tmp_path, kind):
    """Keras 3 gives it to the cell inside, under whose name the file has no weights."""
    activation = {"class_name": kind, "config": {"name": "act", "trainable": True}}
    settings = {"name": "memory", "units": 3, "activation": activation, "batch_input_shape": [None, 6, 2]}
    layer = {"class_name": "SimpleRNN", "config": settings}
    weights = [("kernel:0", rows(2, 3)), ("recurrent_kernel:0", rows(3, 3)), ("bias:0", rows(3))]
    write(
        path := tmp_path / "old.h5",
        {"class_name": "Sequential", "config": [layer]},
        {"memory": weights},
        "2.3.1",
    )
    if kind == "LeakyReLU":
        assert load(path).call({"memory_input": rows(4, 6, 2)})["memory"].shape == (4, 3)
        return
    assert refusal(path) == (
        "old.h5 cannot be loaded: the weights of the layer 'act', the activation of the layer 'simple_rnn_cell', "
        "cannot be read there; make it a layer of its own behind that one, and save the model again"
    )


def test_keras_1_is_refused(tmp_path):
    write(path := tmp_path / "old.h5", {"class_name": "Sequential", "config": []}, {}, version=None)
    assert refusal(path) == (
        "old.h5 was saved by Keras 1; files of Keras 2 and 3 can be read: load it with Keras 2.2 and save it again "
        "there"
    )


def test_weights_of_other_names_or_shapes_are_refused(tmp_path):
    swapped = {"out": [("out/bias:0", rows(2)), ("out/kernel:0", rows(4, 2))]}
    write(path := tmp_path / "old.h5", model_of(dense("out", 2)), swapped)
    assert refusal(path) == (
        "old.h5 cannot be loaded: the layer 'out' has the weights kernel [4, 2], bias [2], the file has bias [2], "
        "kernel [4, 2]; save the model again with Keras 3 as .keras"
    )
