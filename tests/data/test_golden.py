"""Golden inputs: seeded, raw, like the data but none of it, and well chosen."""

import io

import numpy as np
import pytest

import data
from data import golden
from runtime.bundle.manifest import InputRecord, OutputRecord

IMAGE = data.dataset.image_input((28, 28, 1), high=255)
CLASSES = OutputRecord("p", (10,), "classification", labels=tuple("0123456789"))
VALUE = OutputRecord("v", (1,), "regression")


def images(seed, pool, style=None, record=IMAGE):
    return golden.synthesise([record], seed, pool, golden.Likeness(style=style))["image"]


@pytest.mark.parametrize("style", ["digits", "garments", "blobs", None])
def test_images_are_seeded_and_raw(style):
    first, second = (images(3, 20, style) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.uint8
    assert first.shape == (20, 28, 28, 1)
    assert first.max() > 128
    assert not np.array_equal(first, images(4, 20, style))


def test_images_keep_to_the_range_and_shape_of_the_input():
    assert images(0, 50, "digits", data.dataset.image_input((8, 8, 1), high=16)).max() == 16
    assert images(0, 2, None, data.dataset.image_input((12, 20, 3), high=255)).shape == (2, 12, 20, 3)


def test_rows_follow_the_statistics_and_are_no_row_of_the_dataset():
    rows = data.load("diabetes").train.inputs["rows"]
    like = golden.Likeness(tables=golden.table_statistics(rows))
    drawn = golden.synthesise([data.dataset.table_input([*"abcdefghij"])], 0, 2000, like)["rows"]
    assert drawn.dtype == np.float32
    assert (drawn.min(axis=0) >= rows.min(axis=0)).all()
    assert (drawn.max(axis=0) <= rows.max(axis=0)).all()
    np.testing.assert_allclose(np.median(drawn, axis=0), np.median(rows, axis=0), rtol=0.15)
    # s1 and s2 are close to the same quantity: independent columns would look nothing like the data
    assert np.corrcoef(drawn[:, 4], drawn[:, 5])[0, 1] > 0.7
    assert not (drawn[:, None] == rows[None]).all(axis=2).any()


def test_two_tables_are_drawn_together():
    rows = data.load("diabetes").train.inputs["rows"]
    tables = [data.dataset.table_input("abcde")._replace(name="one"), data.dataset.table_input("fghij")]
    drawn = golden.synthesise(tables, 0, 2000, golden.Likeness(tables=golden.table_statistics(rows)))
    assert {name: values.shape for name, values in drawn.items()} == {"one": (2000, 5), "rows": (2000, 5)}
    assert np.corrcoef(drawn["one"][:, 4], drawn["rows"][:, 0])[0, 1] > 0.7


def test_rows_without_statistics_are_standard_normal():
    drawn = golden.synthesise([data.dataset.table_input([*"abcd"])], 0, 4000)["rows"]
    np.testing.assert_allclose(drawn.std(axis=0), 1, atol=0.05)


def test_every_kind_has_its_values():
    records = [
        InputRecord("text", "words", (9,), "int32", 0, 50, vocabulary="vocabulary.txt"),
        InputRecord("sequence", "tokens", (5,), "int64", low=3, high=7),
        InputRecord("tensor", "bytes", (4, 4), "uint8"),
        InputRecord("tensor", "mask", (6,), "bool"),
        InputRecord("tensor", "number", (), "int32"),
        InputRecord("sequence", "walk", (50, 2), "float"),
        InputRecord("tensor", "cube", (2, 3, 4), "float"),
    ]
    drawn = golden.synthesise(records, 1, 300)
    for record in records:
        values = drawn[record.name]
        dtype = "float32" if record.dtype == "float" else record.dtype
        assert (values.shape, values.dtype) == ((300, *record.shape), dtype), record.name
    words = drawn["words"]
    lengths = (words > 0).sum(axis=1)
    assert lengths.min() == 1 and lengths.max() == 9 and words.max() == 50
    # Padding is behind the words, and nowhere else.
    assert all(
        (row[:length] > 0).all() and not row[length:].any()
        for row, length in zip(words, lengths, strict=True)
    )
    assert (drawn["tokens"].min(), drawn["tokens"].max()) == (3, 7)
    assert drawn["bytes"].max() == 255 and drawn["mask"].mean() == pytest.approx(0.5, abs=0.05)
    assert drawn["number"].min() >= 0
    walk = drawn["walk"]
    assert np.abs(np.diff(walk, axis=1)).mean() < 0.3 * walk.std()  # smooth


def test_several_inputs_are_not_alike():
    records = [InputRecord("tensor", name, (20,), "float") for name in "ab"]
    drawn = golden.synthesise(records, 1, 100)
    assert abs(np.corrcoef(drawn["a"].ravel(), drawn["b"].ravel())[0, 1]) < 0.1


def test_floats_lie_where_the_data_do_and_compress():
    record = InputRecord("sequence", "s", (100, 6), "float")
    spread = (np.full(6, 1000.0), np.full(6, 50.0))
    drawn = golden.synthesise([record], 1, 30, golden.Likeness(spreads={"s": spread}))["s"]
    assert drawn.mean() == pytest.approx(1000, abs=20) and 25 < drawn.std() < 100
    assert np.array_equal(drawn, np.rint(drawn))  # on a grid of the deviation's own size
    buffer = io.BytesIO()
    np.savez_compressed(buffer, s=drawn)
    assert len(buffer.getvalue()) < drawn.nbytes / 2.5


@pytest.mark.parametrize(
    ("inputs", "outputs", "count"),
    [
        ([IMAGE], [CLASSES], 32),
        ([data.dataset.image_input((64, 64, 3), 255)], [CLASSES], 4),
        ([data.dataset.image_input((224, 224, 3), 255)], [CLASSES], 4),
        ([InputRecord("sequence", "s", (100, 6), "float")], [VALUE], 20),
        ([IMAGE], [OutputRecord("again", (28, 28, 1), "reconstruction", input="image")], 4),
        ([InputRecord("tensor", "t", (), "float")], [OutputRecord("t2", (), "tensor")], 32),
    ],
)
def test_large_rows_are_fewer(inputs, outputs, count):
    assert golden.count(inputs, outputs) == count


def pick(outputs, records, count=32):
    rows = len(next(iter(outputs.values())))
    return golden.pick({"row": np.arange(rows)}, outputs, records, count)["row"]


def test_choice_covers_every_class_and_hesitation():
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (5000, 10)) + np.linspace(0, 4, 10)  # unequal classes
    outputs = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)
    chosen = outputs[pick({"p": outputs}, [CLASSES])]
    assert len(chosen) == 32
    assert set(chosen.argmax(axis=1)) == set(range(10))
    ranked = np.sort(chosen, axis=1)
    margin = ranked[:, -1] - ranked[:, -2]
    assert margin.max() > 0.95
    assert golden.LEAST_MARGIN <= margin.min() < 0.3


def test_choice_never_repeats_a_sample():
    outputs = np.tile(np.array([[0.9, 0.1]], np.float32), (40, 1))
    assert len(np.unique(pick({"p": outputs}, [CLASSES._replace(shape=(2,))]))) == 32


def test_choice_of_values_spans_their_range():
    outputs = np.random.default_rng(0).normal(size=(1000, 1)).astype(np.float32)
    chosen = outputs[pick({"v": outputs}, [VALUE])]
    assert len(chosen) == 32
    assert chosen.min() == outputs.min()
    assert chosen.max() == outputs.max()


def test_choice_of_probabilities_has_both_sides_and_none_near_the_threshold():
    outputs = np.random.default_rng(0).random((500, 1)).astype(np.float32)
    chosen = outputs[pick({"b": outputs}, [OutputRecord("b", (1,), "binary", labels=("no", "yes"))])]
    assert 8 <= (chosen > 0.5).sum() <= 24
    assert np.abs(chosen - 0.5).min() >= golden.LEAST_MARGIN / 2


def test_several_outputs_choose_in_turn():
    random = np.random.default_rng(0)
    classes = np.eye(10, dtype=np.float32)[random.integers(0, 10, 400)]
    values = random.normal(size=(400, 1)).astype(np.float32)
    chosen = pick({"p": classes, "v": values}, [CLASSES, VALUE])
    assert set(classes[chosen].argmax(axis=1)) == set(range(10))
    assert values[chosen].min() == values.min() and values[chosen].max() == values.max()


def test_answers_that_are_no_numbers_are_left_out():
    outputs = np.arange(40, dtype=np.float32)[:, np.newaxis]
    outputs[10:] = np.nan
    assert pick({"v": outputs}, [VALUE]).tolist() == list(range(10))
    assert pick({"v": np.full((40, 1), np.inf, np.float32)}, [VALUE]).size == 0


@pytest.mark.parametrize("shape", [(), (4, 5), (3, 2)])
def test_choice_of_any_shape(shape):
    outputs = np.random.default_rng(0).random((50, *shape)).astype(np.float32)
    task = "classification" if shape == (3, 2) else "tensor"
    assert len(pick({"t": outputs}, [OutputRecord("t", shape, task)], 7)) == 7
