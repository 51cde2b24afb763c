"""What rounding does to models of the zoo: not enough to change what float32 is allowed."""

import pytest

from data.original import read_original
from export.checks.sensitivity import sensitivity
from export.checks.spread import parity_tolerances, spreads
from export.targets import TARGETS
from tests.conftest import ROOT


@pytest.mark.parametrize("name", ["california-mlp-deep", "california-two", "digits-cnn", "streaming-gru"])
def test_a_well_conditioned_model_keeps_its_tolerance(name):
    original = read_original(ROOT / "artifacts" / name)
    found = sensitivity(original)
    wide = spreads(original)
    assert found.keys() == wide.keys()
    assert all(value > 0 for value in found.values())
    # The first is worst of all that are committed: 20 layers, and longitudes around -119.
    target = TARGETS["onnx-float32"]
    assert parity_tolerances(target, wide, found) == parity_tolerances(target, wide, {})
