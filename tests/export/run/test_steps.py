"""Steps run in an order in which each finds what it needs; an order that cannot be is an error before any runs."""

from graphlib import CycleError

import pytest

from export.run import steps
from export.run.steps import Step, given
from export.run.workers import Workers


def note(what: str) -> str:
    return what


def fail(what: str) -> str:
    raise ValueError(what)


def step(name, *after, does=note):
    return Step((name,), "device", does, given(name), tuple((key,) for key in after))


@pytest.fixture(scope="module")
def workers():
    with Workers(1) as opened:
        yield opened


def run(workers, wanted):
    """The keys of the steps in the order in which they ended, and the results."""
    ended = []
    results = steps.run(workers, wanted, lambda done, outcome: ended.append(done.key[0]))
    return ended, results


def test_each_step_runs_behind_those_it_needs_and_otherwise_in_the_order_of_the_list(workers):
    wanted = [step("d", "c"), step("c", "a"), step("b"), step("a"), step("e")]
    ended, results = run(workers, wanted)
    assert ended == ["b", "a", "c", "d", "e"]
    assert {key: outcome.value for key, outcome in results.items()} == {(name,): name for name in "abcde"}


def test_a_step_is_given_the_results_of_those_before_it(workers):
    last = Step(("last",), "device", note, lambda results: (results["first",].value * 2,), (("first",),))
    assert run(workers, [last, step("first")])[1]["last",].value == "firstfirst"


def test_what_comes_after_a_failure_fails_for_its_reason_and_the_others_go_on(workers):
    wanted = [step("a", does=fail), step("b", "a"), step("c", "b", "d"), step("d")]
    ended, results = run(workers, wanted)
    assert sorted(ended) == ["a", "b", "c", "d"]
    assert {key[0]: outcome.reason for key, outcome in results.items()} == {
        "a": "ValueError: a", "b": "ValueError: a", "c": "ValueError: a", "d": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "error", "said"),
    [
        ([step("a"), step("b", "x")], ValueError, "step 'b' waits for 'x', which is no step"),
        ([step("a", "b"), step("b", "a"), step("c")], CycleError, "nodes are in a cycle"),
        ([step("a"), step("a")], ValueError, "two steps are called 'a'"),
    ],
)
def test_an_order_that_cannot_be_is_an_error_at_once(workers, wanted, error, said):
    ended = []
    with pytest.raises(error, match=said):
        steps.run(workers, wanted, lambda done, outcome: ended.append(done.key))
    assert ended == []


def test_no_steps_have_no_results(workers):
    assert run(workers, []) == ([], {})
