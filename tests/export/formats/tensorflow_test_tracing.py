"""The rewrites that are in force while a model is traced: each computes what Keras does."""

import inspect
from importlib import import_module

import keras
import numpy as np
import pytest
import tensorflow as tf

from export.formats.tracing import REWRITES, exportable
from export.formats.tracing.rewrite import Rewrite
from runtime.errors import ConversionError

HERE = [rewrite for rewrite in REWRITES if rewrite.present()]
PAIRS = {
    rewrite.name: (
        getattr(rewrite.owner(), rewrite.name.rpartition(".")[2]),
        rewrite.replacement(getattr(rewrite.owner(), rewrite.name.rpartition(".")[2])),
    )
    for rewrite in HERE
}


def values(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def assert_same(name, *args, tolerance=2e-6, **settings):
    """Keras' function and the other one, in a graph as while a model is traced."""
    original, other = PAIRS[name]
    args, settings = tf.nest.map_structure(
        lambda value: tf.constant(value) if isinstance(value, np.ndarray) else value, (args, settings)
    )
    wanted = tf.nest.flatten(original(*args, **settings))
    found = tf.nest.flatten(tf.function(lambda: other(*args, **settings))())
    assert len(found) == len(wanted)
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine.shape == theirs.shape
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("rewrite", HERE, ids=lambda rewrite: rewrite.name)
def test_keras_has_the_function_with_the_arguments_that_are_known(rewrite):
    original, other = PAIRS[rewrite.name]
    assert list(inspect.signature(original).parameters) == list(inspect.signature(other).parameters)
    assert rewrite.why and not rewrite.why.endswith(".")


def test_every_rewrite_of_the_newest_keras_is_present():
    assert {rewrite.name for rewrite in REWRITES if rewrite.since <= (3, 15)} >= set(PAIRS)
    assert len(REWRITES) == len({(rewrite.module, rewrite.name) for rewrite in REWRITES})


def functions():
    return [getattr(rewrite.owner(), rewrite.name.rpartition(".")[2]) for rewrite in HERE]


def test_the_functions_of_keras_are_back_after_the_block_and_after_an_error_in_it():
    before = functions()
    with exportable():
        assert not any(one is other for one, other in zip(functions(), before, strict=True))
    assert functions() == before
    with pytest.raises(ZeroDivisionError), exportable():
        raise ZeroDivisionError
    assert functions() == before


def test_a_keras_without_the_function_is_refused():
    with pytest.raises(ConversionError) as error:
        Rewrite("keras.layers", "Flatten.no_such_function", lambda original: original, "").owner()
    assert str(error.value) == (
        f"Keras {keras.__version__} has no keras.layers.Flatten.no_such_function, which edgeproof replaces while it "
        "exports a model; install a release of Keras from 3.12 to 3.15"
    )


def test_a_rewrite_of_a_later_keras_is_left_out():
    assert not Rewrite("keras.layers", "NoSuchClass.call", lambda original: original, "", (99, 0)).present()


SHAPES = {1: (2, 12, 4), 2: (2, 9, 8, 4), 3: (2, 6, 7, 6, 4)}


@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("groups", "strides", "dilation"), [(1, 2, 1), (1, 1, 2), (2, 1, 1), (4, 2, 1), (4, 1, 2)]
)
def test_convolutions(rank, padding, groups, strides, dilation):
    kernel = values(*[3] * rank, 4 // groups, 8, seed=2)
    settings = {"strides": strides, "padding": padding, "dilation_rate": dilation}
    assert_same(
        "conv", values(*SHAPES[rank]), kernel, data_format="channels_last", **settings, tolerance=1e-5
    )


@pytest.mark.parametrize(
    ("strides", "expected"),
    [(1, ["DepthwiseConv2dNative"]), ([2, 2], ["DepthwiseConv2dNative"]), ([2, 1], ["Conv2D"] * 4)],
    ids=["one", "alike", "not"],
)  # fmt: skip
def test_a_group_for_each_channel_is_one_depthwise_convolution(strides, expected):
    """TensorFlow has none of strides that differ."""
    x, kernel = values(2, 9, 8, 4), values(3, 3, 1, 8, seed=2)
    assert_same("conv", x, kernel, tuple(strides) if isinstance(strides, list) else strides, tolerance=1e-5)
    traced = tf.function(lambda: PAIRS["conv"][1](x, kernel, strides)).get_concrete_function()
    found = [each.type for each in traced.graph.get_operations() if "conv2d" in each.type.lower()]
    assert found == expected


@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize(("name", "kernel"), [("conv", (4, 5)), ("conv_transpose", (5, 4))])
def test_channels_first_are_channels_last_turned(rank, name, kernel):
    """Keras itself has them on a GPU only."""
    _, other = PAIRS[name]
    x, weights = values(*SHAPES[rank]), values(*[3] * rank, *kernel, seed=2)
    turned = other(np.moveaxis(x, -1, 1), weights, strides=2, padding="same", data_format="channels_first")
    straight = PAIRS[name][0](x, weights, strides=2, padding="same", data_format="channels_last")
    np.testing.assert_allclose(np.moveaxis(turned, 1, -1), straight, atol=1e-5)


@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("width", "strides", "rim"), [(3, 1, None), (3, 2, 1), (2, 3, None), (1, 3, None)])
def test_transposed_convolutions(rank, padding, width, strides, rim):
    kernel = values(*[width] * rank, 5, 4, seed=2)
    settings = {"strides": strides, "padding": padding, "output_padding": rim, "data_format": "channels_last"}
    assert_same("conv_transpose", values(*SHAPES[rank]), kernel, **settings, tolerance=1e-5)


def test_a_dilated_transposed_convolution_has_zeros_in_its_kernel():
    """Keras itself has it on a GPU only."""
    kernel = values(2, 3, 5, 4, seed=2)
    apart = np.zeros((3, 5, 5, 4), np.float32)
    apart[::2, ::2] = kernel
    x = values(2, 9, 8, 4)
    original, other = PAIRS["conv_transpose"]
    wanted = original(x, apart, data_format="channels_last")
    np.testing.assert_allclose(
        other(x, kernel, data_format="channels_last", dilation_rate=2), wanted, atol=1e-5
    )


@pytest.mark.parametrize("name", ["max_pool", "average_pool"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("size", "strides", "padding"), [(2, None, "valid"), (3, 2, "same"), ((1, 2, 3), 1, "same")]
)
def test_pooling(name, data_format, size, strides, padding):
    assert_same(name, values(2, 6, 7, 8, 4), size, strides, padding, data_format)


@pytest.mark.parametrize("name", [name for name in PAIRS if name.startswith("adaptive_")])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("size", [(3, 4, 3), 2])
def test_adaptive_pooling(name, data_format, size):
    size = (size,) * 3 if isinstance(size, int) else size
    assert_same(name, values(2, 6, 7, 8, 5), size, data_format)


@pytest.mark.parametrize("approximate", [True, False])
def test_gelu(approximate):
    assert_same("gelu", np.linspace(-6, 6, 500, dtype=np.float32), approximate=approximate)


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_celu(alpha):
    assert_same("celu", np.linspace(-6, 6, 500, dtype=np.float32), alpha=alpha)


@pytest.mark.parametrize("bias", [(1, 4, 1), (1, 1, 5), (5,), (2, 4, 5), ()])
def test_sums(bias):
    assert_same("add", values(2, 4, 5), values(*bias, seed=2))


def test_digitize():
    assert_same("digitize", np.array([[-3.0, -1.0, 0.0], [0.5, 1.5, 9.0]], np.float32), [-1.0, 0.0, 1.5])


@pytest.mark.parametrize("mode", ["multi_hot", "count"])
@pytest.mark.parametrize("weights", [None, np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)])
def test_encoding(mode, weights):
    weights = weights if mode == "count" else None
    assert_same(
        "tf_encode_categorical_inputs", np.array([[0, 2, 2], [1, 0, 9]]), mode, 4, count_weights=weights
    )


def test_a_table_is_looked_up_by_comparison():
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(np.array([7, 2**40, -3]), np.array([1, 2, 2**41])), -1
    )
    keys = np.array([[2**40, 5], [-3, 7]])
    original, other = PAIRS["StaticHashTable.lookup"]
    traced = tf.function(lambda: other(table, tf.constant(keys))).get_concrete_function()
    assert np.array_equal(traced(), original(table, tf.constant(keys)))
    assert np.array_equal(traced(), [[2, -1], [2**41, 1]])
    assert not {node.op for node in traced.graph.as_graph_def().node} & {"LookupTableFindV2"}


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("ratio", ["stretched", "crop", "pad"])
def test_resizing(interpolation, antialias, ratio):
    settings = {f"{ratio}_to_aspect_ratio": True} if ratio != "stretched" else {}
    for size in ((7, 20), (20, 9)):
        assert_same(
            "resize", values(2, 12, 14, 3), size, interpolation, antialias=antialias,
            data_format="channels_last", **settings, tolerance=1e-5,
        )  # fmt: skip


def test_resizing_channels_first():
    assert_same(
        "resize", values(2, 3, 12, 14), (7, 20), "bicubic", data_format="channels_first", tolerance=1e-5
    )


@pytest.mark.parametrize("window", ["hann", "hamming", None])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(("length", "fft_length"), [(64, 64), (48, 64), (33, 50)])
def test_short_time_spectra(window, center, length, fft_length):
    assert_same("stft", values(2, 300), length, 20, fft_length, window, center, tolerance=2e-5)


@pytest.mark.parametrize("fft_length", [None, 20, 64])
def test_spectra(fft_length):
    assert_same("rfft", values(2, 33), fft_length, tolerance=2e-5)


@pytest.mark.parametrize(
    ("left", "right"), [((2, 5, 4), (4, 3)), ((2, 5, 6, 4), (4, 3)), ((2, 4), (4, 3)), ((2, 3, 4), (2, 4, 5))]
)
def test_products(left, right):
    assert_same("matmul", values(*left), values(*right, seed=2))


def test_seeds_do_not_count_on():
    generator = keras.random.SeedGenerator(3)
    original, other = PAIRS["SeedGenerator.next"]
    first, again = other(generator), other(generator)
    assert np.array_equal(first, again) and np.array_equal(first, original(generator))
    assert not np.array_equal(other(generator), first)


@pytest.mark.parametrize(("repeats", "axis"), [(2, 1), (3, -1), (2, None), ([1, 2, 0], 0)])
def test_repeated_values(repeats, axis):
    assert_same("repeat", values(3, 4, 5), repeats, axis)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("axis", [None, 1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_places_of_extremes(name, axis, keepdims):
    assert_same(name, values(3, 4, 5), axis=axis, keepdims=keepdims)
    assert_same(name, np.array([[3, 1, 3], [2, 7, 7]], np.int32), axis=axis, keepdims=keepdims)


STEPS, UNITS = 6, 3
WEIGHTS = values(4 + UNITS, UNITS)


def cell(inputs, states):
    """A cell with two states, the second of which counts."""
    output = tf.tanh(tf.matmul(tf.concat([inputs, states[0]], -1), WEIGHTS) + sum(states[2:], 0.0))
    return output, [output, states[1] + 1.0]


SPARSE = np.array([[1, 1, 0, 1, 0, 0], [0, 1, 1, 0, 1, 1]], bool)


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("return_all_outputs", [False, True])
@pytest.mark.parametrize("mask", [None, "2-D", "3-D"])
def test_loops(go_backwards, return_all_outputs, mask):
    x = values(2, STEPS, 4)
    given = None if mask is None else SPARSE
    for zero_output_for_mask in (False, True):
        assert_same(
            "rnn", cell, x, [values(2, UNITS, seed=3), np.zeros((2, 1), np.float32)],
            go_backwards=go_backwards, mask=given[..., None] if mask == "3-D" else given,
            zero_output_for_mask=zero_output_for_mask,
            return_all_outputs=return_all_outputs, constants=[np.float32(0.1)],
        )  # fmt: skip


@pytest.mark.parametrize("steps", [1, 2])
def test_loops_of_few_steps(steps):
    assert_same("rnn", cell, values(2, steps, 4), [values(2, UNITS, seed=3), np.zeros((2, 1), np.float32)])


@pytest.mark.parametrize("setting", ["unroll", "time_major"])
def test_other_loops_are_left_to_keras(setting):
    states = [values(2, UNITS, seed=3), np.zeros((2, 1), np.float32)]
    assert_same("rnn", cell, values(2, 2, 4), states, **{setting: True})


def traced(model):
    with exportable():
        return tf.function(model).get_concrete_function(tf.TensorSpec((None, None, 4)))


def ops(function):
    graph = function.graph.as_graph_def()
    return {node.op for node in graph.node} | {
        node.op for inner in graph.library.function for node in inner.node_def
    }


def test_a_model_of_any_length_is_traced_without_lists():
    model = keras.Sequential([keras.Input((None, 4)), keras.layers.LSTM(3, return_sequences=True)])
    function = traced(model)
    assert not any(op.startswith("TensorList") for op in ops(function))
    assert any(op.startswith("TensorList") for op in ops(tf.function(model).get_concrete_function(
        tf.TensorSpec((None, None, 4))
    )))  # fmt: skip
    for shape in ((1, 5, 4), (3, 8, 4)):
        np.testing.assert_allclose(function(tf.constant(values(*shape))), model(values(*shape)), atol=1e-6)


def test_time_distributed_calls_its_layer_once():
    model = keras.Sequential([keras.Input((None, 4)), keras.layers.TimeDistributed(keras.layers.Dense(3))])
    function = traced(model)
    matrices = [node for node in function.graph.as_graph_def().node if node.op == "MatMul"]
    inner = [
        n for f in function.graph.as_graph_def().library.function for n in f.node_def if n.op == "MatMul"
    ]
    assert len(matrices + inner) == 1
    np.testing.assert_allclose(function(tf.constant(values(2, 5, 4))), model(values(2, 5, 4)), atol=1e-6)


def test_gpus_or_not_no_cudnn():
    assert import_module("keras.src.backend").cudnn_ok is PAIRS["cudnn_ok"][0]
    assert PAIRS["cudnn_ok"][1](keras.activations.tanh, keras.activations.sigmoid, False, True) is False
