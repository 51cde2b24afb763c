"""Makes models.zip: small models with random weights that a real Keras 2 saved, each with its inputs and answers.

Keras 2 is not among the packages that the tests install.  Run in an environment with TensorFlow 2.21 and tf_keras 2.21:
python tests/export/trained/model_files/keras2/make.py
"""

import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras

layers = keras.layers


def convolutions():
    return keras.Sequential(
        [
            layers.Conv2D(4, 3, input_shape=(8, 8, 1)),
            layers.BatchNormalization(),
            layers.ReLU(6.0),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.SeparableConv2D(5, 3),
            layers.SpatialDropout2D(0.1),
            layers.Conv2DTranspose(3, 2),
            layers.PReLU(),
            layers.ThresholdedReLU(0.1),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def branches():
    """Two inputs in another order than the alphabet's, layers of one shape, one of them shared."""
    z, a = layers.Input((6,), name="z"), layers.Input((6,), name="a")
    x, y = layers.Dense(6, name="d2")(z), layers.Dense(6, name="d1")(a)
    shared = layers.Dense(6, name="block/shared")
    u, v = shared(layers.Dense(6, name="d0")(x)), shared(y)
    both = layers.Concatenate()([u, v, layers.Multiply()([x, y])])
    return keras.Model([z, a], [layers.Dense(6, name="o2")(both), layers.Dense(6, name="o1")(u)])


def nested():
    base = keras.Sequential(
        [layers.Dense(5, input_shape=(4,)), layers.BatchNormalization(), layers.Dense(5)], name="base"
    )
    base.trainable = False
    inner_input = layers.Input((4,))
    inner = keras.Model(inner_input, layers.Dense(4)(base(inner_input)), name="inner")
    outer = layers.Input((4,))
    return keras.Model(outer, inner(inner(outer)))


def calls():
    """Calls of TensorFlow functions among the layers."""
    given = layers.Input((4,))
    x = layers.Dense(4)(given)
    y = tf.nn.relu((x + given) * 2.0 - tf.constant([1.0, 2.0, 3.0, 4.0]))
    y = 1.0 - tf.concat([y, x], axis=-1) / 3.0
    y = tf.reshape(y, (-1, 2, 4))[:, 0] ** 2
    y = tf.math.reduce_mean(tf.stack([-y, tf.clip_by_value(x, -1, 1)], 1), axis=1)
    return keras.Model(given, layers.Dense(2)(y))


def attention():
    given = layers.Input((5, 8))
    x = layers.LayerNormalization()(layers.MultiHeadAttention(2, 4)(given, given) + given)
    return keras.Model(given, layers.Dense(2)(layers.MultiHeadAttention(2, 4)(x, value=given, key=given)))


def recurrent():
    """Layers called with their first states, and the hard_sigmoid of Keras 2."""
    given, h, c = layers.Input((5, 3)), layers.Input((4,)), layers.Input((4,))
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True))(given)
    x = layers.TimeDistributed(layers.Dense(3))(x)
    y, last, _ = layers.LSTM(4, return_state=True, recurrent_activation="hard_sigmoid")(
        x, initial_state=[h, c]
    )
    return keras.Model([given, h, c], [layers.Dense(2)(y), last])


def activations():
    """Activations that are layers, with weights and without, also inside a wrapper and a nested model."""
    given = layers.Input((6, 3))
    x = layers.Conv1D(4, 2, activation=layers.PReLU(shared_axes=[1], name="act"), name="first")(given)
    x = layers.TimeDistributed(layers.Dense(3, activation=layers.PReLU(), name="inner"))(x)
    x = layers.Dense(4, activation=layers.LeakyReLU(alpha=0.3))(layers.Flatten()(x))
    last = layers.Dense(4, activation=layers.PReLU(name="act"), name="last", input_shape=(4,))
    return keras.Model(given, keras.Sequential([last, layers.Dense(2)])(x))


def mixed():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        return keras.Sequential(
            [
                layers.Dense(8, input_shape=(4,)),
                layers.Dense(3),
                layers.Activation("softmax", dtype="float32"),
            ]
        )
    finally:
        keras.mixed_precision.set_global_policy("float32")


def answers(model):
    """Inputs of three rows in the model's own order, and its answers."""
    random = np.random.default_rng(5)
    inputs = [random.normal(0, 1, (3, *given.shape[1:])).astype(np.float32) for given in model.inputs]
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    named = {f"input_{place}": values for place, values in enumerate(inputs)}
    return named | {f"output_{place}": values.numpy() for place, values in enumerate(outputs)}


def main():
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(Path(__file__).parent / "models.zip", "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for build in (convolutions, branches, nested, calls, attention, recurrent, activations, mixed):
            keras.backend.clear_session()
            keras.utils.set_random_seed(3)
            model = build()
            random = np.random.default_rng(7)
            for weight in model.weights:
                positive = "variance" in weight.name
                weight.assign(
                    random.uniform(0.5, 2, weight.shape) if positive else random.normal(0, 0.4, weight.shape)
                )
            model.compile("adam", "mse")
            for suffix in ("h5", "keras"):
                path = Path(folder) / f"{build.__name__}.{suffix}"
                model.save(path)
                archive.write(path, path.name)
            content = io.BytesIO()
            np.savez_compressed(content, **answers(model))
            archive.writestr(f"{build.__name__}.npz", content.getvalue())


if __name__ == "__main__":
    main()
