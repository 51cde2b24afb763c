"""Rows of what users write themselves: layers of their own, wrappers, functions."""

from typing import Any

from bench.layers.row import Values, graph

TABLE = Values((6,))


def _weighted(keras: Any, x: Any) -> Any:
    class Weighted(keras.layers.Layer):
        """Every value times a weight of its own."""

        def build(self, shape: Any) -> None:
            self.weight = self.add_weight(shape=shape[1:], name="weight")

        def call(self, values: Any) -> Any:
            return values * self.weight

    return Weighted()(x)


def _wrapped(keras: Any, x: Any) -> Any:
    class Residual(keras.layers.Wrapper):
        """What a layer makes, added to what it was given."""

        def call(self, values: Any) -> Any:
            return values + self.layer(values)

    return Residual(keras.layers.Dense(6))(x)


ROWS = (
    graph("Layer", "a class of one's own with a weight", TABLE, outputs=_weighted),
    graph("Wrapper", "a class of one's own around Dense(6)", TABLE, outputs=_wrapped),
    graph(
        "Lambda", "function=lambda x: 2 * x, from the user's own code", TABLE,
        outputs=lambda keras, x: keras.layers.Lambda(lambda values: 2 * values, output_shape=(6,))(x),
    ),
)  # fmt: skip
