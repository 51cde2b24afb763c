"""Models of sounds, texts, series and tables, written from what papers and examples say of them."""

from __future__ import annotations

from typing import Any

from bench.foreign.foreign import Foreign, Given

_WORDS, _LENGTH, _TAGS = 2000, 60, 9
_OWN = "bench.foreign.own_layers"


def _keyword_cnn(keras: Any) -> Any:
    layers = keras.layers
    spectrogram = keras.Input((124, 129, 1), name="spectrogram")
    x = layers.Resizing(32, 32)(spectrogram)
    x = layers.Normalization(mean=0.4, variance=0.3)(x)
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, activation="relu")(x)
    x = layers.Dropout(0.25)(layers.MaxPooling2D()(x))
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    return keras.Model(spectrogram, layers.Dense(8)(layers.Dropout(0.5)(x)))


def _keyword_gru(keras: Any) -> Any:
    layers = keras.layers
    mel = keras.Input((98, 40, 1), name="mel")
    x = layers.Conv2D(16, (20, 5), strides=(8, 2), activation="relu")(mel)
    x = layers.Reshape((x.shape[1], x.shape[2] * x.shape[3]))(x)
    for sequences in (True, False):
        x = layers.Bidirectional(layers.GRU(24, return_sequences=sequences))(x)
    x = layers.Dense(32, activation="relu")(x)
    return keras.Model(mel, layers.Dense(12, activation="softmax")(x))


def _text_transformer(keras: Any) -> Any:
    from bench.foreign.own_layers import EncoderBlock, TokenAndPosition

    layers = keras.layers
    tokens = keras.Input((_LENGTH,), dtype="int32", name="tokens")
    x = TokenAndPosition(_LENGTH, _WORDS, 32)(tokens)
    x = layers.GlobalAveragePooling1D()(EncoderBlock(32, 2, 32)(x))
    x = layers.Dense(20, activation="relu")(layers.Dropout(0.1)(x))
    return keras.Model(tokens, layers.Dense(2, activation="softmax")(layers.Dropout(0.1)(x)))


def _tagger(keras: Any) -> Any:
    layers = keras.layers
    words = keras.Input((_LENGTH,), dtype="int32", name="words")
    x = layers.Embedding(_WORDS, 32, mask_zero=True)(words)
    x = layers.Bidirectional(layers.LSTM(32, return_sequences=True))(x)
    tags = layers.TimeDistributed(layers.Dense(_TAGS, activation="softmax"), name="tags")(x)
    return keras.Model(words, tags)


def _temporal(keras: Any) -> Any:
    layers = keras.layers
    x = series = keras.Input((96, 5), name="series")
    for dilation in (1, 2, 4, 8):
        y = x
        for _ in range(2):
            y = layers.Conv1D(24, 3, padding="causal", dilation_rate=dilation)(y)
            y = layers.SpatialDropout1D(0.1)(layers.ReLU()(layers.LayerNormalization()(y)))
        x = layers.ReLU()(layers.Add()([y, layers.Conv1D(24, 1)(x)]))
    return keras.Model(series, layers.Dense(1, name="next")(x[:, -1, :]))


def _anomalies(keras: Any) -> Any:
    layers = keras.layers
    x = series = keras.Input((288, 1), name="series")
    for filters in (32, 16):
        x = layers.Conv1D(filters, 7, padding="same", strides=2, activation="relu")(x)
    x = layers.Conv1DTranspose(16, 7, padding="same", strides=2, activation="relu")(x)
    x = layers.Conv1DTranspose(32, 7, padding="same", strides=2, activation="relu")(layers.Dropout(0.2)(x))
    return keras.Model(series, layers.Conv1DTranspose(1, 7, padding="same")(x))


# The columns of a table of people: numbers, and how many values a column of kinds has.
_NUMBERS = ("age", "hours", "gain")
_KINDS = {"work": 9, "education": 16, "occupation": 15, "country": 42}


def _wide_and_deep(keras: Any) -> Any:
    layers = keras.layers
    numbers = {name: keras.Input((1,), name=name) for name in _NUMBERS}
    kinds = {name: keras.Input((1,), dtype="int32", name=name) for name in _KINDS}
    wide = [
        layers.CategoryEncoding(count, output_mode="one_hot")(kinds[name]) for name, count in _KINDS.items()
    ]
    deep = [
        layers.Flatten()(layers.Embedding(count, int(count**0.5))(kinds[name]))
        for name, count in _KINDS.items()
    ]
    x = layers.Concatenate()([*numbers.values(), *deep])
    for units in (32, 32):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(units)(x)))
    both = layers.Concatenate()([layers.BatchNormalization()(layers.Concatenate()(wide)), x])
    income = layers.Dense(1, activation="sigmoid", name="income")(both)
    return keras.Model({**numbers, **kinds}, income)


def _subclassed(keras: Any) -> Any:
    from bench.foreign.own_layers import ResidualNet

    model = ResidualNet(3, 32, 4)
    model(keras.ops.zeros((1, 20)))
    return model


def _module(keras: Any) -> Any:
    """No Keras model: a `tf.Module` with two signatures."""
    import tensorflow as tf

    class Beats(tf.Module):
        """Beats of a heart told apart by filters, the largest answer of each, and a layer."""

        def __init__(self) -> None:
            super().__init__()
            drawn = tf.random.Generator.from_seed(3)
            self.filters = tf.Variable(drawn.normal((9, 1, 16), stddev=0.3))
            self.weights = tf.Variable(drawn.normal((16, 5), stddev=0.5))
            taken = [tf.TensorSpec((None, 187, 1), tf.float32, "signal")]
            self.offered = {
                "serving_default": tf.function(self.scores, taken),
                "features": tf.function(self.features, taken),
            }

        def features(self, signal: Any) -> Any:
            """The largest answer of each filter."""
            found = tf.nn.relu(tf.nn.conv1d(signal, self.filters, stride=2, padding="SAME"))
            return {"features": tf.reduce_max(found, axis=1)}

        def scores(self, signal: Any) -> Any:
            """The probability of each kind of beat."""
            return {"kinds": tf.nn.softmax(self.features(signal)["features"] @ self.weights)}

    return Beats()


MODELS = (
    Foreign(
        "keyword-cnn",
        "TensorFlow tutorial, simple audio",
        {"spectrogram": Given((124, 129, 1), low=0.0, high=3.0, soft=True)},
        _keyword_cnn,
    ),
    Foreign(
        "keyword-gru", "Arik 2017", {"mel": Given((98, 40, 1), low=-4.0, high=4.0, soft=True)}, _keyword_gru
    ),
    Foreign(
        "text-transformer",
        "Vaswani 2017, own layers",
        {"tokens": Given((_LENGTH,), "int32", 0, _WORDS)},
        _text_transformer,
        options=(
            "--custom-objects",
            f"{_OWN}:TokenAndPosition",
            "--custom-objects",
            f"{_OWN}:EncoderBlock",
        ),
    ),
    Foreign("tagger", "Huang 2015, bidirectional", {"words": Given((_LENGTH,), "int32", 0, _WORDS)}, _tagger),
    Foreign("temporal", "Bai 2018, causal convolutions", {"series": Given((96, 5))}, _temporal),
    Foreign("anomalies", "Keras example, autoencoder", {"series": Given((288, 1))}, _anomalies),
    Foreign(
        "wide-and-deep",
        "Cheng 2016, seven inputs",
        {
            **{name: Given((1,)) for name in _NUMBERS},
            **{name: Given((1,), "int32", 0, count) for name, count in _KINDS.items()},
        },
        _wide_and_deep,
    ),
    Foreign(
        "subclassed",
        "He 2016, a class of one's own",
        {"inputs": Given((20,))},
        _subclassed,
        options=("--custom-objects", f"{_OWN}:ResidualNet"),
    ),
    Foreign(
        "tf-module", "no Keras, the second of two signatures", {"signal": Given((187, 1), low=-1.5, high=1.5)}, _module,
        form="SavedModel", options=("--signature", "features"),
    ),
)  # fmt: skip
