"""The search for what to keep, on losses that are made up: a sum over the groups that are in int8."""

import itertools
import math

import numpy as np
import pytest

from export.quantization.mixed_search import Answer, Mixture, rank, search

SCHEMES, CHEAPER = ("float16", "float32"), ("dynamic",)


def run(losses, limit, left=None, schemes=SCHEMES, cheaper=CHEAPER, ranking=None):
    """The answer, and how many files were measured: `left` is what a kept group still loses, by scheme."""
    left = {"float16": 0.0, "float32": 0.0, "dynamic": 1.0} | (left or {})
    measured = {}
    ranking = rank([-loss for loss in losses]) if ranking is None else ranking
    while isinstance(asked := search(ranking, measured, schemes, cheaper, limit), Mixture):
        assert asked not in measured
        measured[asked] = sum(
            loss * (left[asked.scheme] if place in asked.kept else 1.0) for place, loss in enumerate(losses)
        )
    return asked, measured


def test_groups_are_ranked_by_the_error_that_is_left_when_each_alone_is_kept():
    assert rank([0.3, 0.1, 0.2, 0.1]) == [1, 3, 2, 0]


@pytest.mark.parametrize("groups", [2, 3, 8, 21, 100, 400])
def test_no_smaller_set_is_enough_and_few_files_are_measured(groups):
    generator = np.random.default_rng(groups)
    for _ in range(20):
        losses = generator.exponential(size=groups)
        limit = generator.uniform(min(losses), sum(losses))
        answer, measured = run(losses, limit)
        ordered = sorted(losses, reverse=True)
        least = next(count for count in range(1, groups) if sum(ordered[count:]) <= limit)
        assert answer.enough and len(answer.mixture.kept) == least
        assert len(measured) <= 2 * math.ceil(math.log2(groups)) + 12


def test_what_the_ranking_took_along_for_nothing_is_left_out_again():
    """Groups 0 and 2 lose all; the ranking has put 1 between them."""
    answer, _ = run([5.0, 0.0, 5.0, 0.0, 0.0], limit=1.0, ranking=[0, 1, 2, 3, 4])
    assert answer == Answer(Mixture((0, 2), "float16"), True)


def test_a_cheaper_scheme_is_taken_where_it_is_enough():
    answer, _ = run([5.0, 1.0, 1.0], limit=2.5, left={"dynamic": 0.05})
    assert answer == Answer(Mixture((0,), "dynamic"), True)


def test_a_dearer_scheme_is_for_where_the_first_does_not_suffice():
    answer, measured = run([5.0, 1.0, 1.0], limit=1.5, left={"float16": 0.5})
    assert answer == Answer(Mixture((0, 1), "float32"), True)
    assert next(iter(measured)) == Mixture((0, 1), "float16")


def test_where_nothing_is_enough_the_nearest_is_the_answer():
    answer, measured = run([5.0, 1.0, 1.0], limit=0.5)
    assert answer == Answer(Mixture((0, 1), "float16"), False)
    assert len(measured) == 2  # of all groups but one, in each scheme


def test_all_groups_are_never_kept():
    for losses in itertools.product((0.0, 1.0), repeat=4):
        answer, _ = run(losses, limit=0.0)
        assert 1 <= len(answer.mixture.kept) < 4
