"""Training: the same seed gives the same weights, also over an interruption."""

from dataclasses import replace
from importlib.util import find_spec

import keras
import numpy as np
import pytest

import data
from runtime.bundle.manifest import OutputRecord
from runtime.errors import EdgeProofError, PackageError, UsageError
from train.batches import Batches
from train.callbacks import StopAtTarget
from train.fit import Run, fit
from train.recipe import Recipe
from train.recipes import find
from train.streaming import one_step


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self._epoch, self._now = epoch, 0

    def on_epoch_begin(self, epoch, logs=None):
        self._now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self._now == self._epoch and batch == 2:
            raise KeyboardInterrupt


def same_weights(first: keras.Model, second: keras.Model) -> bool:
    return all(map(np.array_equal, first.get_weights(), second.get_weights()))


@pytest.fixture(scope="module")
def recipe():
    """A network with convolutions and augmentation: what draws random numbers in training is there."""
    return replace(find("digits-cnn"), epochs=4)


# What is no matter of the network is tried with one that is compiled in a second.
SMALL = Recipe(
    "digits-small", "digits", "mlp", goal=0.0, hidden=(16,), learning_rate=2e-3, epochs=4, batch_size=32
)


@pytest.fixture(scope="module")
def uninterrupted(recipe, few_digits, tmp_path_factory):
    return fit(recipe, few_digits, Run(seed=3, state=tmp_path_factory.mktemp("whole")))


def test_the_same_seed_gives_the_same_weights(recipe, few_digits, tmp_path, uninterrupted):
    again = fit(recipe, few_digits, Run(seed=3, state=tmp_path / "again"))
    assert same_weights(uninterrupted.model, again.model)
    assert uninterrupted.history == again.history
    other = fit(replace(recipe, epochs=1), few_digits, Run(seed=4, state=tmp_path / "other"))
    assert not same_weights(uninterrupted.model, other.model)


def test_an_interrupted_training_goes_on_as_if_nothing_had_been(
    recipe, few_digits, tmp_path, uninterrupted, capsys
):
    state = tmp_path / "state"
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, few_digits, Run(seed=3, state=state, extra=(Interrupt(epoch=2),)))
    assert "digits-cnn: 2 whole epochs are kept; --resume goes on" in capsys.readouterr().err
    resumed = fit(recipe, few_digits, Run(seed=3, state=state, resume=True))
    assert "digits-cnn: resumed after epoch 2/4" in capsys.readouterr().err
    assert same_weights(resumed.model, uninterrupted.model)
    assert resumed.history == uninterrupted.history
    assert not state.exists()


def test_resuming_nothing_begins_at_the_beginning_and_says_so(few_digits, tmp_path, capsys):
    trained = fit(replace(SMALL, epochs=1), few_digits, Run(seed=3, state=tmp_path / "none", resume=True))
    assert "nothing to resume, beginning at epoch 1" in capsys.readouterr().err
    assert len(trained.history["loss"]) == 1


def test_another_training_is_not_resumed(few_digits, tmp_path):
    state = tmp_path / "state"
    with pytest.raises(KeyboardInterrupt):
        fit(SMALL, few_digits, Run(seed=3, state=state, extra=(Interrupt(epoch=1),)))
    with pytest.raises(UsageError, match=r"learning_rate 0\.002 → 0\.1; seed 3 → 4"):
        fit(replace(SMALL, learning_rate=0.1), few_digits, Run(seed=4, state=state, resume=True))


def test_a_damaged_state_is_refused(few_digits, tmp_path):
    state = tmp_path / "state"
    with pytest.raises(KeyboardInterrupt):
        fit(SMALL, few_digits, Run(seed=3, state=state, extra=(Interrupt(epoch=1),)))
    (state / "last" / "trainer.keras").write_bytes(b"not a model")
    with pytest.raises(EdgeProofError, match=r"last: cannot be resumed .*; delete it to begin again"):
        fit(SMALL, few_digits, Run(seed=3, state=state, resume=True))


def test_the_best_weights_are_given_back_not_the_last(few_digits, tmp_path):
    # A rate that is far too high at the end: the best epoch is an early one.
    recipe = replace(SMALL, epochs=3, schedule="constant")

    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model.optimizer.learning_rate = 10.0

    trained = fit(recipe, few_digits, Run(seed=0, state=tmp_path / "s", extra=(Spoil(),)))
    losses = trained.history["val_loss"]
    assert losses[2] > 2 * losses[1]
    trained.model.compile(loss="categorical_crossentropy")
    targets = np.eye(10)[few_digits.validation.targets["probabilities"]]
    images = few_digits.validation.inputs["image"].astype(np.float32)
    found = trained.model.evaluate(images, targets, verbose=0)
    assert found == pytest.approx(min(losses), rel=1e-4)


@pytest.mark.parametrize(("words", "epochs"), [("val_accuracy=0.05", 1), ("loss=0.0001", 3), ("loss=100", 1)])
def test_stop_at_target(few_digits, tmp_path, words, epochs):
    recipe = replace(SMALL, epochs=3, stop_at=words)
    assert len(fit(recipe, few_digits, Run(seed=0, state=tmp_path / "s")).history["loss"]) == epochs


@pytest.mark.parametrize("words", ["val_accuracy", "val_accuracy=high"])
def test_stop_at_wants_a_figure_and_a_value(words):
    with pytest.raises(UsageError, match=r"give a figure and a value, as in val_accuracy=0\.9"):
        StopAtTarget(words)


def test_stop_at_an_unknown_figure_lists_the_known(few_digits, tmp_path):
    recipe = replace(SMALL, epochs=1, stop_at="val_acc=0.9")
    with pytest.raises(UsageError, match="unknown figure; known: accuracy, loss, val_accuracy, val_loss"):
        fit(recipe, few_digits, Run(seed=0, state=tmp_path / "s"))


def test_early_stopping(few_digits, tmp_path):
    recipe = replace(SMALL, epochs=9, patience=1, learning_rate=0.0, schedule="constant")
    # Nothing is learnt: the first epoch stays the best, and the second is one too many.
    assert len(fit(recipe, few_digits, Run(seed=0, state=tmp_path / "s")).history["loss"]) == 2


def test_the_rate_cannot_have_two_masters(few_digits, tmp_path):
    recipe = replace(SMALL, epochs=1, reduce_on_plateau=2)
    with pytest.raises(UsageError, match="--reduce-on-plateau sets the learning rate, and so does"):
        fit(recipe, few_digits, Run(seed=0, state=tmp_path / "s"))


def test_step_schedule_and_logs(few_digits, tmp_path):
    recipe = replace(SMALL, epochs=4, schedule="step", learning_rate=0.008)
    run = Run(seed=0, state=tmp_path / "s", csv_log=tmp_path / "log.csv")
    rates = fit(recipe, few_digits, run).history["learning_rate"]
    assert rates == pytest.approx([0.008, 0.004, 0.002, 0.001])
    assert (tmp_path / "log.csv").read_text().count("\n") == 5


def test_tensorboard(few_digits, tmp_path):
    run = Run(seed=0, state=tmp_path / "s", tensorboard=tmp_path / "board")
    recipe = replace(SMALL, epochs=1)
    if find_spec("tensorboard") is None:
        with pytest.raises(PackageError, match="pip install tensorboard"):
            fit(recipe, few_digits, run)
    else:
        fit(recipe, few_digits, run)
        assert list((tmp_path / "board").rglob("events*"))


def test_batches_are_drawn_from_seed_and_epoch():
    numbers = {"x": np.arange(10)}
    first, second = (Batches(numbers, numbers, {"x": "float32"}, 4, seed=1) for _ in range(2))
    assert [len(first[index][0]) for index in range(len(first))] == [4, 4, 2]
    everything = np.concatenate([first[index][1] for index in range(3)])
    assert sorted(everything) == list(range(10))
    first.start_epoch(1)
    assert not np.array_equal(first[0][1], second[0][1])
    second.start_epoch(1)
    np.testing.assert_array_equal(first[0][1], second[0][1])
    assert first[0][0].dtype == np.float32


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "mean_squared_error"])
def test_other_losses(few_digits, tmp_path, loss):
    recipe = replace(SMALL, epochs=1, loss=loss)
    assert np.isfinite(fit(recipe, few_digits, Run(seed=0, state=tmp_path / "s")).history["loss"]).all()


def test_batches_of_several_arrays_are_by_name_and_in_one_order():
    inputs = {"x": np.arange(10), "y": np.arange(10) * 2}
    targets = {"z": np.arange(10) * 3, "w": np.arange(10) * 4}
    given, wanted = Batches(inputs, targets, {"x": "float32", "y": "int32"}, 4, seed=1)[0]
    assert (given["x"].dtype, given["y"].dtype) == (np.float32, np.int32)
    np.testing.assert_array_equal(given["x"] * 2, given["y"])
    np.testing.assert_array_equal(given["x"] * 3, wanted["z"])
    np.testing.assert_array_equal(given["x"] * 4, wanted["w"])


def two_of_each(dataset: data.Dataset) -> data.Dataset:
    """The diabetes in two tables, with the value and whether it is above 140 as targets."""

    def split(found: data.Split) -> data.Split:
        rows, value = found.inputs["rows"], found.targets["value"]
        above = (value[:, 0] > 140).astype(np.int64)
        return data.Split({"one": rows[:, :4], "two": rows[:, 4:]}, {"value": value, "above": above})

    columns = dataset.inputs[0].columns
    return replace(
        dataset,
        inputs=(
            data.dataset.table_input(columns[:4])._replace(name="one"),
            data.dataset.table_input(columns[4:])._replace(name="two"),
        ),
        outputs=(*dataset.outputs, OutputRecord("above", (1,), "binary", labels=("no", "yes"))),
        **{name: split(getattr(dataset, name)) for name in ("train", "validation", "test")},
    )


def test_two_inputs_and_two_outputs_train(tmp_path):
    dataset = two_of_each(data.load("diabetes"))
    recipe = replace(find("california-two"), epochs=6)
    history = fit(recipe, dataset, Run(seed=0, state=tmp_path / "s")).history
    assert history["val_above_accuracy"][-1] > 0.6
    assert history["val_value_root_mean_squared_error"][-1] < 90


def test_an_output_without_targets_is_part_of_the_model_and_not_trained(few_digits, tmp_path):
    recipe = replace(find("mnist-autoencoder"), epochs=1, hidden=(16, 4))

    def split(found: data.Split) -> data.Split:
        return data.Split(found.inputs, {"rebuilt": found.inputs["image"].astype(np.float32) / 16})

    outputs = (
        OutputRecord("rebuilt", (8, 8, 1), "reconstruction", input="image"),
        OutputRecord("anomaly", (1,), "regression"),
    )
    splits = {name: split(getattr(few_digits, name)) for name in ("train", "validation", "test")}
    fitted = fit(recipe, replace(few_digits, outputs=outputs, **splits), Run(seed=0, state=tmp_path / "s"))
    assert set(fitted.history) >= {"loss", "val_loss"} and not any(
        "anomaly" in name for name in fitted.history
    )
    images = few_digits.test.inputs["image"].astype(np.float32)
    answers = fitted.model.predict(images, verbose=0)
    error = ((answers["rebuilt"] - images / 16) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(answers["anomaly"], error, atol=1e-5)


def test_a_step_of_a_stream_gives_what_the_whole_sequence_does(tmp_path):
    sequences = data.load("digits-rows")
    recipe = replace(find("streaming-gru"), epochs=1)
    whole = fit(recipe, sequences, Run(seed=0, state=tmp_path / "s")).model
    step, dataset = one_step(whole, sequences)
    assert [(taken.name, taken.shape) for taken in dataset.inputs] == [("step", (8,)), ("state", (24,))]
    assert {output.name: output.task for output in dataset.outputs} == {
        "probabilities": "classification", "next_state": "tensor",
    }  # fmt: skip
    expected = whole.predict(sequences.test.inputs["rows"], verbose=0)
    np.testing.assert_allclose(
        step.predict(dataset.test.inputs, verbose=0)["probabilities"], expected, atol=1e-5
    )
    np.testing.assert_array_equal(
        dataset.test.targets["probabilities"], sequences.test.targets["probabilities"]
    )
    np.testing.assert_array_equal(dataset.train.inputs["step"], sequences.train.inputs["rows"][:, 4])
    assert dataset.train.targets == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss": "value=mse"}, "loss 'value=mse': the output above has none; give OUTPUT=LOSS for each"),
        ({"loss": "mse"}, "loss 'mse': give OUTPUT=LOSS for one of the outputs value, above"),
        (
            {"metrics": ("price=mse",)},
            "metric 'price=mse': give OUTPUT=METRIC for one of the outputs value, above",
        ),
    ],
)
def test_several_outputs_want_their_names(tmp_path, changes, words):
    recipe = replace(find("california-two"), **changes)
    with pytest.raises(UsageError) as caught:
        fit(recipe, two_of_each(data.load("diabetes")), Run(seed=0, state=tmp_path / "s"))
    assert str(caught.value) == words


def test_a_regression_trains(tmp_path):
    recipe = replace(find("diabetes-mlp"), epochs=2, metrics=("root_mean_squared_error", "r2_score"))
    trained = fit(recipe, data.load("diabetes"), Run(seed=0, state=tmp_path / "s"))
    assert trained.history["val_root_mean_squared_error"][-1] < 90
    assert "val_r2_score" in trained.history
