"""Rows of the layers that reshape, merge or pass on what they are given, and of dense layers and embeddings."""

from bench.layers.row import Row, Values, graph, layer

TABLE, LINE, PLANE = Values((6,)), Values((12, 4)), Values((9, 10, 4))
TOKENS = Values((7,), "int32", 0, 10)


def _merging(name: str) -> list[Row]:
    return [layer(name, LINE, LINE), layer(name, LINE, Values((1, 4)), LINE)]


ROWS = (
    graph(
        "InputLayer", "shape=(6,), before Dense(5)", TABLE,
        outputs=lambda keras, x: keras.Sequential(
            [keras.layers.InputLayer(shape=(6,)), keras.layers.Dense(5)]
        )(x),
    ),
    layer("Identity", LINE),
    layer("Dense", TABLE, units=5),
    layer("Dense", LINE, units=5, activation="tanh", use_bias=False),
    layer("Dense", TABLE, units=5, activation="softmax"),
    graph(
        "Dense", "units=5, called for each input", TABLE, TABLE,
        outputs=lambda keras, a, b: (lambda made: keras.layers.Subtract()([made(a), made(b)]))(
            keras.layers.Dense(5)
        ),
    ),
    graph(
        "Dense", "units=5, an output that goes on to another Dense", TABLE,
        outputs=lambda keras, x: (lambda made: [made, keras.layers.Dense(3)(made)])(keras.layers.Dense(5)(x)),
    ),
    layer("EinsumDense", LINE, equation="abc,cd->abd", output_shape=(None, 5), bias_axes="d"),
    layer("EinsumDense", LINE, equation="abc,cde->abde", output_shape=(None, 2, 5)),
    layer("Embedding", TOKENS, input_dim=10, output_dim=4),
    layer("Embedding", Values((None,), "int64", 0, 10), input_dim=10, output_dim=4, mask_zero=True),
    layer("ReversibleEmbedding", TOKENS, input_dim=10, output_dim=4),
    graph(
        "ReversibleEmbedding", "input_dim=10, output_dim=4, called forwards and in reverse", TOKENS,
        outputs=lambda keras, x: (lambda made: made(made(x), reverse=True))(
            keras.layers.ReversibleEmbedding(10, 4)
        ),
    ),
    layer("Flatten", PLANE),
    layer("Flatten", Values((4, 9, 10)), data_format="channels_first"),
    layer("Flatten", Values((None, 4))),
    layer("Reshape", LINE, target_shape=(6, 8)),
    layer("Reshape", LINE, target_shape=(-1, 2, 4)),
    layer("Reshape", Values((None, 4)), target_shape=(-1, 2)),
    layer("Permute", PLANE, dims=(3, 1, 2)),
    layer("RepeatVector", TABLE, n=3),
    *_merging("Add"),
    *_merging("Average"),
    *_merging("Maximum"),
    *_merging("Minimum"),
    *_merging("Multiply"),
    layer("Subtract", LINE, LINE),
    layer("Concatenate", LINE, Values((3, 4)), axis=1),
    layer("Concatenate", LINE, LINE),
    layer("Dot", LINE, Values((5, 4)), axes=2),
    layer("Dot", TABLE, TABLE, axes=1, normalize=True),
    layer("ActivityRegularization", TABLE, l2=0.01),
    layer("Masking", LINE, mask_value=0.0),
)  # fmt: skip
