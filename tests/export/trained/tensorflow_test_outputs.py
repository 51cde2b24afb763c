"""What the outputs of a user's own model are taken for, and the scale of an input that is rebuilt."""

import keras
import numpy as np
import pytest
from keras import layers

from runtime.commands.answers import rms_of
from tests.export.trained.own_models import dense

pytestmark = pytest.mark.usefixtures("seeded")


def test_tasks_are_guessed_and_said(registered):
    found = registered(dense())
    assert found.notes == (
        "task of y: classification, because it ends in a softmax over 3 classes; --task overrides",
    )
    (output,) = found.original.record.outputs
    assert (output.task, output.labels) == ("classification", ("0", "1", "2"))


def test_the_user_has_the_last_word(registered):
    found = registered(dense(), tasks={"": "regression"}, units={"y": ("m", "", "s")})
    (output,) = found.original.record.outputs
    assert (output.task, output.units, output.labels, found.notes) == (
        "regression",
        ("m", None, "s"),
        None,
        (),
    )


def test_names_of_classes_make_a_classification(registered):
    found = registered(dense(activation="linear"), labels={"": ("a", "b", "c")})
    assert found.notes == ("task of y: classification, because --labels names its classes; --task overrides",)
    assert found.original.record.outputs[0].labels == ("a", "b", "c")


def test_one_unit_is_of_all_values(registered):
    found = registered(dense(activation="linear"), units={"": ("°C",)})
    assert found.original.record.outputs[0].units == ("°C",) * 3


def test_several_outputs_have_their_own_words(registered):
    x = keras.Input((4,), name="x")
    model = keras.Model(
        x,
        {
            "kind": layers.Dense(2, "softmax")(x),
            "price": layers.Dense(1)(x),
            "x": layers.Dense(1, "sigmoid")(x),
        },
    )
    found = registered(model, labels={"kind": ("cat", "dog")}, units={"": ("USD",)}, tasks={"x": "tensor"})
    outputs = {output.name: output for output in found.original.record.outputs}
    assert outputs["kind"].labels == ("cat", "dog")
    assert outputs["price"].units == ("USD",)
    assert outputs["x_output"].task == "tensor"
    assert found.original.record.source.names == {"x_output": "x"}


def test_an_image_rebuilt_has_the_shape_of_the_image(registered):
    x = keras.Input((6, 5), name="x")
    model = keras.Model(x, layers.Reshape((6, 5))(layers.Dense(30, "sigmoid")(layers.Flatten()(x))))
    (output,) = registered(model, pixels={"": "0-1"}).original.record.outputs
    assert (output.task, output.input, output.shape) == ("reconstruction", "x", (6, 5, 1))


def test_whole_numbers_and_half_floats_leave_in_the_dtypes_of_devices(registered):
    x = keras.Input((4,), name="x")
    model = keras.Model(x, {"best": keras.ops.argmax(x, axis=1), "half": keras.ops.cast(x, "float16")})
    found = registered(model, tasks={"half": "tensor"})
    outputs = {output.name: output for output in found.original.record.outputs}
    best = keras.backend.standardize_dtype(model.output["best"].dtype)
    assert (outputs["best"].dtype, outputs["half"].dtype) == (best, "float32")
    assert f"task of best: tensor, because it gives {best}; --task overrides" in found.notes


@pytest.mark.parametrize(
    ("first", "pixels", "channels", "scale", "offset"),
    [
        (None, "0-1", 1, [1 / 255], [0]),
        (None, "-1-1", 1, [1 / 127.5], [-1]),
        (
            None, "imagenet", 3,
            [1 / 255 / 0.229, 1 / 255 / 0.224, 1 / 255 / 0.225],
            [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
        ),
        (layers.Rescaling(1 / 127.5, offset=-1), None, 1, [1 / 127.5], [-1]),
        (None, "0-255", 1, [1], [0]),
    ],
)  # fmt: skip
def test_the_scale_of_an_image_rebuilt_is_recorded(registered, first, pixels, channels, scale, offset):
    """A model that gives back just what it is given is 0 away from its input in the recorded scale, and in no other."""
    x = keras.Input((6, 5, channels), name="x")
    same = layers.DepthwiseConv2D(1, depthwise_initializer="ones", use_bias=False)
    found = registered(
        keras.Model(x, same(first(x) if first else x)), pixels={"": pixels} if pixels else {}
    ).original
    (output,), (taken,) = found.record.outputs, found.record.inputs
    assert (output.task, output.input, taken.kind) == ("reconstruction", "x", "image")
    np.testing.assert_allclose(output.scale, scale, rtol=1e-6)
    np.testing.assert_allclose(output.offset, offset, rtol=1e-6)
    inputs, outputs = found.golden()
    for given, row in zip(inputs["x"], outputs[output.name], strict=True):
        assert rms_of(row, given, taken, output) < 1e-4
        assert rms_of(row, given, taken, output._replace(scale=(2.0,))) > 0.1


def test_a_scale_that_nobody_knows_is_not_recorded(registered):
    x = keras.Input((6, 5, 1), name="x")
    for first in (layers.Normalization(mean=3.0, variance=4.0), lambda x: x / 7, lambda x: x - 5):
        same = layers.DepthwiseConv2D(1, depthwise_initializer="ones")(first(x))
        (output,) = registered(keras.Model(x, same), pixels={"": "0-255"}).original.record.outputs
        assert (output.task, output.scale, output.offset) == ("reconstruction", None, None)


def test_a_table_rebuilt_in_its_own_scale_has_none_recorded(registered):
    x = keras.Input((6,), name="x")
    (plain,) = registered(
        keras.Model(x, layers.Dense(6)(x)), tasks={"": "reconstruction"}
    ).original.record.outputs
    assert (plain.scale, plain.offset) == (None, None)
    scaled = keras.Model(x, layers.Dense(6)(layers.Rescaling(0.5, offset=2)(x)))
    (found,) = registered(scaled, tasks={"": "reconstruction"}).original.record.outputs
    assert (found.scale, found.offset) == ((0.5,), (2.0,))
