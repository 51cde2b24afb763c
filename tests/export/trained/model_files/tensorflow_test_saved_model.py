"""SavedModel folders: signatures, names, shapes, optimizer slots, and what is refused."""

import hashlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from export.trained.model_files.guess_task import guess_task
from export.trained.model_files.load import load
from export.trained.model_files.loaded import Tensor
from runtime.errors import ModelError, UsageError


class Affine(tf.Module):
    """No model of Keras: two inputs of other kinds, two outputs, two signatures, and an unknown rank."""

    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(3.0)

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 2), tf.float32, name="z"),
            tf.TensorSpec((None,), tf.int32, name="a"),
        ]
    )
    def serve(self, z, a):
        return {"sum": z * self.scale + tf.cast(a, tf.float32)[:, None], "only_a": a * 2}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def anything(self, x):
        return {"y": x * self.scale}


@pytest.fixture(scope="module")
def affine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "affine"
    module = Affine()
    tf.saved_model.save(module, str(folder), {"serving_default": module.serve, "anything": module.anything})
    return folder


def refusal(*arguments, error=ModelError, **options):
    with pytest.raises(error) as caught:
        load(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_keras_own_export(tmp_path):
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(3)])
    model.export(folder := tmp_path / "exported", verbose=False)
    loaded = load(folder)
    assert loaded.keras is None and loaded.notes == ()
    x = np.random.default_rng(1).normal(size=(70, 4)).astype(np.float32)
    (answer,) = loaded.call({loaded.inputs[0].name: x}).values()
    np.testing.assert_allclose(answer, model(x), atol=1e-6)
    assert list(guess_task(loaded).values()) == [("tensor", "the file does not say what its numbers mean")]


def test_inputs_and_outputs_by_name(affine):
    loaded = load(affine)
    assert loaded.inputs == (Tensor("a", "int32", (None,)), Tensor("z", "float32", (None, 2)))
    assert loaded.outputs == (Tensor("only_a", "int32", (None,)), Tensor("sum", "float32", (None, 2)))
    for order in (("a", "z"), ("z", "a")):
        feed = {"a": np.array([1, 2, 3]), "z": np.ones((3, 2))}
        answers = loaded.call({name: feed[name] for name in order})
        np.testing.assert_array_equal(answers["only_a"], [2, 4, 6])
        np.testing.assert_array_equal(answers["sum"], [[4, 4], [5, 5], [6, 6]])


def test_the_signature_is_chosen(affine, tmp_path):
    assert refusal(affine, signature="other", error=UsageError) == (
        f"--signature other: {affine} has no such signature; it has anything, serving_default"
    )
    module = Affine()
    tf.saved_model.save(module, str(only := tmp_path / "only"), {"anything": module.anything})
    assert refusal(only, error=UsageError) == (
        f"{only} has no signature serving_default; it has anything: choose one with --signature NAME"
    )
    tf.saved_model.save(tf.Module(), str(none := tmp_path / "none"))
    assert refusal(none) == f"{none} has no signature to call; save it with model.export('folder')"


def test_an_unknown_rank_needs_a_shape(affine):
    assert refusal(affine, signature="anything") == (
        f"{affine} does not say the shape of its input 'x'; add --shape x=1,SIZE,... with the batch first"
    )
    loaded = load(affine, signature="anything", shapes={"x": (1, 5)})
    assert loaded.inputs == (Tensor("x", "float32", (None, 5)),)
    np.testing.assert_array_equal(loaded.call({"x": np.ones((2, 5))})["y"], np.full((2, 5), 3))
    assert refusal(affine, shapes={"z": (1, 3)}, error=UsageError) == (
        f"--shape z=1,3 does not fit {affine}, which takes z=1,2"
    )
    assert refusal(affine, shapes={"y": (1, 3)}, error=UsageError) == (
        f"--shape y: {affine} has no such input; its inputs are a, z"
    )


def digests(folder):
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()
    }


def test_optimizer_slots_are_left_out_and_the_folder_is_not_touched(tmp_path):
    module = Affine()
    module.slot = tf.Variable(0.0)
    tf.saved_model.save(module, str(folder := tmp_path / "slots"), {"serving_default": module.serve})
    definition = saved_model_pb2.SavedModel()
    definition.ParseFromString((folder / "saved_model.pb").read_bytes())
    nodes = definition.meta_graphs[0].object_graph_def.nodes
    places = {child.local_name: child.node_id for child in nodes[0].children}
    nodes[0].slot_variables.add(
        original_variable_node_id=places["scale"], slot_name="m", slot_variable_node_id=places["slot"]
    )
    (folder / "saved_model.pb").write_bytes(definition.SerializeToString())
    with pytest.raises(AttributeError, match="add_slot"):
        tf.saved_model.load(str(folder))
    before = digests(folder)
    loaded = load(folder)
    assert loaded.notes == ("Optimizer state was left out while loading the SavedModel.",)
    np.testing.assert_array_equal(loaded.call({"a": np.array([1]), "z": np.ones((1, 2))})["sum"], [[4, 4]])
    assert digests(folder) == before


@pytest.mark.parametrize(
    ("operation", "call", "does"),
    [
        (
            "EagerPyFunc",
            lambda x: tf.py_function(lambda y: y, [x], tf.float32),
            "calls Python code that is not in it",
        ),
        (
            "PyFunc",
            lambda x: tf.numpy_function(lambda y: y, [x], tf.float32),
            "calls Python code that is not in it",
        ),
        (
            "WriteFile",
            lambda x: (tf.io.write_file("written", tf.strings.as_string(x[0, 0])), x)[1],
            "reads or writes files",
        ),
    ],
)
def test_a_graph_that_leaves_the_graph_is_refused(tmp_path, monkeypatch, operation, call, does):
    monkeypatch.chdir(tmp_path)
    module = tf.Module()
    module.serve = tf.function(
        lambda x: {"y": call(x)}, input_signature=[tf.TensorSpec((None, 2), tf.float32, name="x")]
    )
    tf.saved_model.save(module, "evil", {"serving_default": module.serve})
    assert refusal("evil") == (
        f"evil cannot be loaded: its operation {operation} {does}; build the model without it and save it again"
    )
    assert not (tmp_path / "written").exists()


def test_a_folder_that_is_no_saved_model(tmp_path):
    assert refusal(tmp_path) == (
        f"{tmp_path} is no SavedModel: it has no saved_model.pb; expected a folder that model.export('folder') writes"
    )
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff")
    assert refusal(tmp_path).startswith(f"{tmp_path / 'saved_model.pb'} is damaged (")
    assert refusal(tmp_path, ["a:b"], error=UsageError) == (
        f"--custom-objects is for Keras files; {tmp_path} is a folder, and a SavedModel is whole"
    )


def test_lost_weights_get_one_line(affine, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes((affine / "saved_model.pb").read_bytes())
    assert refusal(tmp_path).startswith(f"{tmp_path} cannot be loaded by TensorFlow {tf.__version__} (")
