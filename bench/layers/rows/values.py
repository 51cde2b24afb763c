"""Rows of the layers that work value by value: activations, normalizations, regularizers, random ones."""

from bench.layers.row import Values, graph, layer

TABLE, LINE, PLANE, SPACE = Values((6,)), Values((12, 4)), Values((9, 10, 4)), Values((6, 7, 8, 4))

ACTIVATIONS = (
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh",
    "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu",
    "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus",
    "tanh", "tanh_shrink", "threshold",
)  # fmt: skip

ROWS = (
    *(
        layer("Activation", LINE, activation=name, jumps=name == "hard_shrink")
        for name in ACTIVATIONS
        if name != "threshold"
    ),
    graph(
        "Activation", "activation=threshold(·, 0.5, 0.1)", LINE,
        outputs=lambda keras, x: keras.ops.threshold(x, 0.5, 0.1),
        jumps=True,
    ),
    graph(
        "Activation", "activation=gelu(·, approximate=True)", LINE,
        outputs=lambda keras, x: keras.ops.gelu(x, approximate=True),
    ),
    layer("Activation", PLANE, activation="softmax"),
    layer("ReLU", TABLE),
    layer("ReLU", TABLE, max_value=6.0),
    layer("ReLU", TABLE, max_value=2.0, negative_slope=0.1, threshold=0.5),
    layer("LeakyReLU", LINE, negative_slope=0.2),
    layer("PReLU", LINE),
    layer("PReLU", PLANE, shared_axes=[1, 2]),
    layer("ELU", LINE, alpha=0.7),
    layer("Softmax", LINE),
    layer("Softmax", LINE, axis=1),
    layer("Softmax", PLANE, axis=[1, 2]),
    layer("BatchNormalization", TABLE),
    layer("BatchNormalization", PLANE, scale=False),
    layer("BatchNormalization", Values((4, 9, 10)), axis=1),
    layer("BatchNormalization", SPACE),
    layer("LayerNormalization", LINE),
    layer("LayerNormalization", PLANE, axis=[1, 2, 3]),
    layer("RMSNormalization", LINE),
    layer("GroupNormalization", PLANE, groups=2),
    layer("GroupNormalization", Values((None, 4)), groups=-1),
    layer("UnitNormalization", LINE),
    graph(
        "SpectralNormalization", "layer=Conv2D(6, 3)", PLANE,
        outputs=lambda keras, x: keras.layers.SpectralNormalization(keras.layers.Conv2D(6, 3))(x),
    ),
    layer("Dropout", LINE, rate=0.5),
    layer("AlphaDropout", LINE, rate=0.5),
    layer("GaussianDropout", LINE, rate=0.5),
    layer("GaussianNoise", LINE, stddev=0.5),
    layer("SpatialDropout1D", LINE, rate=0.5),
    layer("SpatialDropout2D", PLANE, rate=0.5),
    layer("SpatialDropout3D", SPACE, rate=0.5),
)  # fmt: skip
