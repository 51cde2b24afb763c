"""What docs/arm.md says of the tests is what they do."""

import re

from tests.arm.differences import ALIKE, OF_FEW
from tests.arm.guest import ALONE, SLOW, asked
from tests.arm.test_answers import REFUSED
from tests.conftest import ROOT

PAGE = " ".join((ROOT / "docs" / "arm.md").read_text().split())


def test_as_many_models_are_left_out_as_the_page_says():
    assert f"Left out are {len(ALIKE)} models whose files" in PAGE
    assert f"the same engines as Bookworm answers {len(OF_FEW)} models" in PAGE


def test_the_files_that_are_refused_are_those_of_the_page():
    said = re.search(r"On the Pi 5, (\d+) files are refused, rightly: `onnx-float16` of (.+?), whose", PAGE)
    assert said
    models = re.findall(r"`([\w-]+)`", said[2])
    assert {f"{model} onnx-float16 onnxruntime" for model in models} == REFUSED["pi5"]
    assert int(said[1]) == len(models) and f"but for the {len(models)} files above" in PAGE
    assert {f"{model} onnx-float16 onnxruntime" for model in models[-2:]} == REFUSED["pi5-trixie"]
    assert REFUSED.keys() == {"pi5", "pi5-trixie"}


def test_the_inputs_that_are_asked_are_those_of_the_page():
    assert asked("mnist-cnn").step == 2 and "answers every second of the golden inputs" in PAGE
    assert asked("mnist-cnn").step * ALONE.step == 8 and "and every eighth alone" in PAGE
    for model in SLOW:
        assert asked(model).step == 32 and (model == "cifar-resnet" or f"`{model}`" in PAGE)
