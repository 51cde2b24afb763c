"""The task of each output, guessed from losses, last layers and shapes."""

import keras
import pytest
from keras import layers

from export.trained.model_files.guess_task import guess_task
from export.trained.model_files.load import load


def guessed(tmp_path, outputs, given=None, loss=None):
    """The guesses for a model with this output, saved and loaded."""
    model = keras.Model(given, outputs)
    if loss is not None:
        model.compile("sgd", loss)
    model.save(path := tmp_path / "model.keras")
    return guess_task(load(path))


INPUT = keras.Input((8, 8, 1))
FLAT = layers.Flatten()(INPUT)
NESTED = keras.Sequential([layers.Input((64,)), layers.Dense(3), layers.Softmax()], name="nested")


@pytest.mark.parametrize(
    ("output", "task", "why"),
    [
        (layers.Dense(10, "softmax")(FLAT), "classification", "it ends in a softmax over 10 classes"),
        (layers.Softmax()(layers.Dense(2)(FLAT)), "classification", "it ends in a softmax over 2 classes"),
        (layers.Dropout(0.1)(NESTED(FLAT)), "classification", "it ends in a softmax over 3 classes"),
        (keras.ops.softmax(layers.Dense(4)(FLAT)), "classification", "it ends in a softmax over 4 classes"),
        (layers.Dense(1, "sigmoid")(FLAT), "binary", "it ends in a sigmoid of one unit"),
        (
            layers.Activation("sigmoid")(layers.Dense(5)(FLAT)),
            "multilabel",
            "it ends in a sigmoid of 5 units",
        ),
        (layers.Dense(1)(FLAT), "regression", "it ends in a linear layer of 1 unit"),
        (layers.Dense(2, "relu")(FLAT), "regression", "it ends in a relu layer of 2 units"),
        (layers.Reshape((1,))(layers.Dense(1)(FLAT)), "regression", "it ends in a linear layer of 1 unit"),
        (layers.Conv2D(1, 3, padding="same")(INPUT), "reconstruction", "it has the shape of the input"),
        (layers.Conv2D(1, 1, activation="sigmoid")(INPUT), "reconstruction", "it has the shape of the input"),
        (
            layers.Conv2D(4, 1, activation="softmax")(INPUT),
            "classification",
            "it ends in a softmax over 4 classes",
        ),
        (layers.Conv2D(4, 1, activation="sigmoid")(INPUT), "tensor", "each answer has 3 dimensions"),
        (keras.ops.sum(FLAT, axis=1), "tensor", "each answer is one number without an axis"),
        (
            layers.GlobalAveragePooling2D()(layers.Conv2D(9, 3)(INPUT)),
            "tensor",
            "it ends in GlobalAveragePooling2D, which is no head of a known task",
        ),
    ],
)
def test_by_the_last_layers(tmp_path, output, task, why):
    (guess,) = guessed(tmp_path, output, INPUT).values()
    assert guess == (task, why)


@pytest.mark.parametrize(
    ("units", "loss", "task", "why"),
    [
        (
            10,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "classification",
            "it was trained with sparse_categorical_crossentropy on logits",
        ),
        (
            1,
            keras.losses.BinaryCrossentropy(from_logits=True),
            "tensor",
            "it was trained with binary_crossentropy on logits, and gives no probabilities; end the model in a sigmoid "
            "for that",
        ),
        (
            1,
            "hinge",
            "tensor",
            "it was trained with hinge, and gives no probabilities; end the model in a sigmoid for that",
        ),
        (1, "binary_crossentropy", "binary", "it was trained with binary_crossentropy"),
        (4, "binary_crossentropy", "multilabel", "it was trained with binary_crossentropy"),
        (4, "mse", "regression", "it was trained with mean_squared_error"),
        (64, "mae", "reconstruction", "it has the shape of the input"),
        (64, "categorical_crossentropy", "classification", "it was trained with categorical_crossentropy"),
    ],
)
def test_the_loss_is_the_users_own_word(tmp_path, units, loss, task, why):
    given = keras.Input((64,))
    (guess,) = guessed(tmp_path, layers.Dense(units)(given), given, loss).values()
    assert guess == (task, why)


def test_a_softmax_trained_with_a_squared_error_is_still_one(tmp_path):
    (guess,) = guessed(tmp_path, layers.Dense(3, "softmax")(FLAT), INPUT, "mse").values()
    assert guess == ("classification", "it ends in a softmax over 3 classes")


@pytest.mark.parametrize("form", [list, dict])
def test_each_output_has_its_own(tmp_path, form):
    value, kind = layers.Dense(1, name="value")(FLAT), layers.Dense(2, "softmax", name="kind")(FLAT)
    outputs = [value, kind] if form is list else {"value": value, "kind": kind}
    losses = ["mse", "categorical_crossentropy"]
    losses = losses if form is list else dict(zip(["value", "kind"], losses, strict=True))
    assert guessed(tmp_path, outputs, INPUT, losses) == {
        "value": ("regression", "it was trained with mean_squared_error"),
        "kind": ("classification", "it was trained with categorical_crossentropy"),
    }
