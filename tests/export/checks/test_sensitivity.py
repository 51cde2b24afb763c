"""What rounding does to a net: much where it takes a logarithm of small differences, little elsewhere."""

import numpy as np
import pytest

from export.checks.sensitivity import moved_by_rounding, sensitivity
from export.checks.spread import parity_tolerances, spread
from export.targets import TARGETS
from runtime.bundle.manifest import OutputRecord
from runtime.selftest import parity

VALUE = OutputRecord("value", (4,), "regression")
RANDOM = np.random.default_rng(8)
KERNEL = RANDOM.normal(size=(32, 8)).astype(np.float32)
KERNEL -= KERNEL.mean(axis=0)  # what all inputs have in common cancels out
LAST = RANDOM.normal(size=(8, 4)).astype(np.float32)
INPUTS = {"x": (30 + RANDOM.normal(size=(32, 32))).astype(np.float32)}


def sums(values, kernel, order):
    """A product of matrices with its additions one after the other."""
    total = np.zeros((len(values), kernel.shape[1]), np.float32)
    for place in order:
        total += values[:, place, np.newaxis] * kernel[place]
    return total


def net(kernel=KERNEL, last=LAST, turned=False, logarithm=True):
    """The logarithm of a small spectrum, then a dense layer; `turned` adds in the other order."""

    def call(feeds):
        x = feeds["x"] if logarithm else feeds["x"] - np.float32(30)
        step = -1 if turned else 1
        hidden = sums(x, kernel, range(32)[::step])
        hidden = np.log(hidden * hidden + np.float32(1e-6)) if logarithm else np.tanh(hidden)
        return {"value": sums(hidden, last, range(8)[::step])}

    return call


def allowed(call):
    """The tolerance without what rounding does, and with it."""
    wide = {"value": spread(VALUE, call(INPUTS)["value"])}
    moved = moved_by_rounding(call, INPUTS)
    return [parity_tolerances(TARGETS["onnx-float32"], wide, each)["value"] for each in ({}, moved)]


def agrees(call, tolerance):
    found = parity.measure(call(INPUTS)["value"], net()(INPUTS)["value"], "regression")
    return found.max_abs_error <= tolerance.max_abs_error


def test_another_order_of_additions_in_an_ill_conditioned_net_passes():
    usual, found = allowed(net())
    assert not agrees(net(turned=True), usual) and agrees(net(turned=True), found)
    assert found.max_abs_error < 1e-3 * spread(
        VALUE, net()(INPUTS)["value"]
    )  # it is not the most that is allowed


@pytest.mark.parametrize("layer", ["first", "last"])
@pytest.mark.parametrize("place", [(0, 0), (3, 2), (7, 3)])
def test_one_damaged_weight_of_an_ill_conditioned_net_fails(layer, place):
    damaged = {"first": KERNEL, "last": LAST}[layer].copy()
    damaged[place] *= np.float32(1.01)
    wrong = net(**{"kernel" if layer == "first" else "last": damaged})
    assert not agrees(wrong, allowed(net())[1])


def test_a_well_conditioned_net_keeps_its_tolerance():
    usual, found = allowed(net(logarithm=False))
    assert found == usual


def test_what_is_measured_is_the_same_each_time_and_numbers_that_are_no_floats_stay():
    def call(feeds):
        assert feeds["place"].tolist() == [[7], [9]]
        return {"value": feeds["x"] * np.float32(2), "place": feeds["place"]}

    feeds = {"x": np.array([[1.5], [-3.0]], np.float32), "place": np.array([[7], [9]])}
    found = moved_by_rounding(call, feeds)
    # One unit in the last place of 3 is 2.4e-7, and the answer is twice that.
    assert found == moved_by_rounding(call, feeds) == {"value": 4.8e-7, "place": 0.0}


def test_an_answer_that_is_not_finite_for_moved_inputs_counts_for_nothing():
    def call(feeds):
        with np.errstate(divide="ignore"):
            return {"value": 1 / (feeds["x"] - np.nextafter(np.float32(1), np.float32(2)))}

    (found,) = moved_by_rounding(call, {"x": np.ones((1, 1), np.float32)}).values()
    assert 0 < found < np.inf


def test_an_original_without_floats_is_not_asked(users_words):
    assert sensitivity(users_words) == {"probabilities": 0.0}


@pytest.fixture
def users_words(monkeypatch):
    from data.original import read_original
    from tests.conftest import ROOT

    original = read_original(ROOT / "artifacts" / "reviews-cnn")
    monkeypatch.setattr(type(original), "golden", None)
    return original
