"""Files of several inputs and outputs, of every dtype, with a loop inside, on every engine."""

import numpy as np
import onnx
import pytest

from runtime import backends
from runtime.bundle.manifest import TensorSpec
from runtime.errors import EngineError, InputError
from tests.bundles import MODELS, SEVERAL_INPUTS, SEVERAL_OUTPUTS, several_golden
from tests.runtime.backends.test_backends import ENGINE_FILES, infer, opened


@pytest.fixture(params=ENGINE_FILES, ids=lambda pair: pair[0])
def backend(request):
    """The model of six inputs and six outputs on each engine."""
    engine, form = request.param
    return opened(engine, f"several-float32.{form}")


def edge(rows):
    """The golden inputs of these rows in the dtypes of the tensors, and the outputs."""
    inputs, outputs = several_golden()
    tensors = {record.name: record.tensor.dtype for record in SEVERAL_INPUTS}
    return (
        {name: values[rows].astype(tensors[name]) for name, values in inputs.items()},
        {name: values[rows] for name, values in outputs.items()},
    )


def same(found, expected):
    """Whether answers are those of the original, in dtype and shape too."""
    return found.keys() == expected.keys() and all(
        values.dtype == expected[name].dtype
        and values.shape == expected[name].shape
        and np.allclose(values.astype(float), expected[name], atol=1e-5)
        for name, values in found.items()
    )


def test_tensors_go_by_their_names(backend):
    assert backend.inputs == {record.name: record.tensor for record in SEVERAL_INPUTS}
    assert backend.outputs == {record.name: record.tensor for record in SEVERAL_OUTPUTS}
    for rows in (slice(0, 1), slice(0, 32), slice(3, 8), slice(0, 2)):
        feeds, expected = edge(rows)
        assert same(backend.run(feeds), expected)
        assert same(backend.infer(dict(reversed(feeds.items()))), expected)


def test_large_batches_are_cut_and_joined(backend):
    for count in (129, 1000):
        feeds, expected = edge(np.arange(count) % 32)
        assert same(backend.run(feeds), expected)
    feeds, expected = edge(slice(0, 0))
    assert same(backend.run(feeds), expected)


@pytest.mark.parametrize("count", [1, 4])
def test_unusual_memory_of_every_dtype_is_read_right(backend, count):
    feeds, expected = edge(slice(0, count))
    for change in (
        lambda x: x.astype(x.dtype.newbyteorder(">")),
        lambda x: np.repeat(x, 2, axis=0)[::2],
        np.asfortranarray,
        lambda x: x.astype(np.longlong) if x.dtype == np.int64 else x,
    ):
        assert same(backend.run({name: change(values) for name, values in feeds.items()}), expected)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("words", lambda x: x.astype(np.int64), "the input 'words' is int64, expected int32"),
        ("mask", lambda x: x.astype(np.uint8), "the input 'mask' is uint8, expected bool"),
        ("count", lambda x: x[:, None], r"the input 'count' has the shape \[4, 1\], expected \[n\]"),
        ("steps", lambda x: x[:3], "the inputs have different numbers of rows: .*steps has 3"),
        ("code", lambda x: x.tolist(), "the input 'code' is a list; give a numpy array of uint8"),
    ],
)
def test_wrong_feeds_are_refused(backend, name, change, words):
    feeds, _ = edge(slice(0, 4))
    with pytest.raises(InputError, match=words):
        backend.run(feeds | {name: change(feeds[name])})


def test_missing_feeds_are_named(backend):
    feeds, _ = edge(slice(0, 1))
    del feeds["mask"]
    with pytest.raises(InputError, match=r"run got inputs named \['code', .*\]; this model has .*'mask'"):
        backend.run(feeds)
    with pytest.raises(InputError, match=r"run takes {.*'mask': array.*}, not a list"):
        backend.run([])


@pytest.mark.tflite_runtime
def test_tflite_runtime_takes_the_rows_of_a_file_with_loops_one_by_one():
    """In a batch of another size than before it would fail, and on Arm a batch may end the process."""
    backend = opened("tflite-runtime", "several-float32.tflite")
    for count in (2, 5, 2):
        feeds, expected = edge(slice(0, count))
        assert same(backend.run(feeds), expected)
    assert backend._batch is None
    plain = opened("tflite-runtime", "image-float32.tflite")
    infer(plain, np.zeros((2, 8, 8, 1), np.uint8))
    first = plain._batch
    infer(plain, np.zeros((3, 8, 8, 1), np.uint8))
    assert first is not None and plain._batch is first


def with_open_level(model):
    """The ONNX model with an output whose width the file does not say, as of one that comes out of a loop."""
    (level,) = [output for output in model.graph.output if output.name == "level"]
    level.type.tensor_type.shape.dim[1].Clear()
    return model.SerializeToString()


def test_extents_that_an_onnx_file_leaves_open_are_those_of_its_answers():
    content = with_open_level(onnx.load(MODELS / "several-float32.onnx"))
    backend = backends.open_backend("onnxruntime", content)
    assert backend.outputs["level"] == TensorSpec("float32", (None, 2))
    for rows in (slice(0, 1), slice(0, 3)):
        feeds, expected = edge(rows)
        assert same(backend.run(feeds), expected)


def test_an_onnx_file_that_cannot_answer_a_row_is_refused():
    model = onnx.load(MODELS / "several-float32.onnx")
    (flat,) = [tensor for tensor in model.graph.initializer if tensor.name == "flat"]
    flat.CopyFrom(onnx.numpy_helper.from_array(np.int64([5, 16]), "flat"))
    with pytest.raises(EngineError, match=r"onnxruntime refuses the file: ."):
        backends.open_backend("onnxruntime", with_open_level(model))
