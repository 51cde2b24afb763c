"""ONNX Runtime sends nothing from a device unless its owner says so."""

import os
import subprocess
import sys
from types import SimpleNamespace

from runtime.backends.onnxruntime import import_engine
from tests.conftest import ROOT

LOAD = "import runtime, sys; runtime.load(sys.argv[1], variant='onnx-float32')"


def test_nothing_is_kept_to_be_sent(image_bundle, tmp_path):
    # With nothing else of the environment: where a CI service is named in it, ONNX Runtime is silent anyway.
    environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", LOAD, str(image_bundle)], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []


def test_the_owner_decides(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(SessionOptions=object))
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    import_engine()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0"
