"""The models of the zoo before training: raw float32 in, named outputs, no code in the file."""

from dataclasses import replace

import keras
import numpy as np
import pytest

import data.california
import data.dataset
import data.mnist
import data.polarity
import data.texts
import data.word_numbers
from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.errors import UsageError
from train.models import build
from train.recipe import Recipe
from train.recipes import ON_REQUEST, RECIPES, find
from train.save import answers


def stand_in(name: str) -> data.Dataset:
    """A dataset with the shapes of `name` and nothing to download."""
    random = np.random.default_rng(0)
    if name in ("mnist", "fashion-mnist", "mnist-rebuilt", "cifar-10-images"):
        shape = (32, 32, 3) if name == "cifar-10-images" else (28, 28, 1)
        images = random.integers(0, 256, (40, *shape), dtype=np.uint8)
        rebuilt = name == "mnist-rebuilt"
        targets = {"rebuilt": images / np.float32(255)} if rebuilt else {"probabilities": np.arange(40) % 10}
        split = data.Split({"image": images}, targets)
        outputs = data.mnist._REBUILT if rebuilt else (data.dataset.class_output("0123456789"),)
        return data.Dataset(name, (data.dataset.image_input(shape, high=255),), outputs, {}, *[split] * 3)
    if name.startswith("california-housing"):
        rows = random.normal(size=(40, 8)).astype(np.float32)
        two = name != data.california.FOLDER
        split = (data.california._two if two else data.california._split)(
            rows, rows[:, 0], **({"median": 0.0} if two else {})
        )
        inputs = data.california._TWO_INPUTS if two else (data.dataset.table_input(data.california.COLUMNS),)
        outputs = (data.california._VALUE, data.california._ABOVE)[: 1 + two]
        return data.Dataset(name, inputs, outputs, {}, *[split] * 3)
    if name == "sentence-polarity":
        return small_texts(name, data.polarity.LABELS, data.polarity.LENGTH)
    if name in data.word_numbers.LABELS:
        return small_texts(name, data.word_numbers.LABELS[name], data.word_numbers.LENGTH)
    return data.load(name)


def small_texts(name: str, labels: tuple[str, ...], length: int) -> data.Dataset:
    texts = data.texts.Texts(("a fine film", "not a fine film") * 20, np.arange(40) % 2)
    splits = dict.fromkeys(("train", "validation", "test"), texts)
    return data.texts.dataset(name, splits, labels, length, {})


def predicted(model, dataset, rows=None) -> dict:
    """The answers to the test split's first rows, by output."""
    return answers(model, dataset, {name: values[:rows] for name, values in dataset.test.inputs.items()})


@pytest.mark.parametrize("name", (*RECIPES, *ON_REQUEST))
def test_every_model_is_built_and_loads_in_safe_mode(name, tmp_path):
    dataset = stand_in(find(name).dataset)
    model = build(find(name), dataset)
    outputs = predicted(model, dataset, 3)
    assert {tensor.name: tensor.dtype for tensor in model.inputs} == {
        taken.name: taken.tensor.dtype for taken in dataset.inputs
    }
    assert {name: values.shape for name, values in outputs.items()} == {
        output.name: (3, *output.shape) for output in dataset.outputs
    }
    assert len(dataset.outputs) > 1 or model.output_names == [dataset.outputs[0].name]
    for output in dataset.outputs:
        if output.task == "classification":
            np.testing.assert_allclose(outputs[output.name].sum(axis=1), 1, atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True, compile=False)
    for name, values in predicted(loaded, dataset, 3).items():
        np.testing.assert_array_equal(values, outputs[name])


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
    assert size("cifar-cnn") < 300_000
    assert size("cifar-resnet") == 83_850
    for name in ("cifar-mobilenet-v2", "cifar-mobilenet-v3", "cifar-efficientnet"):
        assert 200_000 < size(name) < 400_000, name
    assert size("california-mlp-deep") < 100_000


@pytest.mark.parametrize(("scaling", "low", "high"), [("none", 0, 255), ("unit", 0, 1), ("standard", -3, 3)])
def test_scaling_of_images(scaling, low, high):
    dataset = stand_in("mnist")
    model = build(replace(find("fashion-mlp"), scaling=scaling), dataset)
    flatten = next(layer for layer in model.layers if isinstance(layer, keras.layers.Flatten))
    scaled = keras.Model(model.inputs, flatten.output).predict(
        dataset.test.inputs["image"].astype(np.float32), verbose=0
    )
    assert low <= scaled.min() < scaled.max() <= high
    assert scaled.max() > high / 3


@pytest.mark.parametrize("scaling", ["unit", "standard"])
def test_scaling_of_tables(scaling):
    dataset = data.load("diabetes")
    model = build(replace(find("diabetes-mlp"), scaling=scaling), dataset)
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    scaled = keras.Model(model.inputs, first.input).predict(dataset.train.inputs["rows"], verbose=0)
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
    row = dataset.test.inputs["rows"][:1].copy()
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
    bins = keras.Model(model.inputs, first.input).predict(dataset.train.inputs["rows"], verbose=0)
    assert bins.shape == (40, (8 + 6) * 20)
    assert bins.min() == 0 and bins.max() == 1
    # Of equally many rows each: a column's bins are full up to its place, and empty beyond.
    column = np.sort(bins.reshape(40, 14, 20)[:, 0].sum(axis=1))
    np.testing.assert_allclose(column, np.linspace(0, 20, 40), atol=0.6)


def test_bins_are_for_tables():
    with pytest.raises(UsageError, match="'bins' is for tables; images take none, unit, standard"):
        build(replace(find("mnist-cnn"), scaling="bins"), stand_in("mnist"))


def texts() -> data.Dataset:
    """Texts of five words of a vocabulary of eight, with a class."""
    random = np.random.default_rng(0)
    numbers = random.integers(0, 10, (40, 5)).astype(np.int32)
    split = data.Split({"text": numbers}, {"positive": (numbers[:, 0] > 4).astype(np.int64)})
    record = InputRecord("text", "text", (5,), "int32", 0, 9, vocabulary="vocabulary.txt")
    output = OutputRecord("positive", (1,), "binary", labels=("no", "yes"))
    words = {"vocabulary.txt": b"a\nb\nc\nd\ne\nf\ng\nh\n"}
    return data.Dataset("texts", (record,), (output,), {}, *[split] * 3, vocabularies=words)


def test_words_are_embedded_and_never_scaled(tmp_path):
    recipe = Recipe("texts", "texts", "mlp", 0.5, embedding=4, hidden=(3,), loss="binary_crossentropy")
    model = build(recipe, texts())
    (embedding,) = (layer for layer in model.layers if isinstance(layer, keras.layers.Embedding))
    assert (embedding.input_dim, embedding.output_dim) == (10, 4)
    assert model.inputs[0].dtype == "int32"
    assert predicted(model, texts())["positive"].shape == (40, 1)


def test_an_output_that_no_layer_makes_is_refused():
    output = OutputRecord("rebuilt", (10,), "reconstruction", input="rows")
    with pytest.raises(UsageError) as caught:
        build(find("diabetes-mlp"), replace(data.load("diabetes"), outputs=(output,)))
    assert str(caught.value) == "the architecture mlp gives no output rebuilt; choose another one"
