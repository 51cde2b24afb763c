"""Makes the tiny models that the runtime's tests run. Needs the export extras: python -m tests.runtime.models.make

They are committed, so that the tests of the runtime need no TensorFlow, on a Raspberry Pi as in CI.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

FOLDER = Path(__file__).parent
SHAPE, LABELS, COLUMNS = (8, 8, 1), 3, 3


def classifier() -> keras.Model:
    """Images [8, 8, 1] of 0..255 to 3 probabilities; the dense kernel is large enough to be quantized."""
    keras.utils.set_random_seed(7)
    wide = keras.initializers.RandomNormal(stddev=0.35)
    image = keras.Input(SHAPE, name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(4, 3, activation="relu", kernel_initializer=wide, name="conv")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(16, activation="relu", kernel_initializer=wide, name="hidden")(x)
    x = keras.layers.Dense(LABELS, activation="softmax", kernel_initializer=wide, name="last")(x)
    return keras.Model(image, x)


def regressor() -> keras.Model:
    """Rows [3] to one value."""
    keras.utils.set_random_seed(8)
    rows = keras.Input((COLUMNS,), name="rows")
    x = keras.layers.Dense(8, activation="relu", name="hidden")(rows)
    return keras.Model(rows, keras.layers.Dense(1, name="last")(x))


def tflite(
    model: keras.Model, name: str, output: str, samples: np.ndarray | None = None, dynamic: bool = False
) -> None:
    """Converts; static int8 with float inputs and outputs where samples are given."""
    name_in = model.inputs[0].name
    archive = keras.export.ExportArchive()
    archive.track(model)
    spec = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name=name_in)
    archive.add_endpoint("serving_default", lambda x: {output: model(x)}, input_signature=[spec])
    folder = FOLDER / "saved"
    archive.write_out(str(folder), verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    if dynamic or samples is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    if samples is not None:
        converter.representative_dataset = lambda: ([row[None]] for row in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    (FOLDER / name).write_bytes(converter.convert())
    tf.io.gfile.rmtree(str(folder))


def onnx_model(
    nodes: list[Any], weights: dict[str, np.ndarray], given: tuple[str, tuple], made: tuple[str, int]
) -> Any:
    """An ONNX model of these nodes; the batch is the symbol n."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(given[0], TensorProto.FLOAT, ["n", *given[1]])],
        [helper.make_tensor_value_info(made[0], TensorProto.FLOAT, ["n", made[1]])],
        [numpy_helper.from_array(np.ascontiguousarray(array), key) for key, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def onnx_classifier(model: keras.Model) -> Any:
    """The classifier, node by node."""
    (conv, conv_bias), (hidden, hidden_bias), (last, last_bias) = (
        model.get_layer(name).get_weights() for name in ("conv", "hidden", "last")
    )
    node = helper.make_node
    nodes = [
        node("Mul", ["image", "scale"], ["scaled"]),
        node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        node("Conv", ["planes", "conv", "conv_bias"], ["features"]),
        node("Relu", ["features"], ["positive"]),
        node("Transpose", ["positive"], ["pixels"], perm=[0, 2, 3, 1]),
        node("Reshape", ["pixels", "flat_shape"], ["flat"]),
        node("MatMul", ["flat", "hidden"], ["h0"]),
        node("Add", ["h0", "hidden_bias"], ["h1"]),
        node("Relu", ["h1"], ["h2"]),
        node("MatMul", ["h2", "last"], ["l0"]),
        node("Add", ["l0", "last_bias"], ["l1"]),
        node("Softmax", ["l1"], ["probabilities"], axis=-1),
    ]
    weights = {
        "scale": np.float32(1 / 255),
        "conv": conv.transpose(3, 2, 0, 1),
        "conv_bias": conv_bias,
        "flat_shape": np.array([-1, hidden.shape[0]], np.int64),
        "hidden": hidden,
        "hidden_bias": hidden_bias,
        "last": last,
        "last_bias": last_bias,
    }
    return onnx_model(nodes, weights, ("image", SHAPE), ("probabilities", LABELS))


def onnx_regressor(model: keras.Model) -> Any:
    """The regressor, node by node."""
    (hidden, hidden_bias), (last, last_bias) = (
        model.get_layer(name).get_weights() for name in ("hidden", "last")
    )
    nodes = [
        helper.make_node("Gemm", ["rows", "hidden", "hidden_bias"], ["h0"]),
        helper.make_node("Relu", ["h0"], ["h1"]),
        helper.make_node("Gemm", ["h1", "last", "last_bias"], ["value"]),
    ]
    weights = {"hidden": hidden, "hidden_bias": hidden_bias, "last": last, "last_bias": last_bias}
    return onnx_model(nodes, weights, ("rows", (COLUMNS,)), ("value", 1))


def main() -> None:
    """Writes the model files and the golden samples."""
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (32, *SHAPE)).astype(np.uint8)
    rows = rng.normal(0, 3, (32, COLUMNS)).astype(np.float32)
    image_model, table_model = classifier(), regressor()
    tflite(image_model, "image-float32.tflite", "probabilities")
    tflite(image_model, "image-dynamic.tflite", "probabilities", dynamic=True)
    tflite(image_model, "image-int8.tflite", "probabilities", images.astype(np.float32))
    tflite(table_model, "table-float32.tflite", "value")
    onnx.save(onnx_classifier(image_model), FOLDER / "image-float32.onnx")
    quantize_dynamic(
        FOLDER / "image-float32.onnx", FOLDER / "image-dynamic.onnx", weight_type=QuantType.QInt8
    )
    onnx.save(onnx_regressor(table_model), FOLDER / "table-float32.onnx")
    np.savez_compressed(
        FOLDER / "golden.npz",
        images=images,
        probabilities=image_model.predict(images.astype(np.float32), verbose=0),
        rows=rows,
        values=table_model.predict(rows, verbose=0),
    )


if __name__ == "__main__":
    main()
