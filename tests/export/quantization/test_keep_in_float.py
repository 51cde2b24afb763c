"""Which ops stay in float32, on graphs of a few nodes."""

import pytest

from export.formats.format import NothingToQuantize
from export.quantization.keep_in_float import (
    before_weights,
    clip_softmax,
    kept_at_each_call,
    kept_in_float,
    refuse_if_all_is_kept,
    share_note,
    upstream,
    what_angles_are_made_of,
    without_ranges,
)
from export.quantization.nodes import Node


def chain(*ops, weighted=("CONV",)):
    """Nodes one behind the other: node i takes t{i} and makes t{i + 1}; its key is its op."""
    return [
        Node(op, op, (f"t{place}",), (f"t{place + 1}",), weights=9 * (op in weighted))
        for place, op in enumerate(ops)
    ]


def reasons(nodes, ranges=None, outputs=()):
    found = kept_in_float(nodes, ranges or {}, outputs)
    return {key: reason.split(",")[0] for key, reason in found.items()}


def test_what_comes_before_the_weights_stays_and_needs_no_note():
    assert reasons(chain("SUB", "MUL", "CONV", "RELU")) == {"SUB": "", "MUL": ""}


def test_each_input_has_its_own_preprocessing():
    """The second input is scaled behind the first convolution in the order of the file."""
    nodes = [
        Node("conv", "CONV", ("image",), ("a",), weights=9),
        Node("scale", "MUL", ("table",), ("b",)),
        Node("join", "CONCATENATION", ("a", "b"), ("c",)),
    ]
    assert before_weights(nodes) == ["scale"]


def test_a_loop_counts_as_weights():
    nodes = [
        Node("loop", "WHILE", ("x",), ("a",), bodies=(1,)),
        Node("behind", "MUL", ("a",), ("b",)),
        Node("inside", "CONV", ("y",), ("z",), weights=9, graph=1),
    ]
    assert before_weights(nodes) == []


def test_all_that_leads_to_a_logarithm_stays():
    found = reasons(chain("CONV", "RELU", "LOG", "MEAN"))
    assert found == dict.fromkeys(("CONV", "RELU", "LOG"), "what a logarithm is taken of")


@pytest.mark.parametrize(("low", "high", "kept"), [(1.0, 2.0, False), (0.0, 1.0, True), (1.0, 100.0, True)])
def test_a_logarithm_of_values_that_few_bits_tell_apart_is_quantized(low, high, kept):
    found = reasons(chain("CONV", "LOG"), {"t1": (low, high)})
    assert bool(found) is kept


def test_what_leads_to_an_exponential_needs_not_be_exact_for_its_logarithm():
    """As a softplus is made, log(exp(x) + 1): where x is off by a step, so is the softplus, at most."""
    found = reasons(chain("CONV", "RELU", "EXP", "ADD", "LOG"), {"t4": (1.0, 100.0)})
    assert found == dict.fromkeys(("EXP", "ADD", "LOG"), "what a logarithm is taken of")


@pytest.mark.parametrize(("low", "high", "kept"), [(0.0, 0.0, True), (-0.01, 0.01, True), (0.0, 1.0, False)])
def test_a_difference_that_few_bits_do_not_tell_from_zero_stays(low, high, kept):
    """As x - x, by which Keras finds infinite values: tflite-runtime ends its process, LiteRT answers wrongly."""
    found = reasons(chain("CONV", "SUB"), {"t1": (0.0, 9.0), "t2": (low, high)})
    assert ("SUB" in found) is kept


def test_what_an_angle_is_computed_of_stays_in_every_scheme():
    nodes = chain("CONV", "ATAN2", "MEAN")
    assert reasons(nodes) == dict.fromkeys(("CONV", "ATAN2"), "what an angle is computed of")
    assert set(what_angles_are_made_of(nodes)) == {"CONV", "ATAN2"}


def test_comparisons_for_equality_stay():
    assert set(reasons(chain("CONV", "NOT_EQUAL"))) == {"NOT_EQUAL"}


def test_nothing_left_to_quantize_is_said_with_the_reason():
    nodes = chain("CONV", "LOG")
    with pytest.raises(NothingToQuantize) as error:
        refuse_if_all_is_kept(nodes, kept_in_float(nodes, {}, ()))
    assert str(error.value) == (
        "the model has nothing to quantize: in float32 stays what a logarithm is taken of, since few bits leave "
        "nothing of its small values; use float32"
    )
    refuse_if_all_is_kept(nodes, {"LOG": ""})


def test_what_dynamic_can_quantize_is_said():
    nodes = [*chain("CONV", "FLOOR"), Node("cast", "CAST", ("t2",), ("t3",), to_integers=True)]
    with pytest.raises(NothingToQuantize, match=r"a rounded index is another index; use float32 or dynamic$"):
        refuse_if_all_is_kept(nodes, kept_in_float(nodes, {}, ()))


def test_where_no_range_is_known_all_that_leads_to_a_logarithm_or_an_angle_stays():
    """Where activations are quantized at each call; what an exponential comes of needs not be exact."""
    assert set(kept_at_each_call(chain("CONV", "MUL", "LOG", "MEAN"))) == {"CONV", "MUL", "LOG"}
    assert set(kept_at_each_call(chain("CONV", "SOFTMAX", "LOG"))) == {"SOFTMAX", "LOG"}
    assert set(kept_at_each_call(chain("CONV", "ATAN2"))) == {"CONV", "ATAN2"}


def test_all_that_leads_to_an_index_stays():
    nodes = [
        *chain("CONV", "FLOOR"),
        Node("cast", "CAST", ("t2",), ("t3",), to_integers=True),
        Node("mean", "MEAN", ("t3",), ("t4",)),
    ]
    assert reasons(nodes) == dict.fromkeys(("CONV", "FLOOR", "cast"), "what whole numbers are made of")


def test_what_leads_there_out_of_a_loop_is_in_the_loop_too():
    nodes = [
        Node("loop", "WHILE", ("x",), ("a",), bodies=(1,)),
        Node("log", "LOG", ("a",), ("b",)),
        Node("other", "CONV", ("x",), ("c",), weights=9),
        Node("inside", "CONV", ("y",), ("z",), weights=9, graph=1),
    ]
    assert upstream(nodes, {"log"}) == {"loop", "log", "inside"}


def test_what_makes_and_takes_an_additive_mask_stays_but_its_softmax():
    nodes = [
        Node("scores", "CONV", ("x",), ("s",), weights=9),
        Node("mask", "MUL", ("s",), ("m",)),
        Node("add", "ADD", ("s", "m"), ("a",)),
        Node("softmax", "SOFTMAX", ("a",), ("p",)),
    ]
    ranges = {"s": (-3.0, 3.0), "m": (-1e9, 0.0), "a": (-1e9, 3.0), "p": (0.0, 1.0)}
    clipped = clip_softmax(nodes, ranges)
    assert clipped == ranges | {"a": (-21.0, 3.0)}
    assert reasons(nodes, clipped) == dict.fromkeys(("mask", "add"), "values beyond 100000")


def test_the_usual_input_of_a_softmax_keeps_its_range():
    nodes = chain("CONV", "SOFTMAX")
    assert clip_softmax(nodes, {"t1": (-90.0, 9.0)}) == {"t1": (-90.0, 9.0)}


@pytest.mark.parametrize(("outputs", "kept"), [((), True), (("b",), False)])
def test_a_split_with_a_part_that_nobody_takes_stays(outputs, kept):
    nodes = [
        Node("conv", "CONV", ("x",), ("y",), weights=9),
        Node("split", "SPLIT", ("y",), ("a", "b")),
        Node("relu", "RELU", ("a",), ("c",)),
    ]
    assert ("split" in reasons(nodes, outputs=outputs)) is kept


def test_in_a_loop_only_products_with_weights_are_quantized():
    nodes = [
        Node("loop", "WHILE", ("x",), ("a",), bodies=(1,)),
        Node("product", "CONV", ("y",), ("z",), weights=9, graph=1),
        Node("tanh", "TANH", ("z",), ("w",), graph=1),
    ]
    assert set(reasons(nodes)) == {"tanh"}


def test_what_the_calibration_never_reached_stays():
    nodes = chain("CONV", "RELU")
    assert without_ranges(nodes, {"t1", "t2"}, {"t1": (0.0, 1.0), "t2": (0.0, 1.0)}) == {}
    assert set(without_ranges(nodes, {"t1", "t2"}, {"t1": (0.0, 1.0)})) == {"RELU"}


def test_the_share_of_weights_is_told_where_it_is_not_all():
    assert share_note(7, 7) == ()
    assert share_note(1, 3) == ("33.3 % of the weights are quantized; the others stay in float32.",)
