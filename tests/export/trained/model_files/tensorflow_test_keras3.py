"""Models in files of Keras 3: what comes in, bound by name, and what is refused in one line."""

import json
import sys
import textwrap
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from export.trained.model_files.load import load
from export.trained.model_files.loaded import Loss, Tensor
from runtime.errors import InputError, ModelError, UsageError


def rows(*shape, seed=3):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def refusal(*arguments, error=ModelError, **options):
    with pytest.raises(error) as caught:
        load(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_layer_that_gives_back_its_own_input_is_named(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Equalization(name="even"), layers.Conv2D(2, 3)])
    model.save(tmp_path / "model.keras")
    assert refusal(tmp_path / "model.keras") == (
        "model.keras cannot be loaded by Keras 3: its layer 'even' gives back its own input, as Equalization does; "
        "build the model without that layer, which changes nothing after training, and save it again"
    )


def two_inputs():
    """Inputs of one shape in another order than the alphabet's, and outputs of one shape."""
    z, a = keras.Input((3,), name="z"), keras.Input((3,), name="a")
    left, right = layers.Dense(2, name="left"), layers.Dense(2, name="right")
    return z, a, left(z), right(layers.Concatenate()([z, a]))


@pytest.fixture(params=["keras", "h5"])
def suffix(request):
    return request.param


@pytest.fixture
def working_folder(tmp_path, monkeypatch):
    """A working folder of the user's, with a module in it; forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users_code.py").write_text(
        textwrap.dedent("""
            import keras

            class Scale(keras.layers.Layer):
                def __init__(self, by, **options):
                    super().__init__(**options)
                    self.by = by
                def call(self, x):
                    return x * self.by
                def get_config(self):
                    return {**super().get_config(), "by": self.by}

            def twice(x):
                return x * 2
        """)
    )
    yield tmp_path
    sys.modules.pop("users_code", None)


def test_a_model_says_what_it_takes_and_gives(tmp_path, suffix):
    given = keras.Input((None, 3), name="steps")
    model = keras.Model(given, layers.Dense(2, name="out")(layers.LSTM(4)(given)))
    model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    model.save(path := tmp_path / f"model.{suffix}")
    loaded = load(path)
    assert loaded.inputs == (Tensor("steps", "float32", (None, None, 3)),)
    assert loaded.outputs == (Tensor("out", "float32", (None, 2)),)
    assert loaded.losses == {"out": Loss("categorical_crossentropy", from_logits=True)}
    assert (loaded.keras_version, loaded.notes, loaded.batch) == (keras.__version__, (), None)
    x = rows(70, 5, 3)
    np.testing.assert_allclose(loaded.call({"steps": x})["out"], model(x), atol=1e-6)


@pytest.mark.parametrize("form", ["list", "dict", "permuted dict"])
def test_inputs_and_outputs_are_bound_by_name(tmp_path, suffix, form):
    z, a, left, right = two_inputs()
    ends = {
        "list": ([z, a], [left, right]),
        "dict": ({"z": z, "a": a}, {"left": left, "right": right}),
        "permuted dict": ({"a": a, "z": z}, {"right": right, "left": left}),
    }[form]
    model = keras.Model(*ends)
    model.save(path := tmp_path / f"model.{suffix}")
    feed = {"z": rows(4, 3, seed=1), "a": rows(4, 3, seed=2)}
    expected = keras.Model([z, a], [left, right])([feed["z"], feed["a"]])
    for order in (("z", "a"), ("a", "z")):
        answers = load(path).call({name: feed[name] for name in order})
        np.testing.assert_allclose(answers["left"], expected[0], atol=1e-6)
        np.testing.assert_allclose(answers["right"], expected[1], atol=1e-6)


def test_outputs_of_one_layer_have_names_of_their_own(tmp_path, suffix):
    given = keras.Input((5, 3))
    keras.Model(given, list(layers.LSTM(2, return_state=True, name="memory")(given))).save(
        path := tmp_path / f"model.{suffix}"
    )
    assert [output.name for output in load(path).outputs] == ["memory", "memory_1", "memory_2"]


def test_nested_and_shared_layers_and_operations(tmp_path, suffix):
    given = keras.Input((4,), name="x")
    inner = keras.Sequential([layers.Input((4,)), layers.Dense(4), layers.BatchNormalization()], name="inner")
    inner.trainable = False
    shared = layers.Dense(4)
    model = keras.Model(given, keras.ops.relu(shared(inner(shared(given) * 2.0))) + inner(given))
    for variable in model.variables:
        variable.assign(np.abs(rows(*variable.shape)) + 0.1)
    model.save(path := tmp_path / f"model.{suffix}")
    x = rows(5, 4)
    (answer,) = load(path).call({"x": x}).values()
    np.testing.assert_allclose(answer, model(x), rtol=1e-6)


def test_a_network_of_keras_applications(tmp_path, suffix):
    model = keras.applications.MobileNetV2((32, 32, 3), weights=None, classes=5)
    model.save(path := tmp_path / f"model.{suffix}")
    x = rows(2, 32, 32, 3)
    (answer,) = load(path).call({load(path).inputs[0].name: x}).values()
    np.testing.assert_allclose(answer, model(x), atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_reduced_precision_becomes_float32_and_is_said(tmp_path, suffix, policy):
    model = keras.Sequential(
        [layers.Input((4,)), layers.Dense(8, dtype=policy), layers.Dense(3, "softmax", dtype=policy)]
    )
    model.save(path := tmp_path / f"model.{suffix}")
    loaded = load(path)
    assert loaded.notes == (
        f"The model was trained in {policy}; it is exported in float32, so its answers may differ from the training's "
        "in the last digits of that precision.",
    )
    assert {layer.compute_dtype for layer in loaded.keras.layers} == {"float32"}
    x = rows(3, 4)
    (answer,) = loaded.call({loaded.inputs[0].name: x}).values()
    # bfloat16 has 8 bits: half a unit in the last place of a probability below 1 is 2e-3, and a few add up.
    np.testing.assert_allclose(answer, np.asarray(model(x)).astype(np.float32), atol=1e-2)


def test_a_quantized_model_is_refused(tmp_path):
    model = keras.Sequential([layers.Input((4,)), layers.Dense(8, name="first")])
    model.quantize("int8")
    model.save(path := tmp_path / "model.keras")
    assert refusal(path) == (
        "model.keras was quantized by Keras (its layer 'first'); give the model as it was before quantize(), and let "
        "export quantize it"
    )


def test_a_custom_layer_needs_the_users_code(working_folder, suffix):
    sys.path.insert(0, str(working_folder))
    from users_code import Scale

    sys.path.remove(str(working_folder))
    model = keras.Sequential([layers.Input((4,)), Scale(3.0, name="louder"), layers.Dense(2)])
    model.save(f"model.{suffix}")
    del sys.modules["users_code"]
    assert refusal(f"model.{suffix}") == (
        f"model.{suffix} cannot be loaded: its layer 'louder' needs the class Scale, which is not part of Keras; add "
        "--custom-objects MODULE:Scale, where MODULE is your Python module that defines it"
    )
    before = list(sys.path)
    loaded = load(f"model.{suffix}", custom_objects=["users_code:Scale"])
    assert sys.path == before
    x = rows(3, 4)
    (answer,) = loaded.call({loaded.inputs[0].name: x}).values()
    np.testing.assert_allclose(answer, model(x), atol=1e-6)


def test_the_code_of_a_lambda_layer_is_never_run(working_folder, suffix):
    model = keras.Sequential(
        [layers.Input((4,)), layers.Lambda(lambda x: (open("ran", "w"), x * 2)[1], name="double")]  # noqa: SIM115, PTH123
    )
    (working_folder / "ran").unlink()  # building the model ran it
    model.save(f"model.{suffix}")
    assert refusal(f"model.{suffix}") == (
        f"model.{suffix} cannot be loaded: the code of its Lambda layer 'double' stands in the file, and no code out "
        "of a file is ever run; define it as a function of a Python module of yours and add --custom-objects "
        "double=MODULE:FUNCTION"
    )
    loaded = load(f"model.{suffix}", custom_objects=["double=users_code:twice"])
    (answer,) = loaded.call({loaded.inputs[0].name: np.ones((2, 4))}).values()
    np.testing.assert_array_equal(answer, np.full((2, 4), 2))
    assert not (working_folder / "ran").exists()


def test_a_lambda_inside_another_place_is_refused_too(tmp_path):
    keras.Sequential([layers.Input((4,)), layers.Dense(2)]).save(path := tmp_path / "model.keras")
    evil = {"class_name": "__lambda__", "config": {"value": ["4wAAAA", None, None]}}
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["config.json"])
    config["config"]["layers"][1]["config"]["activation"] = evil
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (files | {"config.json": json.dumps(config)}).items():
            archive.writestr(name, content)
    assert refusal(path) == (
        "model.keras holds a Python lambda outside of a Lambda layer, and no code out of a file is ever run; replace "
        "it by a named function, save the model again, and add --custom-objects MODULE:NAME"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Scale", "expected MODULE:NAME, such as my_layers:Scale for the class Scale in my_layers.py"),
        (
            "nowhere:Scale",
            "nowhere cannot be imported (ModuleNotFoundError: No module named 'nowhere'); expected a module in the "
            "working folder or an installed one",
        ),
        ("users_code:Other", "users_code has no Other; it has keras, Scale, twice"),
    ],
)
def test_custom_objects_that_are_not_there(working_folder, text, said):
    keras.Sequential([layers.Input((4,)), layers.Dense(2)]).save("model.keras")
    assert refusal("model.keras", [text], error=UsageError) == f"--custom-objects {text}: {said}"


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.first, self.second = layers.Dense(2), layers.Dense(1)

    def call(self, x):
        return {"wide": self.first(x["b"]), "narrow": self.second(x["a"])}


def test_a_subclassed_model_takes_the_shapes_it_was_built_with(tmp_path):
    model = Subclassed()
    feed = {"a": rows(3, 5), "b": rows(3, 6)}
    expected = model(feed)
    model.save(path := tmp_path / "model.keras")
    loaded = load(path)  # the class is registered with Keras above
    assert loaded.inputs == (Tensor("a", "float32", (None, 5)), Tensor("b", "float32", (None, 6)))
    answers = loaded.call(feed)
    np.testing.assert_allclose(answers["wide"], expected["wide"], atol=1e-6)
    np.testing.assert_allclose(answers["narrow"], expected["narrow"], atol=1e-6)


def test_unknown_sizes_are_fixed_by_name(tmp_path, suffix):
    given = keras.Input((None, None, 3), name="image")
    model = keras.Model(given, layers.GlobalAveragePooling2D(name="mean")(layers.Conv2D(2, 3)(given)))
    model.save(path := tmp_path / f"model.{suffix}")
    loaded = load(path, shapes={"image": (1, 8, 9, 3)})
    assert loaded.inputs == (Tensor("image", "float32", (None, 8, 9, 3)),)
    assert [output.name for output in loaded.outputs] == ["mean"]
    x = rows(2, 8, 9, 3)
    np.testing.assert_allclose(loaded.call({"image": x})["mean"], model(x), atol=1e-6)
    assert refusal(path, shapes={"image": (1, 8, 9, 4)}, error=UsageError) == (
        f"--shape image=1,8,9,4 does not fit model.{suffix}, which takes image=1,?,?,3"
    )
    assert refusal(path, shapes={"picture": (1, 8, 9, 3)}, error=UsageError) == (
        f"--shape picture: model.{suffix} has no such input; its inputs are image"
    )


def test_an_unbuilt_model_needs_a_shape_and_has_no_weights(tmp_path):
    keras.Sequential([layers.Dense(2)]).save(path := tmp_path / "model.keras")
    assert refusal(path) == (
        "model.keras does not say what shape its model takes; add --shape inputs=1,SIZE,... with the batch first, or "
        "call the model once on data and save it again"
    )
    assert "expected 2 variables, but received 0 variables" in refusal(path, shapes={"inputs": (1, 4)})
    keras.Sequential([layers.Rescaling(2.0)]).save(path)  # needs no weights
    loaded = load(path, shapes={"inputs": (1, 4)})
    (answer,) = loaded.call({"inputs": np.ones((3, 4))}).values()
    np.testing.assert_array_equal(answer, np.full((3, 4), 2))


def test_weights_alone_are_no_model(tmp_path):
    model = keras.Sequential([layers.Input((4,)), layers.Dense(2)])
    model.save_weights(path := tmp_path / "my.weights.h5")
    assert refusal(path) == (
        "my.weights.h5 holds weights without the model that they belong to; build the model in Python, call "
        "model.load_weights('my.weights.h5'), and save it whole: model.save('model.keras')"
    )


def test_what_is_no_model_gets_one_line(tmp_path):
    expected = "expected a .keras or .h5 file, or a SavedModel folder"
    path = tmp_path / "model.keras"
    assert refusal(path) == f"{path} does not exist; {expected}"
    path.write_bytes(b"nothing")
    assert refusal(path) == f"model.keras is not a Keras model, or is damaged; {expected}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.txt", "")
    assert refusal(path) == (
        "model.keras is not a Keras model, or is damaged (KeyError: \"There is no item named 'config.json' in the "
        f'archive"); {expected}'
    )
    assert refusal(path, signature="serve", error=UsageError) == (
        f"--signature serve is for SavedModel folders; {path} is a file"
    )


def test_a_damaged_file_gets_one_line(tmp_path, suffix):
    model = keras.Sequential([layers.Input((4,)), layers.Dense(2)])
    model.save(path := tmp_path / f"model.{suffix}")
    whole = path.read_bytes()
    for end in (4, 100, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:end])
        assert "damaged" in refusal(path) or "cannot be loaded" in refusal(path)
    random, refused = np.random.default_rng(1), 0
    for place in random.integers(0, len(whole), 40):
        path.write_bytes(whole[:place] + bytes(random.integers(0, 256, 8, np.uint8)) + whole[place + 8 :])
        try:
            load(path)
        except ModelError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused


def test_weights_are_matched_by_name_and_a_lack_is_seen(tmp_path):
    given = keras.Input((4,))
    one, two = layers.Dense(4, name="one")(given), layers.Dense(4, name="two")(given)
    keras.Model(given, [one, two]).save(path := tmp_path / "model.h5")
    with h5py.File(path, "r+") as file:
        group = file["model_weights"]
        group.attrs["layer_names"] = [b"two", b"one"]
    answers = load(path).call({load(path).inputs[0].name: (x := rows(2, 4))})
    np.testing.assert_allclose(answers["one"], keras.Model(given, one)(x), atol=1e-6)
    with h5py.File(path, "r+") as file:
        file["model_weights"].attrs["layer_names"] = [b"one"]
    assert refusal(path) == "model.h5 is damaged: it has no weights for the layer 'two'"
    with h5py.File(path, "r+") as file:
        file["model_weights"].attrs["layer_names"] = [b"one", b"two", b"three"]
        file["model_weights"].copy("one", "three")
    assert (
        refusal(path) == "model.h5 is damaged: it holds weights of the layer 'three', which the model has not"
    )


def test_a_feed_that_does_not_fit_is_refused(tmp_path):
    z, a, left, right = two_inputs()
    keras.Model([z, a], [left, right]).save(path := tmp_path / "model.keras")
    loaded = load(path)

    def said(**feed):
        with pytest.raises(InputError) as caught:
            loaded.call(feed)
        return str(caught.value)

    one, two = np.ones((1, 3)), np.ones((2, 3))
    assert said(z=one) == "model.keras needs the input 'a'; received z"
    assert said(z=one, a=one, b=one) == "model.keras has no input 'b'; its inputs are z, a"
    assert (
        said(z=one, a=two)
        == "model.keras needs as many rows of each input as of the others; received z: 1, a: 2"
    )
    assert said(z=one, a=np.ones((1, 4))) == (
        "model.keras takes 'a' of the shape [n, 3], n at least 1; received [1, 4]"
    )


def test_a_fixed_batch_is_filled_up(tmp_path):
    given = keras.Input(batch_shape=(4, 3), name="x")
    model = keras.Model(given, layers.Dense(2, name="y")(given))
    model.save(path := tmp_path / "model.keras")
    loaded = load(path)
    x = rows(10, 3)
    assert loaded.batch == 4
    np.testing.assert_allclose(loaded.call({"x": x})["y"], x @ model.layers[1].kernel, atol=1e-6)
