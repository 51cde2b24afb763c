"""Models with an op that a format does not have, through the real converters: the layer has the user's name."""

import keras
import pytest
from keras import layers, ops

from export.formats import saved_model
from export.formats.format import Conversion
from export.formats.layer_names import file_of
from export.formats.table import FORMATS
from runtime.errors import ConversionError
from tests.export.formats.records import saved
from tests.export.formats.test_converter_errors import remedy

pytestmark = pytest.mark.conversion


def said(model, name, folder):
    """What the conversion to a format says against a model."""
    source, described = saved(model, folder)
    saved_model.float32(Conversion(source, folder / "saved_model", described))
    with pytest.raises(ConversionError) as error:
        FORMATS[name].converters["float32"](Conversion(folder / "saved_model", folder / "file", described))
    return str(error.value)


def inverse():
    """Two convolutions, so that TensorFlow counts up the names of scopes, and an op inside a model in the model."""
    keras.utils.clear_session()  # Keras counts up the names of operations from test to test
    x = keras.Input((4, 4), name="x")
    inner_x = keras.Input((4, 4))
    inner = keras.Model(inner_x, ops.inv(layers.Conv1D(4, 1, name="conv")(inner_x)), name="inner")
    return keras.Model(x, layers.Conv1D(4, 1, name="conv_1")(inner(x)))


@pytest.mark.parametrize(
    ("name", "format_", "why"),
    [("tflite", "TFLite", ", and an engine on a device has no Flex ops"), ("onnx", "ONNX", "")],
)
def test_an_op_that_a_format_does_not_have_is_named_with_its_layer(name, format_, why, tmp_path):
    assert said(inverse(), name, tmp_path) == (
        f"{format_} has no op for MatrixInverse (in the layer 'inner/inv' (Inv)){why}; {remedy(format_)}"
    )


def test_layers_have_the_users_names_and_not_those_of_scopes(tmp_path):
    x = keras.Input((6,), dtype="uint8", name="x")
    assert said(keras.Model(x, layers.Maximum(name="largest")([x, x])), "tflite", tmp_path) == (
        "TFLite has no op for Maximum of uint8 (in the layer 'largest' (Maximum)), and an engine on a device has no "
        "Flex ops; let it compute in int32 or float32: cast what it takes before it (keras.ops.cast)"
    )
    assert "largest_1/Maximum" in file_of(tmp_path / "saved_model").read_text()  # how TensorFlow calls it


def test_a_step_of_tf2onnx_that_fails_is_named_with_its_layer(tmp_path, monkeypatch):
    from tf2onnx.onnx_opset import nn

    def fails(*arguments, **named):
        raise ValueError("no such luck")

    monkeypatch.setattr(nn.ConvOp, "any_version", fails)
    x = keras.Input((5, 5, 2), name="x")
    assert said(keras.Model(x, layers.Conv2D(3, 2, name="edges")(x)), "onnx", tmp_path) == (
        "tf2onnx cannot write the layer 'edges' (Conv2D) to ONNX: its op Conv2D: no such luck; "
        + remedy("ONNX")
    )
