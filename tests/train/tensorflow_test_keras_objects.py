"""Keras' names: found whatever their spelling, refused with a list when unknown."""

from dataclasses import replace

import keras
import pytest

from runtime.errors import UsageError
from train import keras_objects
from train.recipes import find


@pytest.mark.parametrize(
    "name", ["SGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "adam"]
)
def test_every_optimizer_of_the_tutorials(name):
    recipe = replace(find("digits-cnn"), optimizer=name, clipnorm=1.0)
    made = keras_objects.optimizer(recipe, steps_per_epoch=10)
    assert type(made).__name__.lower() == name.lower()
    assert made.clipnorm == 1.0


def test_momentum_and_nesterov():
    recipe = replace(find("digits-cnn"), optimizer="SGD", momentum=0.9, nesterov=True)
    made = keras_objects.optimizer(recipe, steps_per_epoch=10)
    assert (made.momentum, made.nesterov) == (0.9, True)


@pytest.mark.parametrize(
    ("schedule", "halfway", "end"),
    [("constant", 0.002, 0.002), ("cosine", 0.001, 0.0), ("exponential", 0.002 * 0.9**2, 0.002 * 0.9**4)],
)
def test_schedules(schedule, halfway, end):
    recipe = replace(find("digits-cnn"), schedule=schedule, epochs=4)
    made = keras_objects.optimizer(recipe, steps_per_epoch=10)
    rates = []
    for step in (20, 40):
        made.iterations.assign(step)
        rates.append(float(made.learning_rate))
    assert rates == pytest.approx([halfway, end], abs=1e-6)


def test_warm_up_rises_then_falls():
    recipe = replace(find("digits-cnn"), epochs=4, warmup_epochs=1)
    rate = keras_objects.optimizer(recipe, steps_per_epoch=10)._learning_rate
    assert [float(rate(step)) for step in (0, 10, 40)] == pytest.approx([0, 0.002, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "words", "message"),
    [
        ("optimizer", "Addam", r"unknown optimizer 'Addam'; known: Adadelta, .*SGD"),
        ("loss", "msle2", r"unknown loss 'msle2'; known: .*MeanSquaredError"),
        ("metric", "Precission", r"unknown metric 'Precission'; known: .*FBetaScore"),
        ("initializer", "he", r"unknown initializer 'he'; known: .*HeNormal"),
        ("constraint", "big", r"unknown constraint 'big'; known: .*MaxNorm"),
        ("regularizer", "l3", r"unknown regularizer 'l3'; known: .*L1L2"),
        ("loss", "Huber:size=2", r"loss 'Huber:size=2': .*; Huber takes delta"),
    ],
)
def test_a_wrong_name_lists_the_known_ones(kind, words, message):
    with pytest.raises(UsageError, match=message):
        keras_objects.make(kind, words)


def test_unknown_activation():
    with pytest.raises(UsageError, match=r"unknown activation 'relux'; known: .*relu, relu6, selu"):
        keras_objects.activation("relux")


def test_options_reach_keras():
    assert float(keras_objects.make("loss", "Huber:delta=2")([[0.0]], [[10.0]])) == 2 * 10 - 2
    assert keras_objects.make("metric", "FBetaScore:beta=2.0").beta == 2.0
    assert keras_objects.make("metric", "FBetaScore").average == "macro"
    assert keras_objects.make("constraint", "max_norm:max_value=3").max_value == 3
    assert float(keras_objects.regularizer("l2=0.01").l2) == pytest.approx(0.01)
    assert float(keras_objects.regularizer("l1=0.1,l2=0.2").l1) == pytest.approx(0.1)
    assert keras_objects.regularizer(None) is None


def test_metrics_keep_their_names_from_training_to_training():
    recipe = replace(
        find("digits-cnn"), metrics=("accuracy", "Precision", "TopKCategoricalAccuracy:k=3", "mse")
    )
    for _ in range(2):
        made = keras_objects.metrics(recipe, ["probabilities"])
        names = [metric if isinstance(metric, str) else metric.name for metric in made]
        assert names == ["accuracy", "precision", "top_k_categorical_accuracy", "mean_squared_error"]


def test_label_smoothing():
    made = keras_objects.loss(replace(find("digits-cnn"), label_smoothing=0.1), ["probabilities"])
    assert isinstance(made, keras.losses.CategoricalCrossentropy)
    assert made.label_smoothing == 0.1


def test_losses_and_metrics_of_several_outputs():
    recipe = replace(
        find("california-two"),
        loss="above=BinaryCrossentropy value=Huber:delta=2",
        metrics=("value=mse", "above=accuracy", "above=FBetaScore:beta=2.0"),
        label_smoothing=0.1,
    )
    losses = keras_objects.loss(recipe, ["value", "above"])
    assert isinstance(losses["value"], keras.losses.Huber)
    assert losses["above"].label_smoothing == 0.1  # and Huber takes none
    metrics = keras_objects.metrics(recipe, ["value", "above"])
    assert [metric.name for metric in metrics["value"]] == ["mean_squared_error"]
    assert metrics["above"][0] == "accuracy" and metrics["above"][1].beta == 2.0


def test_a_smoothed_loss_without_labels_is_refused():
    with pytest.raises(UsageError, match="label_smoothing"):
        keras_objects.loss(replace(find("diabetes-mlp"), label_smoothing=0.1), ["value"])
