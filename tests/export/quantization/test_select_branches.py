"""Which values of a graph a SELECT throws away."""

from types import SimpleNamespace

import numpy as np

from export.quantization.select_branches import Branch, select_branches


def tensor(name, *shape):
    return SimpleNamespace(name=name.encode(), shape=list(shape))


X = tensor("x", 1, 4)
POSITIVE = tensor("positive", 1, 4)
ONE = tensor("one")


def selu(exponential, other_use=()):
    """The graph that TensorFlow writes for selu."""
    scaled, less, result = tensor("scaled", 1, 4), tensor("less", 1, 4), tensor("result", 1, 4)
    return [
        ("FULLY_CONNECTED", [tensor("input", 1, 9)], [X]),
        ("GREATER", [X, ONE], [POSITIVE]),
        ("MUL", [X, ONE], [scaled]),
        ("EXP", [X], [exponential]),
        ("SUB", [exponential, ONE], [less]),
        ("SELECT_V2", [POSITIVE, scaled, less], [result]),
        *other_use,
    ]


def test_each_side_of_selu_is_kept_where_it_is_used():
    assert select_branches(selu(tensor("exp", 1, 4))) == {
        "scaled": Branch("positive", True),
        "less": Branch("positive", False),
        "exp": Branch("positive", False),
    }


def test_what_something_else_uses_too_keeps_its_whole_range():
    exponential = tensor("exp", 1, 4)
    found = select_branches(selu(exponential, [("NEG", [exponential], [tensor("negative", 1, 4)])]))
    assert set(found) == {"scaled", "less"}


def test_another_shape_than_the_conditions_is_left_alone():
    assert select_branches(selu(tensor("exp", 1, 1))).keys() == {"scaled", "less"}


def test_only_kept_values_have_a_range():
    values, positive = np.array([-1.0, 2.0, 9.0]), np.array([False, True, True])
    assert Branch("positive", False).kept(values, positive).tolist() == [-1]
    assert Branch("positive", True).kept(values, positive).tolist() == [2, 9]
    assert Branch("positive", True).kept(values[:1], positive[:1]).tolist() == [-1]  # none: all of them
