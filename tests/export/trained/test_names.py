"""Public names: plain, all different, and what the user says by one of the two names of an input or output."""

import re

import pytest

from export.trained.names import UNNAMED, by_public_name, public_names
from runtime.errors import UsageError


def test_names_that_can_stay_stay():
    names = public_names(["image", "meta"], ["kind"])
    assert (names.inputs, names.outputs, names.renamed) == (("image", "meta"), ("kind",), {})


@pytest.mark.parametrize(
    ("inputs", "outputs", "public"),
    [
        (["x:0", "a b"], ["y/out"], ["x_0", "a_b", "y_out"]),
        (["x"], ["x"], ["x", "x_output"]),
        (["x", "x_output"], ["x"], ["x", "x_output", "x_output_2"]),
        (["a b", "a_b"], ["y"], ["a_b", "a_b_input", "y"]),
        (["größe"], ["y", "y"], ["gr__e", "y", "y_output"]),
        ([""], [""], ["input", "output"]),
        (["1st", "_x", "__"], ["2:0"], ["input_1st", "input_x", "input", "output_2_0"]),
        (["Image", "image"], ["y"], ["Image", "image_input", "y"]),
    ],
)
def test_names_become_plain_and_all_different(inputs, outputs, public):
    names = public_names(inputs, outputs)
    assert [*names.inputs, *names.outputs] == public
    assert len(set(public)) == len(public)
    assert list(names.own.values()) == [*inputs, *outputs]


def test_names_are_at_most_100_characters():
    names = public_names(["x" * 300], ["x" * 300])
    assert all(re.fullmatch(r"[A-Za-z0-9_]{1,100}", name) for name in (*names.inputs, *names.outputs))


NAMES = public_names(["x:0"], ["kind/out", "price"])


def test_what_is_said_by_either_name_or_by_none_is_found():
    def find(said, candidates):
        return by_public_name("--unit", said, NAMES, candidates, "output with values")

    both = ["kind_out", "price"]
    assert find({"kind/out": 1, "price": 2}, both) == {"kind_out": 1, "price": 2}
    assert find({"kind_out": 1}, both) == {"kind_out": 1}
    assert find({UNNAMED: 1}, ["price"]) == {"price": 1}
    assert find({}, []) == {}


@pytest.mark.parametrize(
    ("said", "candidates", "words"),
    [
        (
            {UNNAMED: ("a", "b")},
            ["kind_out", "price"],
            "--unit a,b names no output with values, and the model has kind_out, price; write --unit kind_out=…",
        ),
        ({UNNAMED: "m"}, [], "--unit m names no output with values, and the model has none; leave it out"),
        (
            {"other": "m"},
            ["price"],
            "--unit other=m: the model has no output with values of this name; it has price",
        ),
    ],
)
def test_what_is_of_nothing_is_refused(said, candidates, words):
    with pytest.raises(UsageError) as caught:
        by_public_name("--unit", said, NAMES, candidates, "output with values")
    assert str(caught.value) == words
