"""`python -m bench limits`: asks the engines here what they can run: the rows of requirements/engine_limits.py."""

from __future__ import annotations

import argparse

from bench.tiny_files import onnx_identity, tflite_with_op, tflite_with_type
from bench.truth import bare_engine
from runtime.backends import ENGINES, engine_version, installed
from runtime.requirements.engine_limits import OnnxLimits, TfliteLimits
from runtime.requirements.tflite_schema import OPS

_HIGHEST_VERSION, _HIGHEST_TYPE, _HIGHEST_OPSET = 24, 40, 40


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    return argparse.ArgumentParser(prog="python -m bench limits", description=__doc__)


def run(args: argparse.Namespace) -> int:
    """Prints a row for each engine installed here."""
    for engine in ENGINES:
        if installed(engine):
            found = onnx_limits() if engine == "onnxruntime" else tflite_limits(engine)
            print(f"{engine} {engine_version(engine)}: {found}")
    return 0


def tflite_limits(engine: str) -> TfliteLimits:
    """The highest type and version of each op, found by asking."""
    versions = []
    for code in range(len(OPS)):
        highest = _highest(engine, [tflite_with_op(code, n) for n in range(1, _HIGHEST_VERSION)])
        versions.append(str(highest) if highest else "-")
    types = _highest(engine, [tflite_with_type(code) for code in range(_HIGHEST_TYPE)])
    return types - 1, " ".join(versions)


def onnx_limits() -> OnnxLimits:
    """The highest IR version and opsets, found by asking."""
    numbers = range(1, _HIGHEST_OPSET)
    return (
        _highest("onnxruntime", [onnx_identity(n, {"": 13}) for n in numbers]),
        _highest("onnxruntime", [onnx_identity(8, {"": n}) for n in numbers]),
        _highest("onnxruntime", [onnx_identity(8, {"": 13, "ai.onnx.ml": n}) for n in numbers]),
    )


def _highest(engine: str, files: list[bytes]) -> int:
    """The place of the last file that the engine opens, counted from 1; 0 where it opens none."""
    last = 0
    for place, content in enumerate(files, 1):
        try:
            bare_engine(engine, content)
            last = place
        except Exception:  # the engine says no, each in its own way
            continue
    return last
