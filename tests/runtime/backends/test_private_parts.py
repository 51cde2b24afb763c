"""The parts of engines that are not public, and that the runtime uses: a change in a new release is seen here."""

import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import pytest

from runtime import backends
from tests.bundles import MODELS

INTERPRETERS = ["litert", "tflite-runtime"]


class Recorder:
    """Stands in the place of the object inside of an Interpreter, and keeps what it is called with."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *given: self.calls.append((name, *given))


@pytest.mark.parametrize("engine", INTERPRETERS)
def test_the_public_calls_are_those_of_the_object_inside(engine):
    """An Interpreter passes its arguments on as they are: whoever calls the object inside does the same."""
    content = (MODELS / "image-float32.tflite").read_bytes()
    interpreter = import_module(backends.ENGINES[engine].backend).import_engine()(model_content=content)
    real, interpreter._interpreter = interpreter._interpreter, Recorder()
    inside = interpreter._interpreter
    interpreter.set_tensor(3, "an array")
    interpreter.get_tensor(5)
    assert inside.calls == [("SetTensor", 3, "an array"), ("GetTensor", 5, 0)]
    interpreter._interpreter = Recorder()
    del inside
    interpreter.invoke()
    assert interpreter._interpreter.calls == [("Invoke",)]
    assert all(hasattr(real, name) for name in ("SetTensor", "Invoke", "GetTensor"))


@pytest.mark.parametrize("engine", INTERPRETERS)
def test_the_object_inside_is_called_where_it_is_as_known(engine):
    backend = backends.open_backend(engine, (MODELS / "image-float32.tflite").read_bytes())
    assert [call.__name__ for call in (backend._set, backend._invoke, backend._get)] == [
        "SetTensor", "Invoke", "GetTensor",
    ]  # fmt: skip


@pytest.mark.parametrize("engine", backends.ENGINES)
def test_the_version_is_read_from_the_name_of_the_package_record(engine):
    """Without importlib.metadata, which takes 20 ms to import."""
    program = (
        f"import sys; from runtime.backends import engine_version; print(engine_version({engine!r})); "
        "print('importlib.metadata' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert found.split() == [version(backends.ENGINES[engine].package), "False"]
