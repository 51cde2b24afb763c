"""The golden samples of a bundle: they fit in 64 KiB, or are the fewest that prove a file."""

import numpy as np
import pytest

from data.arrays import npz
from data.golden import FEWEST
from data.original import read_original
from export import golden
from export.targets import PLAIN
from runtime.bundle.golden import parse_arrays
from tests.conftest import MODELS, ROOT, WITHOUT_DATA, shared_export
from train.recipes import RECIPES

COMMITTED = [name for name in RECIPES if (ROOT / "artifacts" / name / "model.keras").exists()]
ENGINES = {name: list(row.engines) for name, row in PLAIN.items() if row.format != "saved_model"}
CONTRACT = np.zeros(32, np.uint8)


@pytest.fixture(scope="module")
def exports():
    # The same exports as those for the boards, which need no data either.
    others = shared_export("others", *sorted(set(COMMITTED) - set(MODELS)), **WITHOUT_DATA)
    four = shared_export("four", *MODELS)
    return {name: four if name in MODELS else others for name in COMMITTED}


@pytest.mark.conversion
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("model", COMMITTED)
def test_the_golden_samples_of_every_model_fit_or_are_the_fewest_and_it_is_said(exports, model):
    export = exports[model]
    file = export.out / model / "bundle" / golden.FILE
    arrays = parse_arrays(file.read_bytes(), str(file))
    (rows,) = {len(array) for name, array in arrays.items() if name != "contract"}
    said = f"{model}: golden.npz has " in export.stdout
    if file.stat().st_size <= 64 << 10:
        assert rows >= FEWEST and not said
    else:
        assert rows == FEWEST and said
    assert {name.split("/")[0] for name in arrays} == {"inputs", "outputs", "recorded", "probes", "contract"}
    assert not [name for name in arrays if "/saved_model/" in name]


@pytest.mark.parametrize("model", COMMITTED)
def test_small_models_keep_all_rows_and_none_has_fewer_than_needed(model):
    original = read_original(ROOT / "artifacts" / model)
    rows = golden.fitting(original, ENGINES)
    assert rows == {"cifar-cnn": 24, "cifar-resnet": 14, "streaming-gru": 11, "mnist-autoencoder": 4}.get(
        model, 32
    )


def test_rows_depend_on_how_many_files_and_engines_answer():
    original = read_original(ROOT / "artifacts" / "streaming-gru")
    found = [
        golden.fitting(original, dict(list(ENGINES.items())[:count])) for count in range(len(ENGINES) + 1)
    ]
    assert found == sorted(found, reverse=True) and found[0] == 32 > found[-1]


@pytest.mark.parametrize("model", ["cifar-cnn", "streaming-gru"])
def test_answers_of_any_bits_fit_and_one_row_more_would_not(model):
    original = read_original(ROOT / "artifacts" / model)
    random = np.random.default_rng(7)

    def size_bytes(rows):
        chosen = golden.samples(original, rows)

        def noise():
            shapes = {name: values.shape for name, values in chosen[1].items()}
            return {name: random.normal(0, 1e3, shape).astype(np.float32) for name, shape in shapes.items()}

        answers = {
            variant: {name: (noise(), noise()) for name in names} for variant, names in ENGINES.items()
        }
        return len(golden.content(chosen, answers, CONTRACT))

    rows = golden.fitting(original, ENGINES)
    assert size_bytes(rows) <= golden.MOST_BYTES
    assert size_bytes(rows + 2) > golden.MOST_BYTES


def test_the_rows_that_stay_cover_every_class():
    original = read_original(ROOT / "artifacts" / "cifar-cnn")
    every, chosen = original.golden(), golden.samples(original, 24)
    assert set(chosen[1]["probabilities"].argmax(axis=1)) == set(range(10))
    places = [
        [np.array_equal(row, other) for other in every[0]["image"]].index(True) for row in chosen[0]["image"]
    ]
    assert places == sorted(set(places)) and len(places) == 24
    assert np.array_equal(chosen[1]["probabilities"], every[1]["probabilities"][places])


def test_answers_that_are_no_numbers_are_left_out():
    inputs, outputs = {"x": np.zeros((4, 2), np.float32)}, {"y": np.zeros((4, 1), np.float32)}
    bad = {"y": np.full((4, 1), np.nan, np.float32)}
    answers = {"tflite-int8": {"litert": (outputs, bad), "tflite-runtime": (bad, outputs)}}
    found = parse_arrays(golden.content((inputs, outputs), answers, CONTRACT), "a file")
    assert set(found) == {
        "contract", "inputs/x", "outputs/y", "recorded/tflite-int8/y", "probes/tflite-int8/y/tflite-runtime",
    }  # fmt: skip


def test_equal_answers_of_two_engines_are_kept_once():
    inputs, outputs = {"x": np.zeros((4, 2), np.float32)}, {"y": np.zeros((4, 1), np.float32)}
    other = {"y": np.ones((4, 1), np.float32)}
    answers = {"tflite-int8": {"litert": (outputs, other), "tflite-runtime": (outputs, outputs)}}
    found = parse_arrays(golden.content((inputs, outputs), answers, CONTRACT), "a file")
    assert set(found) == {
        "contract", "inputs/x", "outputs/y", "recorded/tflite-int8/y", "probes/tflite-int8/y",
        "probes/tflite-int8/y/tflite-runtime",
    }  # fmt: skip


def test_what_is_too_large_is_said(tmp_path):
    assert golden.remark(tmp_path) is None  # no bundle
    random = np.random.default_rng(0)
    (tmp_path / golden.FILE).write_bytes(
        npz(**{"inputs/x": random.random((4, 2000)), "outputs/y": np.zeros(4)})
    )
    assert golden.remark(tmp_path) is None
    (tmp_path / golden.FILE).write_bytes(
        npz(**{"inputs/x": random.random((4, 3000)), "outputs/y": np.zeros(4)})
    )
    assert golden.remark(tmp_path) == (
        "golden.npz has 89 KiB, more than 64: its rows are large, and 4 is the fewest that prove a file"
    )
