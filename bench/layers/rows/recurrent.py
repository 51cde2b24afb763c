"""Rows of the layers that go through a sequence step by step."""

from typing import Any

from bench.layers.row import Row, Values, graph, layer

SEQUENCE, OPEN, STATE = Values((7, 4)), Values((None, 4)), Values((5,))
TOKENS = Values((7,), "int32", 0, 5)
SLICES, FRAMES, VOLUMES = Values((4, 8, 3)), Values((4, 6, 7, 3)), Values((3, 4, 5, 4, 2))


def _masked(keras: Any, x: Any, **settings: Any) -> Any:
    """Steps whose token is 0 are left out, in the middle of a sequence too."""
    words = keras.layers.Embedding(5, 4, mask_zero=True)(x)
    return keras.layers.LSTM(5, **settings)(words)


def _every(name: str) -> list[Row]:
    """The settings that all three layers share."""
    states = (STATE, STATE) if name == "LSTM" else (STATE,)
    return [
        layer(name, SEQUENCE, units=5),
        layer(name, SEQUENCE, units=5, return_sequences=True),
        layer(name, SEQUENCE, units=5, return_sequences=True, return_state=True),
        layer(name, SEQUENCE, units=5, return_sequences=True, go_backwards=True),
        layer(name, SEQUENCE, units=5, activation="relu", use_bias=False),
        layer(name, SEQUENCE, units=5, unroll=True),
        layer(name, OPEN, units=5, return_sequences=True),
        layer(name, Values((7, 4), batch=2), units=5, stateful=True),
        graph(
            name, "units=5, return_state=True, initial states as inputs", SEQUENCE, *states,
            outputs=lambda keras, x, *given: getattr(keras.layers, name)(5, return_state=True)(
                x, initial_state=list(given)
            ),
        ),
    ]  # fmt: skip


def _cells(keras: Any, x: Any, *cells: Any, **settings: Any) -> Any:
    return keras.layers.RNN(list(cells) if len(cells) > 1 else cells[0], **settings)(x)


def _stacked(keras: Any, x: Any) -> Any:
    cells = keras.layers.StackedRNNCells([keras.layers.LSTMCell(5), keras.layers.GRUCell(3)])
    return keras.layers.RNN(cells, return_sequences=True, return_state=True)(x)


ROWS = (
    *_every("LSTM"),
    *_every("GRU"),
    *_every("SimpleRNN"),
    layer("GRU", SEQUENCE, units=5, reset_after=False),
    graph("LSTM", "units=5, after Embedding(mask_zero=True)", TOKENS, outputs=_masked),
    graph(
        "LSTM", "units=5, return_sequences=True, after Embedding(mask_zero=True)", TOKENS,
        outputs=lambda keras, x: _masked(keras, x, return_sequences=True),
    ),
    graph(
        "LSTM", "units=5, go_backwards=True, after Embedding(mask_zero=True)", TOKENS,
        outputs=lambda keras, x: _masked(keras, x, go_backwards=True),
    ),
    graph(
        "LSTM", "units=5, after LSTM(5, return_sequences=True)", SEQUENCE,
        outputs=lambda keras, x: keras.layers.LSTM(5)(keras.layers.LSTM(5, return_sequences=True)(x)),
    ),
    graph(
        "Masking", "before GRU(5, return_sequences=True)", SEQUENCE,
        outputs=lambda keras, x: keras.layers.GRU(5, return_sequences=True)(
            keras.layers.Masking(0.0)(keras.layers.ReLU()(x))
        ),
    ),
    graph(
        "LSTMCell", "units=5, in RNN", SEQUENCE,
        outputs=lambda keras, x: _cells(keras, x, keras.layers.LSTMCell(5)),
    ),
    graph(
        "GRUCell", "units=5, in RNN(return_sequences=True)", SEQUENCE,
        outputs=lambda keras, x: _cells(keras, x, keras.layers.GRUCell(5), return_sequences=True),
    ),
    graph(
        "SimpleRNNCell", "units=5, in RNN(go_backwards=True)", SEQUENCE,
        outputs=lambda keras, x: _cells(keras, x, keras.layers.SimpleRNNCell(5), go_backwards=True),
    ),
    graph(
        "RNN", "cell=[LSTMCell(5), LSTMCell(3)]", SEQUENCE,
        outputs=lambda keras, x: _cells(keras, x, keras.layers.LSTMCell(5), keras.layers.LSTMCell(3)),
    ),
    graph(
        "StackedRNNCells", "cells=[LSTMCell(5), GRUCell(3)], in RNN(return_sequences=True, return_state=True)",
        SEQUENCE, outputs=_stacked,
    ),
    graph(
        "Bidirectional", "layer=LSTM(5)", SEQUENCE,
        outputs=lambda keras, x: keras.layers.Bidirectional(keras.layers.LSTM(5))(x),
    ),
    graph(
        "Bidirectional", "layer=GRU(5, return_sequences=True), merge_mode='sum'", SEQUENCE,
        outputs=lambda keras, x: keras.layers.Bidirectional(
            keras.layers.GRU(5, return_sequences=True), merge_mode="sum"
        )(x),
    ),
    graph(
        "Bidirectional", "layer=LSTM(5, return_sequences=True), after Embedding(mask_zero=True)", TOKENS,
        outputs=lambda keras, x: keras.layers.Bidirectional(keras.layers.LSTM(5, return_sequences=True))(
            keras.layers.Embedding(5, 4, mask_zero=True)(x)
        ),
    ),
    graph(
        "TimeDistributed", "layer=Dense(5)", SEQUENCE,
        outputs=lambda keras, x: keras.layers.TimeDistributed(keras.layers.Dense(5))(x),
    ),
    graph(
        "TimeDistributed", "layer=Conv2D(5, 3)", FRAMES,
        outputs=lambda keras, x: keras.layers.TimeDistributed(keras.layers.Conv2D(5, 3))(x),
    ),
    graph(
        "TimeDistributed", "layer=Dense(5), length unknown", OPEN,
        outputs=lambda keras, x: keras.layers.TimeDistributed(keras.layers.Dense(5))(x),
    ),
    layer("ConvLSTM1D", SLICES, filters=4, kernel_size=3),
    layer("ConvLSTM1D", SLICES, filters=4, kernel_size=3, padding="same", return_sequences=True),
    layer("ConvLSTM2D", FRAMES, filters=4, kernel_size=3),
    layer("ConvLSTM2D", FRAMES, filters=4, kernel_size=3, padding="same", return_sequences=True),
    layer("ConvLSTM2D", FRAMES, filters=4, kernel_size=3, strides=2, return_state=True),
    graph(
        "ConvLSTM2D", "filters=4, kernel_size=3, a mask", FRAMES, Values((4,), "bool"),
        outputs=lambda keras, x, mask: keras.layers.ConvLSTM2D(4, 3)(x, mask=mask),
    ),
    layer("ConvLSTM3D", VOLUMES, filters=2, kernel_size=2),
    layer("ConvLSTM3D", VOLUMES, filters=2, kernel_size=2, padding="same", return_sequences=True),
)  # fmt: skip
