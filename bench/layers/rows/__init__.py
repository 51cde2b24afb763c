"""The table of layers: every class of `keras.layers`, each in the settings that matter."""

from bench.layers.row import Row
from bench.layers.rows import (
    attention,
    convolutions,
    own,
    pooling,
    preprocessing,
    recurrent,
    shapes,
    values,
)

SECTIONS: dict[str, tuple[Row, ...]] = {
    "Convolutions": convolutions.ROWS,
    "Pooling, up-sampling, padding, cropping": pooling.ROWS,
    "Dense layers, embeddings, shapes, merging": shapes.ROWS,
    "Activations, normalizations, regularizers": values.ROWS,
    "Recurrent layers": recurrent.ROWS,
    "Attention": attention.ROWS,
    "Preprocessing and augmentation": preprocessing.ROWS,
    "Layers of one's own": own.ROWS,
}
ROWS = tuple(row for rows in SECTIONS.values() for row in rows)

# Refused by rules of export/formats/unsupported.py; they need packages of other frameworks to be built.
NOT_BUILT = ("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper")
NO_LAYERS = {"InputSpec": "describes the shape of an input and computes nothing"}
