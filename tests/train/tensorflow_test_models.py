"""The models of the zoo before training: raw float32 in, named outputs, no code in the file."""

from dataclasses import replace

import keras
import numpy as np
import pytest

import data.california
import data.dataset
from runtime.errors import UsageError
from train.models import build
from train.recipes import RECIPES, find


def stand_in(name: str) -> data.Dataset:
    """A dataset with the shapes of `name` and nothing to download."""
    random = np.random.default_rng(0)
    if name in ("mnist", "fashion-mnist", "cifar-10-images"):
        shape = (32, 32, 3) if name == "cifar-10-images" else (28, 28, 1)
        images = random.integers(0, 256, (40, *shape), dtype=np.uint8)
        split = data.Split(images, np.arange(40) % 10)
        spec = data.dataset.image_input(shape, high=255)
        return data.Dataset(name, "classification", tuple("0123456789"), None, spec, {}, *[split] * 3)
    if name == "california-housing":
        rows = random.normal(size=(40, 8)).astype(np.float32)
        split = data.Split(rows, rows[:, 0])
        spec = data.dataset.table_input(data.california.COLUMNS)
        return data.Dataset(name, "regression", None, "100,000 USD", spec, {}, *[split] * 3)
    return data.load(name)


@pytest.mark.parametrize("name", RECIPES)
def test_every_model_is_built_and_loads_in_safe_mode(name, tmp_path):
    dataset = stand_in(find(name).dataset)
    model = build(find(name), dataset)
    rows = dataset.test.inputs[:3].astype(np.float32)
    outputs = model.predict(rows, verbose=0)
    assert model.input_names if hasattr(model, "input_names") else True
    assert [(tensor.name, tensor.dtype) for tensor in model.inputs] == [(dataset.input.name, "float32")]
    expected = ("probabilities", 10) if dataset.task == "classification" else ("value", 1)
    assert (model.output_names[0], outputs.shape[1]) == expected
    if dataset.task == "classification":
        np.testing.assert_allclose(outputs.sum(axis=1), 1, atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True, compile=False)
    np.testing.assert_array_equal(loaded.predict(rows, verbose=0), outputs)


def test_no_model_holds_a_class_of_ours():
    for name in RECIPES:
        model = build(find(name), stand_in(find(name).dataset))
        modules = {type(layer).__module__.partition(".")[0] for layer in model.layers}
        assert modules == {"keras"}, name


def test_sizes_stay_below_what_was_promised():
    def size(name: str) -> int:
        return build(find(name), stand_in(find(name).dataset)).count_params()

    assert size("mnist-cnn") == 44_426
    assert size("fashion-mlp") == 266_610
    assert size("fashion-cnn") < 300_000
    assert size("cifar-cnn") < 200_000
    assert size("california-mlp-deep") < 100_000


@pytest.mark.parametrize(("scaling", "low", "high"), [("none", 0, 255), ("unit", 0, 1), ("standard", -3, 3)])
def test_scaling_of_images(scaling, low, high):
    dataset = stand_in("mnist")
    model = build(replace(find("fashion-mlp"), scaling=scaling), dataset)
    flatten = next(layer for layer in model.layers if isinstance(layer, keras.layers.Flatten))
    scaled = keras.Model(model.inputs, flatten.output).predict(
        dataset.test.inputs.astype(np.float32), verbose=0
    )
    assert low <= scaled.min() < scaled.max() <= high
    assert scaled.max() > high / 3


@pytest.mark.parametrize("scaling", ["unit", "standard"])
def test_scaling_of_tables(scaling):
    dataset = data.load("diabetes")
    model = build(replace(find("diabetes-mlp"), scaling=scaling), dataset)
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    scaled = keras.Model(model.inputs, first.input).predict(dataset.train.inputs, verbose=0)
    if scaling == "unit":
        np.testing.assert_allclose(
            (scaled.min(axis=0), scaled.max(axis=0)), (np.zeros(10), np.ones(10)), atol=1e-5
        )
    else:
        np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=0.02)
        assert np.abs(scaled).max() <= 5


def test_outliers_are_clipped_inside_the_model():
    dataset = data.load("diabetes")
    model = build(find("diabetes-mlp"), dataset)
    row = dataset.test.inputs[:1].copy()
    first, second = row.copy(), row.copy()
    first[0, 4], second[0, 4] = 1e4, 1e6  # both beyond five standard deviations
    np.testing.assert_array_equal(model.predict(first, verbose=0), model.predict(second, verbose=0))


def test_unknown_scaling_lists_the_known():
    with pytest.raises(UsageError, match="unknown scaling 'log'; known: none, unit, standard, bins"):
        build(replace(find("mnist-cnn"), scaling="log"), stand_in("mnist"))


def test_bins_cover_every_column_and_the_place_along_other_directions():
    dataset = stand_in("california-housing")
    model = build(find("california-mlp-deep"), dataset)
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    bins = keras.Model(model.inputs, first.input).predict(dataset.train.inputs, verbose=0)
    assert bins.shape == (40, (8 + 6) * 20)
    assert bins.min() == 0 and bins.max() == 1
    # Of equally many rows each: a column's bins are full up to its place, and empty beyond.
    column = np.sort(bins.reshape(40, 14, 20)[:, 0].sum(axis=1))
    np.testing.assert_allclose(column, np.linspace(0, 20, 40), atol=0.6)


def test_bins_are_for_tables():
    with pytest.raises(UsageError, match="'bins' is for tables; images take none, unit, standard"):
        build(replace(find("mnist-cnn"), scaling="bins"), stand_in("mnist"))
