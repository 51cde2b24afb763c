"""Groups of layers, on graphs of a few nodes."""

from export.quantization.groups import groups
from export.quantization.nodes import Node


def node(key, inputs, weights=0, graph=0):
    return Node(key, key.split("_")[0], tuple(inputs), (key,), weights=weights, graph=graph)


RESIDUAL = [
    node("scale", ["image"]),
    node("conv_1", ["scale"], 9),
    node("relu_1", ["conv_1"]),
    node("conv_2", ["relu_1"], 9),
    node("add", ["conv_2", "relu_1"]),
    node("pool", ["add"]),
    node("dense", ["pool"], 4),
    node("softmax", ["dense"]),
]


def test_a_group_is_an_op_with_weights_and_what_follows_it_without():
    found = groups(RESIDUAL, {"scale"})
    assert [group.keys for group in found] == [
        ("conv_1", "relu_1"),
        ("conv_2", "add", "pool"),
        ("dense", "softmax"),
    ]
    assert [group.name for group in found] == ["conv_1", "conv_2", "dense"]


def test_what_stays_in_float_anyway_is_in_no_group_and_passes_on_whose_it_is():
    found = groups(RESIDUAL, {"scale", "conv_2", "add"}, str.upper)
    assert [(group.name, group.keys) for group in found] == [
        ("CONV_1", ("conv_1", "relu_1", "pool")),
        ("DENSE", ("dense", "softmax")),
    ]


def test_what_is_inside_a_loop_is_in_no_group():
    assert groups([node("conv", ["x"], 9), node("inner", ["y"], 9, graph=1)], ()) == groups(
        [node("conv", ["x"], 9)], ()
    )
