"""Rows of the attention layers."""

from typing import Any

from bench.layers.row import Values, graph, layer

QUERY, VALUE = Values((5, 8)), Values((7, 8))
TOKENS = Values((7,), "int32", 0, 5)
MASK = Values((5, 7), "bool")


def _transformer(keras: Any, x: Any) -> Any:
    """A block of an encoder."""
    layers = keras.layers
    words = layers.Embedding(10, 8, mask_zero=True)(x)
    seen = layers.LayerNormalization()(words + layers.MultiHeadAttention(2, 4)(words, words))
    wide = layers.Dense(8)(layers.Dense(16, activation="gelu")(seen))
    return layers.GlobalAveragePooling1D()(layers.LayerNormalization()(seen + wide))


ROWS = (
    layer("Attention", QUERY, VALUE),
    layer("Attention", QUERY, VALUE, use_scale=True, score_mode="concat"),
    graph(
        "Attention", "use_causal_mask=True in the call", QUERY, QUERY,
        outputs=lambda keras, q, v: keras.layers.Attention()([q, v], use_causal_mask=True),
    ),
    layer("AdditiveAttention", QUERY, VALUE),
    graph(
        "MultiHeadAttention", "num_heads=2, key_dim=4", QUERY, VALUE,
        outputs=lambda keras, q, v: keras.layers.MultiHeadAttention(2, 4)(q, v),
    ),
    graph(
        "MultiHeadAttention", "num_heads=2, key_dim=4, use_causal_mask=True in the call", QUERY,
        outputs=lambda keras, q: keras.layers.MultiHeadAttention(2, 4)(q, q, use_causal_mask=True),
    ),
    graph(
        "MultiHeadAttention", "num_heads=2, key_dim=4, a mask and the scores", QUERY, VALUE, MASK,
        outputs=lambda keras, q, v, mask: keras.layers.MultiHeadAttention(2, 4)(
            q, v, attention_mask=mask, return_attention_scores=True
        ),
    ),
    graph(
        "MultiHeadAttention", "a block of a transformer, after Embedding(mask_zero=True)", TOKENS,
        outputs=_transformer,
    ),
    graph(
        "GroupQueryAttention", "head_dim=4, num_query_heads=4, num_key_value_heads=2", QUERY, VALUE,
        outputs=lambda keras, q, v: keras.layers.GroupQueryAttention(4, 4, 2)(q, v),
    ),
    graph(
        "GroupQueryAttention", "head_dim=4, num_query_heads=4, num_key_value_heads=2, causal", QUERY,
        outputs=lambda keras, q: keras.layers.GroupQueryAttention(4, 4, 2)(q, q, use_causal_mask=True),
    ),
)  # fmt: skip
