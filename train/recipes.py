"""The recipes: one row per model of the zoo."""

from __future__ import annotations

from dataclasses import replace

from runtime.errors import UsageError
from train.recipe import Application, LayerSpec, Recipe


def _moved(shift: float, *more: tuple[str, object]) -> LayerSpec:
    factors = (("height_factor", shift), ("width_factor", shift))
    return ("RandomTranslation", (*factors, ("fill_mode", "constant"), *more))


def _turned(factor: float, *more: tuple[str, object]) -> LayerSpec:
    return ("RandomRotation", (("factor", factor), ("fill_mode", "constant"), *more))


def _zoomed(factor: float, *more: tuple[str, object]) -> LayerSpec:
    factors = (("height_factor", factor), ("width_factor", factor))
    return ("RandomZoom", (*factors, ("fill_mode", "constant"), *more))


# Keeps pictures as sharp as those to be recognised; interpolating three times over blurs them.
_SHARP = ("interpolation", "nearest")


_FLIPPED: LayerSpec = ("RandomFlip", (("mode", "horizontal"),))
_RMSE = ("root_mean_squared_error",)

_ROWS = (
    Recipe(
        model="mnist-cnn",
        dataset="mnist",
        architecture="lenet5",
        goal=0.993,
        augmentation=(_moved(0.08), _turned(0.03), _zoomed(0.1)),
        optimizer="AdamW",
        learning_rate=3e-3,
        weight_decay=0.02,
        label_smoothing=0.1,
        monitor="val_accuracy",
        epochs=60,
    ),
    Recipe(
        model="mnist-mlp",
        dataset="mnist",
        architecture="tutorial-mlp",
        goal=0.984,
        regularizer="l2=0.01",
        monitor="val_accuracy",
        epochs=20,
        batch_size=256,
        learning_rate=2e-3,
    ),
    Recipe(
        model="fashion-mlp",
        dataset="fashion-mnist",
        architecture="mlp",
        goal=0.90,
        tutorial="81.88 %",
        hidden=(300, 100),
        augmentation=(_FLIPPED, _moved(0.036, _SHARP)),
        optimizer="AdamW",
        weight_decay=0.1,
        monitor="val_accuracy",
        epochs=70,
        batch_size=256,
        learning_rate=2e-3,
        label_smoothing=0.1,
        scaling="standard",
        dropout=0.1,
    ),
    Recipe(
        model="fashion-mlp-128",
        dataset="fashion-mnist",
        architecture="mlp",
        goal=0.89,
        tutorial="about 81 % on the training data",
        hidden=(128,),
        optimizer="AdamW",
        weight_decay=0.1,
        monitor="val_accuracy",
        epochs=40,
        batch_size=256,
        learning_rate=1e-3,
        label_smoothing=0.1,
        scaling="standard",
        dropout=0.2,
    ),
    Recipe(
        model="fashion-mlp-512",
        dataset="fashion-mnist",
        architecture="mlp",
        goal=0.90,
        tutorial="–",
        hidden=(512,),
        optimizer="AdamW",
        weight_decay=0.1,
        monitor="val_accuracy",
        epochs=50,
        stop_at="val_accuracy=0.905",
        batch_size=256,
        learning_rate=1e-3,
        label_smoothing=0.1,
        scaling="standard",
        dropout=0.4,
    ),
    Recipe(
        model="fashion-deep-relu",
        dataset="fashion-mnist",
        architecture="mlp",
        goal=0.88,
        tutorial="61.89 %",
        hidden=(100,) * 20,
        initializer="he_normal",
        scaling="standard",
        optimizer="AdamW",
        weight_decay=0.2,
        clipnorm=1.0,
        warmup_epochs=2,
        monitor="val_accuracy",
        epochs=25,
        batch_size=256,
        label_smoothing=0.1,
    ),
    Recipe(
        model="fashion-deep-bn",
        dataset="fashion-mnist",
        architecture="mlp",
        goal=0.885,
        tutorial="79.37 %",
        hidden=(100,) * 20,
        batch_normalization=True,
        augmentation=(_FLIPPED, _moved(0.024, _SHARP)),
        gaussian_dropout=0.02,
        initializer="he_normal",
        scaling="standard",
        optimizer="AdamW",
        weight_decay=0.02,
        warmup_epochs=2,
        monitor="val_accuracy",
        epochs=42,
        batch_size=256,
        learning_rate=1e-2,
        label_smoothing=0.1,
    ),
    Recipe(
        model="fashion-deep-selu",
        dataset="fashion-mnist",
        architecture="mlp",
        goal=0.89,
        tutorial="86.08 %",
        hidden=(100,) * 20,
        activation="selu",
        initializer="lecun_normal",
        gaussian_dropout=0.01,
        scaling="standard",
        optimizer="AdamW",
        learning_rate=7e-4,
        weight_decay=0.2,
        clipnorm=1.0,
        warmup_epochs=2,
        monitor="val_accuracy",
        epochs=25,
        batch_size=256,
        label_smoothing=0.1,
    ),
    Recipe(
        model="fashion-deep-selu-dropout",
        dataset="fashion-mnist",
        architecture="mlp",
        goal=0.885,
        tutorial="–",
        hidden=(100,) * 20,
        activation="selu",
        initializer="lecun_normal",
        augmentation=(_FLIPPED, _moved(0.024, _SHARP)),
        alpha_dropout=0.5,
        gaussian_dropout=0.03,
        scaling="standard",
        optimizer="AdamW",
        learning_rate=2e-3,
        weight_decay=0.2,
        clipnorm=1.0,
        warmup_epochs=2,
        monitor="val_accuracy",
        epochs=36,
        batch_size=256,
        label_smoothing=0.2,
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
        metrics=_RMSE,
        epochs=100,
        batch_size=64,
    ),
    Recipe(
        model="california-mlp-deep",
        dataset="california-housing",
        architecture="mlp",
        goal=0.49,
        tutorial="–",
        hidden=(256, 64),
        scaling="bins",
        dropout=0.3,
        optimizer="AdamW",
        learning_rate=2e-3,
        weight_decay=0.05,
        warmup_epochs=3,
        loss="mean_squared_error",
        metrics=_RMSE,
        epochs=60,
    ),
    Recipe(
        model="digits-cnn",
        dataset="digits",
        architecture="small-cnn",
        goal=0.985,
        tutorial="–",
        augmentation=(_moved(0.1), _turned(0.02)),
        learning_rate=2e-3,
        epochs=120,
        batch_size=32,
    ),
    Recipe(
        model="diabetes-mlp",
        dataset="diabetes",
        architecture="mlp",
        goal=53.8,  # ridge regression on the same split, at its best penalty
        tutorial="–",
        hidden=(32,),
        scaling="standard",
        regularizer="l2=0.03",
        dropout=0.3,
        learning_rate=1e-2,
        loss="mean_squared_error",
        metrics=_RMSE,
        epochs=60,
        batch_size=32,
    ),
    Recipe(
        model="fashion-cnn",
        dataset="fashion-mnist",
        architecture="vgg-cnn",
        goal=0.94,
        tutorial="–",
        hidden=(32, 64, 128),
        dropout=0.1,
        augmentation=(_FLIPPED, _moved(0.08, _SHARP), _zoomed(0.05, _SHARP), _turned(0.01, _SHARP)),
        initializer="he_normal",
        optimizer="AdamW",
        learning_rate=4e-3,
        weight_decay=0.05,
        warmup_epochs=2,
        monitor="val_accuracy",
        epochs=56,
    ),
    Recipe(
        model="california-two",
        dataset="california-housing-two",
        architecture="joined-mlp",
        goal=0.56,
        tutorial="–",
        hidden=(32, 64, 32),
        scaling="standard",
        learning_rate=5e-3,
        loss="value=mean_squared_error above=binary_crossentropy",
        metrics=("value=root_mean_squared_error", "above=accuracy"),
        epochs=60,
        batch_size=64,
    ),
    Recipe(
        model="cifar-cnn",
        dataset="cifar-10-images",
        architecture="residual-cnn",
        goal=0.85,
        tutorial="–",
        hidden=(16, 32, 64, 96),
        scaling="standard",
        augmentation=(_FLIPPED, _moved(0.125, _SHARP)),
        initializer="he_normal",
        optimizer="AdamW",
        learning_rate=5e-3,
        weight_decay=0.05,
        warmup_epochs=2,
        label_smoothing=0.1,
        monitor="val_accuracy",
        epochs=36,
    ),
    Recipe(
        model="reviews-cnn",
        dataset="sentence-polarity",
        architecture="text-cnn",
        goal=0.74,
        tutorial="–",
        embedding=32,
        hidden=(64,),
        dropout=0.5,
        optimizer="AdamW",
        learning_rate=2e-3,
        label_smoothing=0.1,
        monitor="val_accuracy",
        epochs=6,
        batch_size=64,
    ),
    Recipe(
        model="reviews-lstm",
        dataset="sentence-polarity",
        architecture="text-lstm",
        goal=0.74,
        tutorial="–",
        embedding=32,
        hidden=(32,),
        dropout=0.5,
        optimizer="AdamW",
        learning_rate=3e-3,
        label_smoothing=0.1,
        monitor="val_accuracy",
        epochs=5,
        batch_size=64,
    ),
    Recipe(
        model="mnist-autoencoder",
        dataset="mnist-rebuilt",
        architecture="autoencoder",
        goal=0.10,
        tutorial="–",
        hidden=(128, 32),
        loss="mean_squared_error",
        metrics=_RMSE,
        optimizer="AdamW",
        weight_decay=0.3,
        learning_rate=2e-3,
        epochs=30,
        batch_size=256,
    ),
    Recipe(
        model="streaming-gru",
        dataset="digits-rows",
        architecture="gru",
        goal=0.95,
        tutorial="–",
        hidden=(24,),
        scaling="unit",
        learning_rate=1e-2,
        epochs=80,
        batch_size=32,
        streamed=True,
    ),
)

RECIPES: dict[str, Recipe] = {recipe.model: recipe for recipe in _ROWS}

# Not trained by 'all', and their models are not in the repository: their data comes from a download alone.
DOWNLOADED: dict[str, Recipe] = {
    recipe.model: recipe
    for recipe in (
        # The goals are what to expect of such networks; they were not measured here.
        replace(RECIPES["reviews-cnn"], model="imdb-cnn", dataset="imdb", goal=0.85),
        replace(RECIPES["reviews-lstm"], model="imdb-lstm", dataset="imdb", goal=0.85),
        replace(
            RECIPES["reviews-cnn"],
            model="reuters-cnn",
            dataset="reuters",
            goal=0.75,
            hidden=(128,),
            epochs=20,
        ),
    )
}

APPLICATIONS: dict[str, Application] = {
    row.model: row
    for row in (
        Application("mobilenet-v2", "MobileNetV2", "tf", 1000),
        Application("resnet50", "ResNet50", "caffe", 1000),
        Application("vgg16-features", "VGG16", "caffe", 0),
        Application("vgg16", "VGG16", "caffe", 1000),  # 138 million weights, for `bench cost`
    )
}


def find(name: str) -> Recipe:
    """Return the recipe of a model; UsageError that lists the known ones otherwise."""
    known = RECIPES | DOWNLOADED
    if name not in known:
        raise UsageError(f"unknown model {name!r}; known: {', '.join((*known, *APPLICATIONS))}")
    return known[name]
