"""Values are matched in any order of axes, or but for a factor for each channel, and never by accident."""

import numpy as np
import pytest

from export.diagnosis.layer_calls import INPUT, LayerCall
from export.diagnosis.match import Match, match
from export.formats.inner_file import Step


class File:
    """The graph of a file: each step makes a tensor of the one before."""

    def __init__(self, *made, op="CONV_2D"):
        names = ["x", *made]
        self.steps = [Step(op, (taken,), (given,)) for taken, given in zip(names, made, strict=False)]
        self.inputs, self.outputs = {"x": "x"}, {"y": made[-1]}


def call(values, parameters=1, inputs=(INPUT,)):
    return LayerCall("layer", "Conv2D", parameters, inputs, (values,))


@pytest.fixture
def values():
    return np.random.default_rng(3).normal(size=(11, 4, 5, 6)).astype(np.float32)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 3, 1, 2), (1, 0, 2, 3), (3, 2, 1, 0)])
def test_any_order_of_axes(values, order):
    found = match(
        [call(values)], File("a", "b"), {"a": -values, "b": np.ascontiguousarray(values.transpose(order))}
    )
    assert found == [Match("b", "equal")]


def test_another_shape_of_the_same_values(values):
    assert match([call(values)], File("a"), {"a": values.reshape(11, -1)}) == [Match("a", "equal")]


@pytest.mark.parametrize(("noise", "how"), [(1e-5, "equal"), (1e-3, "unused")])
def test_how_far_values_may_be_off(values, noise, how):
    off = values + noise * np.abs(values).max() * np.sign(values)
    assert match([call(values)], File("a"), {"a": off})[0].how == how


def test_of_tensors_alike_the_last_that_only_arranges(values):
    flat = values.reshape(11, -1)
    file = File("a", "b", "c", op="RESHAPE")
    held = {"a": values, "b": values.transpose(0, 3, 1, 2), "c": flat}
    pooled, flattened = call(values), call(flat, inputs=(0,))
    assert [where.tensor for where in match([pooled, flattened], file, held)] == ["b", "c"]
    # An operator that computes ends the row: a limit that these values do not reach.
    limit = File("a", "b", op="MINIMUM")
    assert match([pooled], limit, {"a": values, "b": values})[0].tensor == "a"


def test_of_tensors_alike_the_one_that_is_used(values):
    file = File("a", "b", "c")
    file.steps[1] = Step("WHILE", ("a",), ("last", "b"))
    held = {"last": values, "b": values}
    assert match([call(values)], file, held)[0].tensor == "b"


def test_no_tensor_that_is_made_before_what_the_layer_takes(values):
    calls = [call(values + 1), call(values, inputs=(0,))]
    held = {"a": values, "b": values + 1, "c": values}
    assert [where.tensor for where in match(calls, File("a", "b", "c"), held)] == ["b", "c"]


def test_a_factor_for_each_channel(values):
    factors = np.array([0.1, 3, 1, 0.5, 20, 7], np.float32)
    assert match([call(values)], File("a"), {"a": values * factors}) == [Match("a", "scaled")]
    for wrong in (-factors, factors * 0):
        assert match([call(values)], File("a"), {"a": values * wrong})[0].tensor is None
    # Without weights there is nothing that equalization could have moved.
    assert match([call(values, parameters=0)], File("a"), {"a": values * factors})[0].tensor is None


def test_a_factor_is_no_match_where_only_few_values_speak_for_it(values):
    rare = values.copy()
    rare[..., 1:] = 0
    rare[0, 0, 0, 1:] = 100  # one value each: any factor fits
    other = rare.copy()
    other[0, 0, 0, 1:] = np.arange(1, 6)
    assert match([call(rare)], File("a"), {"a": other})[0].tensor is None
