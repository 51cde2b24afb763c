"""The table of models that were made elsewhere."""

from bench.foreign import pictures, published, sequences

MODELS = {model.name: model for model in (*published.MODELS, *sequences.MODELS, *pictures.MODELS)}
