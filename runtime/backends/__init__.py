"""The engines that can run a variant, and the one way to open a file with one of them."""

import os
import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from runtime.bundle.manifest import TensorSpec
from runtime.errors import BundleError, EngineError, UsageError
from runtime.namedtuples import FastNamedTuple
from runtime.requirements import engine_problem, file_problem, read_facts

if TYPE_CHECKING:  # `doctor` reads the table of engines where numpy is missing
    import numpy as np

_RECORD = ".dist-info"


class Engine(FastNamedTuple):
    """A library that executes models.

    Attributes:
        backend: our module that runs it.
        module: the engine's own top-level module.
        package: the package that installs it.
        format: the format of the files it reads.
        pythons: the first and the last Python it has wheels for, where newer ones will not come.
        on_32_bits: whether it has wheels for 32-bit Arm systems.
    """

    backend: str
    module: str
    package: str
    format: str
    pythons: tuple[tuple[int, int], tuple[int, int]] | None = None
    on_32_bits: bool = False


# `engine=None` takes the first of these that is installed.
ENGINES: Mapping[str, Engine] = {
    "litert": Engine("runtime.backends.litert", "ai_edge_litert", "ai-edge-litert", "tflite"),
    "tflite-runtime": Engine(
        "runtime.backends.tflite_runtime",
        "tflite_runtime",
        "tflite-runtime",
        "tflite",
        ((3, 9), (3, 11)),
        True,
    ),
    "onnxruntime": Engine("runtime.backends.onnxruntime", "onnxruntime", "onnxruntime", "onnx"),
}


class Backend(Protocol):
    """One file, loaded by one engine; `inputs` and `outputs` are its tensors by name."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]

    def run(self, feeds: "Mapping[str, np.ndarray]") -> "dict[str, np.ndarray]":
        """Returns the outputs by name as new arrays [n, …], for the inputs by name [n, …]; n may be 0.

        Threads may call it at once.

        Raises:
            InputError: other names, dtypes or shapes than those of the tensors, or not as many rows in all inputs.
        """
        ...

    def infer(self, feeds: "Mapping[str, np.ndarray]") -> "dict[str, np.ndarray]":
        """Returns what `run` does, without checks.

        Names and shapes must be right; any real dtype or bool is cast to the tensor's, so values must fit.
        """
        ...


def installed(name: str) -> bool:
    """Says whether an engine is installed, without importing it."""
    return find_spec(_engine(name).module) is not None


def engine_version(name: str) -> str | None:
    """Returns the version of an engine, "unknown" where it does not say, None where it is not installed.

    The engine is not imported.
    """
    spec = find_spec(_engine(name).module)
    if spec is None:
        return None
    # By the standard of wheels, the folder of the package's record lies beside the module and has the version in its
    # name. To import importlib.metadata takes 20 ms.
    prefix = f"{ENGINES[name].package.replace('-', '_')}-"
    for folder in getattr(spec, "submodule_search_locations", None) or ():
        for entry in os.scandir(Path(folder).parent):
            if entry.name.startswith(prefix) and entry.name.endswith(_RECORD):
                return entry.name[len(prefix) : -len(_RECORD)]
    from importlib.metadata import PackageNotFoundError, version

    try:
        found: str = version(ENGINES[name].package)
    except PackageNotFoundError:
        return "unknown"  # somebody has unpacked the module by hand, without the record
    return found


def no_wheel(name: str, python: tuple[int, int] | None = None, bits: int | None = None) -> str | None:
    """Why an engine cannot be installed with a Python, by default this one; None where it can."""
    engine, here = _engine(name), python or sys.version_info[:2]
    pythons = engine.pythons
    # By the Python: 32-bit Raspberry Pi OS has a 64-bit kernel, which calls the machine aarch64.
    if (bits or (64 if sys.maxsize > 1 << 32 else 32)) == 32 and not engine.on_32_bits:
        return f"{name} has no wheel for 32-bit systems; it needs a 64-bit one"
    if pythons is None or pythons[0] <= here <= pythons[1]:
        return None
    first, last = (".".join(map(str, version)) for version in pythons)
    return f"{name} has no wheel for Python {here[0]}.{here[1]}; it needs Python {first} to {last}"


def pip_line(name: str) -> str:
    """Returns the command that installs an engine."""
    return f"pip install {_engine(name).package}"


def probe(name: str) -> str | None:
    """Says why an installed engine cannot be used here; None where it can.

    The engine is imported in a child process: a wheel for another processor kills the process that imports it.
    """
    from numpy import __version__

    return engine_problem(name, engine_version(name), __version__) or _imported(name, tuple(sys.path))


@cache
def _imported(name: str, path: tuple[str, ...]) -> str | None:
    """What is wrong with an engine's import from this path; a process asks once."""
    import subprocess

    program = (
        f"import sys\nsys.path[:] = {list(path)!r}\n"
        f"from {_engine(name).backend} import import_engine\n"
        "try:\n    import_engine()\nexcept Exception as error:\n    sys.exit(str(error))"
    )
    try:
        child = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return f"importing {name} takes more than two minutes"
    if child.returncode < 0:
        return f"importing {name} kills the process (signal {-child.returncode}): its wheel is not for this machine"
    if child.returncode == 0:
        return None
    said = child.stderr.strip().splitlines()
    return said[-1] if said else f"importing {name} ends with the exit code {child.returncode}"


def import_engine(name: str) -> str:
    """Imports an engine, and returns its version.

    Raises:
        EngineError: the engine is missing or broken, or was not built for this numpy.
    """
    version = engine_version(name)
    if version is None:
        raise EngineError(
            no_wheel(name) or f"the engine {name} is not installed; install it with: {pip_line(name)}"
        )
    from numpy import __version__

    problem = engine_problem(name, version, __version__)
    if problem:
        raise EngineError(problem)
    import_module(_engine(name).backend).import_engine()
    return version


def open_backend(engine: str, model_bytes: bytes, threads: int = 1) -> Backend:
    """Loads a model from its bytes, after reading them to see that the engine can be trusted with it.

    Raises:
        EngineError: the engine is missing or broken, cannot be trusted with the file, or refuses it.
        BundleError: the file has another signature than a bundle's files have.
    """
    row = _engine(engine)
    if type(threads) is not int or not 1 <= threads <= 1024:
        raise UsageError(f"threads is {threads!r}; give a whole number from 1 to 1024")
    version = import_engine(engine)
    try:
        facts = read_facts(model_bytes, row.format)
    except BundleError as error:
        raise EngineError(f"{engine} cannot run the file: {error}") from None
    problem = file_problem(facts, engine, version, os.uname().machine)
    if problem:
        raise EngineError(f"{engine} cannot run the file: {problem}")
    opened: Backend = import_module(row.backend).open_model(model_bytes, threads, facts)
    return opened


def _engine(name: str) -> Engine:
    if name not in ENGINES:
        raise UsageError(f"unknown engine {name!r}; known: {', '.join(ENGINES)}")
    return ENGINES[name]
