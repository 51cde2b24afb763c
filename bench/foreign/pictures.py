"""Models of pictures, written from what papers and examples say of them."""

from __future__ import annotations

from typing import Any

from bench.foreign.foreign import Foreign, Given, picture

_CODE = 8  # numbers that a variational autoencoder describes a digit by
_OWN = "bench.foreign.own_layers"


def _scaled(*shape: int) -> Given:
    return Given(shape, low=0.0, high=1.0, soft=True)


def _lenet(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 1), name="digit"),
            layers.Conv2D(6, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _unet(keras: Any) -> Any:
    layers = keras.layers

    def twice(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
        return x

    x = picture = keras.Input((64, 64, 3), name="picture")
    beside = []
    for filters in (16, 32, 64):
        beside.append(twice(x, filters))
        x = layers.MaxPooling2D()(beside[-1])
    x = twice(x, 128)
    for same_size in reversed(beside):
        filters = same_size.shape[-1]
        x = layers.Conv2DTranspose(filters, 2, strides=2, padding="same")(x)
        x = twice(layers.Concatenate()([same_size, x]), filters)
    return keras.Model(picture, layers.Conv2D(3, 1, activation="softmax", name="classes")(x))


def _vision_transformer(keras: Any) -> Any:
    from bench.foreign.own_layers import NumberedPatches

    layers = keras.layers
    picture = keras.Input((32, 32, 3), name="picture")
    x = NumberedPatches(size=4, width=48)(layers.Rescaling(1 / 127.5, offset=-1)(picture))
    for _ in range(3):
        normed = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.Add()([layers.MultiHeadAttention(4, 12, dropout=0.1)(normed, normed), x])
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        for units in (96, 48):
            y = layers.Dropout(0.1)(layers.Dense(units, activation="gelu")(y))
        x = layers.Add()([y, x])
    x = layers.Flatten()(layers.LayerNormalization(epsilon=1e-6)(x))
    x = layers.Dropout(0.5)(layers.Dense(128, activation="gelu")(x))
    return keras.Model(picture, layers.Dense(10)(x))


def _siamese(keras: Any) -> Any:
    layers, ops = keras.layers, keras.ops
    shared = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.BatchNormalization(),
            layers.Conv2D(8, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.BatchNormalization(),
            layers.Dense(10, activation="tanh"),
        ],
        name="shared",
    )
    left, right = (keras.Input((28, 28, 1), name=name) for name in ("left", "right"))
    apart = ops.sum(ops.square(shared(left) - shared(right)), axis=1, keepdims=True)
    distance = ops.sqrt(ops.maximum(apart, 1e-7))
    same = layers.Dense(1, activation="sigmoid", name="same")(layers.BatchNormalization()(distance))
    return keras.Model([left, right], same)


def _encoded(keras: Any) -> tuple[Any, Any, Any]:
    """A digit, and the mean and the logarithm of the variance of what describes it."""
    layers = keras.layers
    x = digit = keras.Input((28, 28, 1), name="digit")
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    return digit, layers.Dense(_CODE, name="mean")(x), layers.Dense(_CODE, name="log_variance")(x)


def _encoder(keras: Any) -> Any:
    digit, *described = _encoded(keras)
    return keras.Model(digit, described)


def _decoder(keras: Any) -> Any:
    layers = keras.layers
    code = keras.Input((_CODE,), name="code")
    x = layers.Reshape((7, 7, 32))(layers.Dense(7 * 7 * 32, activation="relu")(code))
    for filters in (32, 16):
        x = layers.Conv2DTranspose(filters, 3, strides=2, padding="same", activation="relu")(x)
    return keras.Model(
        code, layers.Conv2DTranspose(1, 3, padding="same", activation="sigmoid", name="digit")(x)
    )


def _face(keras: Any) -> Any:
    layers = keras.layers
    picture = keras.Input((64, 64, 3), name="picture")
    x = layers.Conv2D(16, 3, strides=2, padding="same")(layers.Rescaling(1 / 255)(picture))
    for filters in (32, 64, 128):
        x = layers.PReLU(shared_axes=[1, 2])(layers.BatchNormalization()(x))
        x = layers.SeparableConv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.GlobalAveragePooling2D()(layers.ReLU(6.0)(layers.BatchNormalization()(x)))
    return keras.Model(
        picture,
        {
            "face": layers.Dense(1, activation="sigmoid", name="face")(x),
            "box": layers.Dense(4, name="box")(x),
            "landmarks": layers.Reshape((5, 2), name="landmarks")(layers.Dense(10)(x)),
        },
    )


def _subpixel(keras: Any) -> Any:
    layers = keras.layers
    x = small = keras.Input((32, 32, 1), name="small")
    for filters, size in ((64, 5), (64, 3), (32, 3), (9, 3)):
        x = layers.Conv2D(filters, size, padding="same", activation="relu", kernel_initializer="orthogonal")(
            x
        )
    return keras.Model(small, keras.ops.nn.depth_to_space(x, 3))


def _transposed(keras: Any) -> Any:
    layers = keras.layers
    small = keras.Input((24, 24, 1), name="small")
    x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(32, 5, padding="same")(small))
    x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(8, 1)(x))
    for _ in range(3):
        x = layers.Conv2D(8, 3, padding="same")(x)
    x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(32, 1)(layers.PReLU(shared_axes=[1, 2])(x)))
    sharp = layers.Conv2DTranspose(1, 9, strides=2, padding="same")(x)
    plain = layers.UpSampling2D(2, interpolation="bilinear")(small)
    return keras.Model(small, layers.Add(name="large")([sharp, plain]))


def _mixed_precision(keras: Any) -> Any:
    layers = keras.layers
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        picture = keras.Input((32, 32, 3), name="picture")
        x = layers.Conv2D(16, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(picture))
        for filters in (16, 32):
            y = layers.BatchNormalization()(layers.Conv2D(filters, 3, strides=2, padding="same")(x))
            y = layers.Conv2D(filters, 3, padding="same")(layers.Activation("relu")(y))
            x = layers.Activation("relu")(layers.Add()([y, layers.Conv2D(filters, 1, strides=2)(x)]))
        x = layers.Dense(10)(layers.GlobalAveragePooling2D()(x))
        return keras.Model(picture, layers.Activation("softmax", dtype="float32", name="classes")(x))
    finally:
        keras.mixed_precision.set_global_policy(before)


MODELS = (
    Foreign("lenet", "LeCun 1998", {"digit": _scaled(32, 32, 1)}, _lenet, form=".h5"),
    Foreign("unet", "Ronneberger 2015", {"picture": _scaled(64, 64, 3)}, _unet),
    Foreign(
        "vision-transformer",
        "Dosovitskiy 2020, own layers",
        {"picture": picture(32, 32, 3)},
        _vision_transformer,
        options=("--custom-objects", f"{_OWN}:NumberedPatches"),
    ),
    Foreign(
        "siamese",
        "Keras example, contrastive loss",
        {"left": _scaled(28, 28, 1), "right": _scaled(28, 28, 1)},
        _siamese,
    ),
    Foreign("vae-encoder", "Kingma 2013", {"digit": _scaled(28, 28, 1)}, _encoder),
    Foreign("vae-decoder", "Kingma 2013", {"code": Given((_CODE,))}, _decoder),
    Foreign("face", "Zhang 2016, three outputs", {"picture": picture(64, 64, 3)}, _face),
    Foreign("subpixel", "Shi 2016, super-resolution", {"small": _scaled(32, 32, 1)}, _subpixel),
    Foreign(
        "transposed",
        "Dong 2016, super-resolution",
        {"small": _scaled(24, 24, 1)},
        _transposed,
        form="SavedModel",
    ),
    Foreign(
        "mixed-precision",
        "He 2016, in mixed_float16",
        {"picture": picture(32, 32, 3)},
        _mixed_precision,
    ),
)
