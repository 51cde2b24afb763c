"""The statistics keep their promise: simulated pairs, whose truth is known."""

import numpy as np
import pytest

from export.checks.statistics import Drop, compare, compare_scores, samples_needed


def pairs(random, samples, lost, won):
    """Whether each sample is right, of a variant and of the original: shares `lost` and `won` differ."""
    draw = random.random(samples)
    original = np.where(draw < lost, 1.0, np.where(draw < lost + won, 0.0, 1.0))
    variant = np.where(draw < lost, 0.0, 1.0)
    return variant[:, np.newaxis], original[:, np.newaxis]


@pytest.mark.parametrize(
    ("samples", "lost", "won"), [(300, 0.03, 0.03), (2000, 0.01, 0.004), (10_000, 0.012, 0.002)]
)
def test_the_interval_of_a_share_covers_the_truth(samples, lost, won):
    random = np.random.default_rng(11)
    found = [compare("accuracy", *pairs(random, samples, lost, won)) for _ in range(2000)]
    covered = np.mean([drop.low <= lost - won <= drop.high for drop in found])
    assert covered >= 0.94


def test_a_true_loss_of_a_point_is_found_and_equal_variants_are_hardly_ever_called_different():
    random = np.random.default_rng(12)
    worse = [compare("accuracy", *pairs(random, 10_000, 0.015, 0.005)) for _ in range(500)]
    assert np.mean([drop.low > 0 for drop in worse]) >= 0.9
    equal = [compare("accuracy", *pairs(random, 10_000, 0.01, 0.01)) for _ in range(2000)]
    assert np.mean([not drop.low <= 0 <= drop.high for drop in equal]) <= 0.06


def test_an_interval_of_answers_that_never_differ_is_as_wide_as_few_samples_are():
    few, many = (compare("accuracy", np.ones((n, 1)), np.ones((n, 1))) for n in (30, 10_000))
    assert few.value == many.value == 0
    assert few.high > 0.03 and many.high < 0.001


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_the_interval_of_an_error_covers_the_truth(offset):
    random = np.random.default_rng(13)
    covered = []
    for _ in range(100):
        error = random.standard_normal(800)
        other = error + random.standard_normal(800) * 0.3 + offset
        found = compare("rmse", (other**2)[:, np.newaxis], (error**2)[:, np.newaxis])
        covered.append(found.low <= np.sqrt(1 + 0.09 + offset**2) - 1 <= found.high)
    assert np.mean(covered) >= 0.9


def test_a_better_variant_has_a_negative_drop_whatever_the_metric():
    right, wrong = np.ones((50, 1)), np.zeros((50, 1))
    assert compare("accuracy", right, wrong).value == -1
    assert compare("rmse", wrong, right).value == -1
    hits = np.tile([1.0, 0.0, 0.0], (50, 1))
    missed = np.tile([0.0, 0.0, 1.0], (50, 1))
    assert compare("f1", hits, missed).value == pytest.approx(-1)


def test_how_many_samples_would_decide():
    assert samples_needed(Drop(0.1, -0.3, 0.5), 0.3, 1000) == 4000
    assert samples_needed(Drop(0.1, 0.0, 0.2), 0.3, 1000) == 1000
    assert samples_needed(Drop(0.3, 0.0, 0.6), 0.3, 1000) is None


def mean_absolute(targets, answers, whose):
    return float(np.mean(np.abs(answers - targets)))


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_the_interval_of_a_users_metric_covers_the_truth(offset):
    random = np.random.default_rng(14)
    truth = np.mean(np.abs(random.standard_normal(10**6) * np.sqrt(1.09) + offset)) - np.sqrt(2 / np.pi)
    covered = []
    for _ in range(100):
        targets, error = random.standard_normal(400), random.standard_normal(400)
        other = error + random.standard_normal(400) * 0.3 + offset
        _, _, found = compare_scores(mean_absolute, "lower", targets, targets + other, targets + error, 199)
        covered.append(found.low <= truth <= found.high)
    assert np.mean(covered) >= 0.9


def test_what_is_better_higher_loses_where_it_falls_and_lower_where_it_rises():
    targets, good, bad = np.zeros(50), np.full(50, 0.25), np.full(50, 0.75)
    for better, sign in (("higher", -1), ("lower", 1)):
        after, before, found = compare_scores(mean_absolute, better, targets, bad, good, 99)
        assert (after, before) == (0.75, 0.25)
        assert found == pytest.approx(Drop(*[sign * 0.5] * 3))


def test_a_pair_is_drawn_together():
    """Answers that are off by the same for every sample lose the same in every resample."""
    random = np.random.default_rng(15)
    targets = random.standard_normal(300)
    answers = targets + np.abs(random.standard_normal(300))
    _, _, found = compare_scores(mean_absolute, "lower", targets, answers + 0.1, answers, 99)
    assert found.low == pytest.approx(0.1) and found.high == pytest.approx(0.1)


def test_fractions_that_never_differ_have_the_interval_of_accuracy():
    for samples in (30, 10_000):
        ones = np.ones(samples)
        _, _, found = compare_scores(lambda *_: 0.5, "higher", ones, ones * 2, ones, 99)
        assert found == compare("accuracy", ones[:, np.newaxis], ones[:, np.newaxis])
