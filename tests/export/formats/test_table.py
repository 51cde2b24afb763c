"""The table of formats answers for every target; converters are imported when they convert."""

import subprocess
import sys

import pytest

from export.formats.format import STATIC_SCHEMES
from export.formats.table import FORMATS
from export.targets import TARGETS
from tests.conftest import ROOT


def test_every_target_can_be_built_and_its_file_is_proved_or_never_leaves_tensorflow():
    for target in TARGETS.values():
        found = FORMATS[target.format]
        assert target.scheme in found.converters
        assert found.prove is not None or target.engines == ("tensorflow",)
        assert target.scheme not in STATIC_SCHEMES or found.calibration is not None


def test_every_scheme_of_every_format_is_a_target():
    built = {(found.name, scheme) for found in FORMATS.values() for scheme in found.converters}
    assert built == {(target.format, target.scheme) for target in TARGETS.values()}


def test_every_target_leads_back_to_the_keras_model():
    ways = {}
    for name in TARGETS:
        way = [name]
        while (source := TARGETS[way[-1]].source) is not None:
            way.append(source)
        ways[name] = way[1:]
    assert ways["saved_model"] == []
    assert ways["tflite-float32"] == ways["onnx-float32"] == ["saved_model"]
    assert ways["tflite-int16x8"] == ["tflite-float32", "saved_model"]


@pytest.mark.parametrize("module", ["export.command", "export.formats.table", "export.targets"])
def test_no_converter_is_imported_before_it_converts(module):
    heavy = ["tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "ai_edge_litert", "litert_quantizer"]
    code = f"import sys, {module}; print(sorted(set(sys.modules) & set({heavy})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
