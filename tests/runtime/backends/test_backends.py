"""Every engine, through its backend: right answers for any batch, clear words for what is wrong."""

import sys
from importlib import import_module

import numpy as np
import pytest

from bench.tiny_files import tflite_with_op
from runtime import backends
from runtime.backends.interpreter import InterpreterBackend
from runtime.errors import EngineError, InputError, UsageError
from runtime.requirements import read_facts
from tests.bundles import MODELS

FILES = [
    ("litert", "image-float32.tflite", 1e-5),
    ("litert", "image-dynamic.tflite", 0.05),
    ("litert", "image-int8.tflite", 0.05),
    ("tflite-runtime", "image-float32.tflite", 1e-5),
    ("tflite-runtime", "image-dynamic.tflite", 0.05),
    ("tflite-runtime", "image-int8.tflite", 0.05),
    ("onnxruntime", "image-float32.onnx", 1e-5),
    ("onnxruntime", "image-dynamic.onnx", 0.05),
]
ENGINE_FILES = [("litert", "tflite"), ("tflite-runtime", "tflite"), ("onnxruntime", "onnx")]


def opened(engine, file):
    return backends.open_backend(engine, (MODELS / file).read_bytes())


def infer(backend, images):
    """The probabilities for raw images."""
    return backend.infer({"image": images})["probabilities"]


@pytest.fixture(params=ENGINE_FILES, ids=lambda pair: pair[0])
def backend(request):
    """The float32 classifier on each engine."""
    engine, form = request.param
    return opened(engine, f"image-float32.{form}")


@pytest.mark.parametrize(("engine", "file", "tolerance"), FILES)
def test_every_variant_answers_as_the_original(engine, file, tolerance, golden):
    backend = opened(engine, file)
    assert list(backend.inputs) == ["image"] and list(backend.outputs) == ["probabilities"]
    assert backend.inputs["image"].shape == (None, 8, 8, 1)
    assert backend.outputs["probabilities"].shape == (None, 3)
    found = backend.run({"image": golden["images"].astype(np.float32)})["probabilities"]
    assert found.dtype == np.float32 and found.shape == (32, 3)
    assert np.abs(found - golden["probabilities"]).max() <= tolerance


@pytest.mark.parametrize(("engine", "file", "tolerance"), FILES)
def test_a_rows_answer_does_not_depend_on_its_batch(engine, file, tolerance, golden):
    backend = opened(engine, file)
    # Rows of very different ranges: one scale for a whole batch would show.
    images = (
        golden["images"].astype(np.float32) * np.linspace(0.01, 1, 32, dtype=np.float32)[:, None, None, None]
    )
    singles = np.concatenate([infer(backend, images[row : row + 1]) for row in range(32)])
    for size in (2, 3, 4, 32, 5, 31):
        found = infer(backend, images[:size])
        assert np.abs(found - singles[:size]).max() < 1e-6
        assert np.array_equal(infer(backend, images[:size]), found)  # and to the bit from call to call


@pytest.mark.parametrize("rows", [128, 129, 1000])
def test_large_batches_are_cut_and_joined(backend, golden, rows):
    images = np.resize(golden["images"], (rows, 8, 8, 1))
    found = infer(backend, images)
    assert np.abs(found - np.resize(golden["probabilities"], (rows, 3))).max() < 1e-5


def test_nothing_of_a_batch_is_kept_between_calls(backend, golden):
    images = golden["images"].astype(np.float32)
    first = infer(backend, images)
    infer(backend, 255 - images)
    assert np.array_equal(infer(backend, images), first)


def test_an_interpreter_whose_inside_is_another_is_called_by_its_public_names(golden):
    from ai_edge_litert.interpreter import Interpreter

    class Renamed:
        """An Interpreter without the attribute that holds the object inside."""

        def __init__(self, **options):
            self.real = Interpreter(**options)

        def __getattr__(self, name):
            if name == "_interpreter":
                raise AttributeError(name)
            return getattr(self.real, name)

    class Inside:
        """An object inside whose GetTensor takes one argument more than the known one."""

        def __init__(self, real):
            self.SetTensor, self.Invoke, self.get = real.SetTensor, real.Invoke, real.GetTensor

        def GetTensor(self, index, subgraph, more):
            return self.get(index, subgraph)

    class Changed(Renamed):
        """An Interpreter with such an object."""

        def __getattr__(self, name):
            found = getattr(self.real, name)
            return Inside(found) if name == "_interpreter" else found

    content = (MODELS / "image-float32.tflite").read_bytes()
    for kind in (Renamed, Changed):
        backend = InterpreterBackend("litert", kind, content, 1)
        assert backend._get.__name__ == "get_tensor"
        found = np.concatenate([infer(backend, golden["images"][row : row + 1]) for row in range(32)])
        assert np.abs(found - golden["probabilities"]).max() < 1e-5
    assert opened("litert", "image-float32.tflite")._get.__name__ == "GetTensor"


@pytest.mark.parametrize(
    ("engine", "file", "fewest"),
    [
        ("tflite-runtime", "image-int8.tflite", 5),
        ("tflite-runtime", "image-float32.tflite", 2),
        ("litert", "image-dynamic.tflite", 2),
        ("litert", "image-int8.tflite", 2),
    ],
)
def test_few_rows_go_one_by_one_where_that_is_faster(engine, file, fewest, golden):
    backend = opened(engine, file)
    for rows in range(1, fewest):
        infer(backend, golden["images"][:rows])
    assert backend._batch is None
    infer(backend, golden["images"][:fewest])
    assert backend._batch is not None


@pytest.mark.tflite_runtime
def test_dynamic_files_go_row_by_row_on_tflite_runtime(golden):
    """Its kernels with int8 dot products, as on a Pi 5, end the process at 16 rows of this file."""
    backend = opened("tflite-runtime", "image-dynamic.tflite")
    infer(backend, golden["images"])
    assert backend._batch is None


def test_an_empty_batch_has_an_empty_answer(backend):
    found = backend.run({"image": np.zeros((0, 8, 8, 1), np.float32)})["probabilities"]
    assert found.shape == (0, 3) and found.dtype == np.float32


def test_unusual_memory_is_read_right(backend, golden):
    plain = golden["images"].astype(np.float32)
    expected = backend.run({"image": plain[:4]})["probabilities"]
    read_only = plain[:4].copy()
    read_only.flags.writeable = False
    for images in (
        plain[:4].astype(">f4"),
        np.asfortranarray(plain[:4]),
        np.repeat(plain[:4], 2, axis=0)[::2],
        read_only,
    ):
        assert np.array_equal(backend.run({"image": images})["probabilities"], expected)
        singles = [backend.run({"image": images[row : row + 1]})["probabilities"] for row in range(4)]
        assert np.abs(np.concatenate(singles) - expected).max() < 1e-6


@pytest.mark.parametrize("size", [1, 5])
def test_the_callers_arrays_stay_and_answers_are_the_callers_own(backend, golden, size):
    images = golden["images"][:size].astype(np.float32)
    kept = images.copy()
    first = backend.run({"image": images})["probabilities"]
    as_it_was = first.copy()
    second = backend.run({"image": 255 - images})["probabilities"]
    assert np.array_equal(images, kept)
    assert np.array_equal(first, as_it_was) and not np.array_equal(first, second)
    first[:] = 7
    assert not np.any(backend.run({"image": images})["probabilities"] == 7)
    assert first.flags.writeable


@pytest.mark.parametrize(
    ("feeds", "words"),
    [
        ({"picture": np.zeros((1, 8, 8, 1), np.float32)}, r"named \['picture'\].*exactly one, 'image'"),
        ({}, "exactly one"),
        ({"image": np.zeros((1, 8, 8, 1), np.float32), "more": 1}, "exactly one"),
        ({"image": np.zeros((1, 8, 8, 1), np.float64)}, "float64, expected float32"),
        ({"image": np.zeros((1, 8, 8, 1), np.uint8)}, "`predict` takes other dtypes"),
        ({"image": np.zeros((8, 8, 1), np.float32)}, r"shape \[8, 8, 1\], expected \[n, 8, 8, 1\]"),
        ({"image": np.zeros((1, 1, 8, 8), np.float32)}, r"shape \[1, 1, 8, 8\]"),
        ({"image": [[1.0]]}, "is a list; give a numpy array"),
        (np.zeros((1, 8, 8, 1), np.float32), "not a ndarray"),
    ],
)
def test_wrong_feeds_are_refused(backend, feeds, words):
    with pytest.raises(InputError, match=words):
        backend.run(feeds)


@pytest.mark.parametrize(("engine", "form"), ENGINE_FILES)
def test_bytes_that_are_no_model_are_refused(engine, form):
    sound = (MODELS / f"image-float32.{form}").read_bytes()
    # By itself, tflite-runtime checks nothing but the first bytes: half a file kills its process.
    for content in (b"", b"not a model", sound[: len(sound) // 2], sound[:100]):
        with pytest.raises(EngineError, match=f"{engine} cannot run the file: the file ."):
            backends.open_backend(engine, content)


@pytest.mark.parametrize(("engine", "form"), ENGINE_FILES)
def test_what_an_engine_refuses_is_an_engine_error(engine, form):
    module = import_module(backends.ENGINES[engine].backend)
    facts = read_facts((MODELS / f"image-float32.{form}").read_bytes(), form)
    with pytest.raises(EngineError, match=f"{engine} refuses the file: ."):
        module.open_model(b"not a model", 1, facts)


@pytest.mark.tflite_runtime
def test_a_file_that_an_engine_would_answer_wrongly_never_reaches_it():
    with pytest.raises(
        EngineError, match="tflite-runtime cannot run the file: the file needs FULLY_CONNECTED"
    ):
        backends.open_backend("tflite-runtime", tflite_with_op(9, 12))


def test_a_python_without_a_wheel_is_told_instead_of_a_pip_line(monkeypatch):
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    for here, line in (((3, 13, 0), "3.13"), ((3, 8, 0), "3.8")):
        monkeypatch.setattr(sys, "version_info", here)
        expected = f"tflite-runtime has no wheel for Python {line}; it needs Python 3.9 to 3.11"
        assert backends.no_wheel("tflite-runtime") == expected
        with pytest.raises(EngineError, match=f"^{expected}$"):
            backends.open_backend("tflite-runtime", b"")
        assert backends.no_wheel("litert") is backends.no_wheel("onnxruntime") is None
    for here in ((3, 9, 0), (3, 11, 9)):
        monkeypatch.setattr(sys, "version_info", here)
        assert backends.no_wheel("tflite-runtime") is None


def test_unknown_engines_and_threads_are_refused():
    with pytest.raises(
        UsageError, match="unknown engine 'tensorrt'; known: litert, tflite-runtime, onnxruntime"
    ):
        backends.open_backend("tensorrt", b"")
    for threads in (0, -1, 1.5, True, 100000):
        with pytest.raises(UsageError, match="threads"):
            backends.open_backend("litert", b"", threads)


@pytest.mark.parametrize("engine", backends.ENGINES)
def test_a_missing_engine_is_named_with_its_pip_line(monkeypatch, engine):
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    package = backends.ENGINES[engine].package
    with pytest.raises(EngineError, match=f"the engine {engine} is not installed; .*pip install {package}"):
        backends.open_backend(engine, b"")
    assert backends.engine_version(engine) is None


@pytest.mark.parametrize("engine", backends.ENGINES)
def test_a_broken_engine_is_an_engine_error(tmp_path, monkeypatch, engine):
    package = tmp_path / backends.ENGINES[engine].module
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "interpreter.py").write_text("raise ImportError('wrong ELF class')")
    if engine == "onnxruntime":
        (package / "__init__.py").write_text("raise AttributeError('wrong ELF class')")
    for name in [name for name in sys.modules if name.split(".")[0] == package.name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EngineError, match=f"{engine} is installed but does not import: wrong ELF class"):
        backends.open_backend(engine, b"")
    assert "wrong ELF class" in backends.probe(engine)


@pytest.mark.tflite_runtime
def test_tflite_runtime_is_refused_beside_numpy_2(monkeypatch):
    monkeypatch.setattr(np, "__version__", "2.1.0")
    with pytest.raises(EngineError, match=r"cannot work with numpy 2\.1\.0; run: pip install 'numpy<2'"):
        backends.open_backend("tflite-runtime", b"")


def test_an_import_that_kills_the_process_is_survived(tmp_path, monkeypatch):
    (tmp_path / "ai_edge_litert").mkdir()
    (tmp_path / "ai_edge_litert" / "__init__.py").write_text("import os; os.kill(os.getpid(), 4)")
    monkeypatch.syspath_prepend(tmp_path)
    assert "kills the process (signal 4)" in backends.probe("litert")
    assert backends.probe("onnxruntime") is None


@pytest.mark.parametrize(("engine", "form"), ENGINE_FILES)
def test_several_threads_give_the_answers_of_one(engine, form):
    backend = backends.open_backend(engine, (MODELS / f"image-float32.{form}").read_bytes(), threads=2)
    assert infer(backend, np.zeros((3, 8, 8, 1), np.uint8)).shape == (3, 3)
