"""The recipes: one row per model of the zoo, as data."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import UsageError


@dataclass(frozen=True)
class Recipe:
    """How one model is trained; every field has a flag of the same name where a tutorial teaches the choice.

    ``hidden`` are the units of the dense layers between input and output, for the architectures that take
    them. ``augmentation`` maps Keras layer names to their arguments; the layers run in training only and are
    no part of the saved model. ``monitor`` is what early stopping and the best checkpoint look at, on the
    validation split. ``goal`` is the figure to reach on the test split, in the dataset's metric (accuracy as
    a fraction).
    """

    model: str
    dataset: str
    architecture: str
    goal: float
    tutorial: str = "not given"
    hidden: tuple[int, ...] = ()
    activation: str = "relu"
    initializer: str = "glorot_uniform"
    regularizer: str | None = None
    dropout: float = 0.0
    constraint: str | None = None
    scaling: str = "unit"
    augmentation: tuple[tuple[str, tuple[tuple[str, object], ...]], ...] = ()
    optimizer: str = "Adam"
    learning_rate: float = 1e-3
    schedule: str | None = "cosine"
    weight_decay: float | None = None
    loss: str = "categorical_crossentropy"
    label_smoothing: float = 0.0
    metrics: tuple[str, ...] = ("accuracy",)
    monitor: str = "val_loss"
    epochs: int = 30
    batch_size: int = 128
    patience: int | None = 10


_LIGHT_DISTORTION = (
    ("RandomTranslation", (("height_factor", 0.08), ("width_factor", 0.08), ("fill_mode", "constant"))),
    ("RandomRotation", (("factor", 0.03), ("fill_mode", "constant"))),
    ("RandomZoom", (("height_factor", 0.1), ("width_factor", 0.1), ("fill_mode", "constant"))),
)

RECIPES: dict[str, Recipe] = {
    recipe.model: recipe
    for recipe in (
        Recipe(
            model="mnist-cnn",
            dataset="mnist",
            architecture="lenet5",
            goal=0.993,
            augmentation=_LIGHT_DISTORTION,
            learning_rate=2e-3,
            monitor="val_accuracy",
            epochs=40,
            patience=None,
        ),
        Recipe(
            model="california-mlp",
            dataset="california-housing",
            architecture="mlp",
            goal=0.56,
            hidden=(30,),
            scaling="standard",
            learning_rate=1e-2,
            loss="mean_squared_error",
            metrics=("root_mean_squared_error",),
            epochs=100,
            batch_size=64,
            patience=None,
        ),
        Recipe(
            model="digits-cnn",
            dataset="digits",
            architecture="small-cnn",
            goal=0.985,
            augmentation=(
                (
                    "RandomTranslation",
                    (("height_factor", 0.1), ("width_factor", 0.1), ("fill_mode", "constant")),
                ),
                ("RandomRotation", (("factor", 0.02), ("fill_mode", "constant"))),
            ),
            learning_rate=2e-3,
            epochs=120,
            batch_size=32,
            patience=None,
        ),
        Recipe(
            model="diabetes-mlp",
            dataset="diabetes",
            architecture="mlp",
            goal=53.8,
            hidden=(32,),
            scaling="standard",
            regularizer="l2=0.03",
            dropout=0.3,
            learning_rate=1e-2,
            loss="mean_squared_error",
            metrics=("root_mean_squared_error",),
            epochs=60,
            batch_size=32,
            patience=None,
        ),
    )
}


def find(name: str) -> Recipe:
    """Return the recipe of a model; UsageError that lists the known ones otherwise."""
    if name not in RECIPES:
        raise UsageError(f"unknown model {name!r}; known: {', '.join(RECIPES)}")
    return RECIPES[name]
