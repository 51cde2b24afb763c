"""What the user's own data do: golden inputs, metrics, names, and sentences about what looks wrong."""

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from export.checks.asked_metric import asked
from runtime.errors import ModelError
from tests.export.trained.own_models import dense, refused

pytestmark = pytest.mark.usefixtures("seeded")


def rows(count=120, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)


def test_golden_inputs_and_figures_come_from_the_users_data(registered):
    model = dense()
    values = rows()
    targets = model.predict(values, verbose=0).argmax(axis=1)
    targets[:12] = (targets[:12] + 1) % 3
    found = registered(
        model,
        calibration={"x": rows(60, 1)},
        test={"inputs": values, "targets": targets},
        labels={"": ("a", "b", "c")},
    )
    original = found.original
    metric = original.record.metrics["y"]
    assert (metric.name, metric.value, metric.split) == ("accuracy", 0.9, "samples")
    np.testing.assert_array_equal(original.calibration()["x"], rows(60, 1))
    np.testing.assert_array_equal(original.test_data().targets["y"], targets)
    np.testing.assert_allclose(original.reference()["y"], model.predict(values, verbose=0), atol=1e-6)
    golden = {row.tobytes() for row in original.golden()[0]["x"]}
    assert golden <= {row.tobytes() for row in values}
    assert len(found.notes) == 1  # the task


def test_test_data_calibrate_nothing(registered):
    assert registered(dense(), test={"x": rows()}).original.calibration() is None


def test_test_data_without_targets_are_told(registered):
    found = registered(dense(), test={"x": rows()})
    assert found.notes[-1] == (
        "the test data have no targets for y: what its files lose is not compared with a budget"
    )
    assert found.original.record.metrics == {}
    assert found.original.reference()["y"].shape == (120, 3)


def test_data_of_classes_make_a_classification(registered):
    numbers = np.arange(120) % 3
    found = registered(dense(activation="linear"), test={"x": rows(), "targets": numbers})
    (output,) = found.original.record.outputs
    assert (output.task, output.labels) == ("classification", ("0", "1", "2"))
    assert found.notes[0] == (
        "task of y: classification, because its targets are class numbers up to 2; --task overrides"
    )
    assert found.original.record.metrics["y"].name == "accuracy"


def test_a_metric_of_the_users_own_may_take_class_numbers_for_values(registered, tmp_path, monkeypatch):
    (tmp_path / "users_counts.py").write_text("def off(answers, targets):\n    return 0.5\n")
    monkeypatch.syspath_prepend(tmp_path)
    said = {
        "test": {"x": rows(), "targets": np.arange(120) % 3},
        "metrics": asked(["users_counts:off,lower"]),
    }
    (output,) = registered(dense(activation="linear"), **said).original.record.outputs
    assert output.task == "regression"


def test_answers_that_are_no_probabilities_are_told(registered):
    model = dense(units=1, activation="linear")
    found = registered(model, tasks={"": "binary"}, test={"x": rows() * 9})
    (line,) = (note for note in found.notes if note.startswith("y: answers go from -"))
    assert line.endswith("takes them for probabilities, yes from 0.5 on; end the model in a sigmoid")


def test_an_original_no_better_than_a_constant_answer_is_told(registered):
    model = dense()
    wrong = (model.predict(rows(), verbose=0).argmax(axis=1) + 1) % 3
    found = registered(model, test={"x": rows(), "targets": wrong})
    assert found.notes[-1].startswith(
        "y: the original is no better on the test data than a constant answer: its accuracy is 0.00%, and always "
    )


def test_calibration_data_that_look_wrong_are_told(registered):
    found = registered(dense(), calibration={"x": np.zeros((3, 4))})
    assert found.notes[-1] == (
        "the calibration data look wrong: there are 3 samples, and 50 are few; x is 0 everywhere"
    )


def test_a_table_names_columns_and_targets(registered, tmp_path):
    lines = ["d,price,a,b,c", *(",".join(map(str, [*row, 1.5])) for row in rows(60).tolist())]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    found = registered(
        dense(units=1, activation="linear"), test=tmp_path / "t.csv", target_columns=("price",)
    ).original.record
    assert found.inputs[0].columns == ("d", "a", "b", "c")
    assert found.outputs[0].columns == ("price",)
    assert set(found.metrics) == {"y"}


def test_pictures_name_the_classes(registered, tmp_path):
    for number, name in enumerate(("zebra", "ant", "bee")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for place in range(2):
            Image.new("RGB", (20, 30), (60 * number, 100, 40 * place)).save(
                tmp_path / "photos" / name / f"{place}.png"
            )
    found = registered(dense((8, 8, 3)), test=tmp_path / "photos", pixels={"": "0-1"})
    assert found.original.record.outputs[0].labels == ("ant", "bee", "zebra")
    assert found.original.test_data().targets["y"].tolist() == [0, 0, 1, 1, 2, 2]
    assert refused(tmp_path / "again", dense_in(tmp_path), test=tmp_path / "photos") == (
        f"{tmp_path / 'photos'} holds pictures, and own.keras does not say what pixels its input 'x' was trained on: "
        "add --pixels 0-255 for raw ones, 0-1 where they were divided by 255, -1-1, or imagenet"
    )


def dense_in(folder):
    dense((8, 8, 3)).save(folder / "own.keras")
    return folder / "own.keras"


def test_a_reconstruction_is_compared_with_its_input_as_the_model_sees_it(registered):
    x = keras.Input((6, 5, 1), name="x")
    model = keras.Model(x, layers.Rescaling(0.5)(x))
    pixels = np.random.default_rng(0).integers(0, 256, (60, 6, 5, 1)).astype(np.uint8)
    found = registered(model, pixels={"": "0-1"}, test={"x": pixels}).original
    expected = pixels / np.float32(255)
    (name,) = found.record.metrics
    np.testing.assert_allclose(found.test_data().targets[name], expected, atol=1e-6)
    assert found.record.metrics[name].value == pytest.approx(np.sqrt((expected / 2) ** 2).mean(), rel=0.3)


def test_inputs_that_it_cannot_answer_are_asked_for(tmp_path, registered):
    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.ops.log(-keras.ops.abs(x) - 1))
    assert refused(tmp_path, model, ModelError) == (
        "own.keras answers NaN or infinity to every input that was tried; give inputs that it can answer with --test "
        "or --calibration"
    )
