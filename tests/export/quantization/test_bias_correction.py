"""Bias correction, on a dense layer with a relu whose mean error is known."""

import numpy as np

from export.quantization.bias_correction import Bias, corrected, quantized_means, reference_means

RNG = np.random.default_rng(5)
ROWS = RNG.normal(size=(400, 3)).astype(np.float32)
STEPS = np.full(3, 1e-4)


class File:
    """One tensor, of the samples: moved, then limited from below."""

    def __init__(self, moved, low=-np.inf):
        self.moved, self.low = np.asarray(moved, np.float32), low

    def values(self, feeds, stored):
        return {name: np.maximum(feeds["x"] + self.moved, self.low) for name in stored}


def correct(moved, low=-np.inf, middle=0.0):
    """The move that is left after one correction of a layer whose channels are moved, and the bias."""
    feeds = {"x": ROWS + np.asarray(middle, np.float32)}
    bias = Bias("bias", np.zeros(3, np.int32), STEPS, "wanted", "made", -1, low)
    wanted = reference_means(File(np.zeros(3), low), [bias], feeds)
    found = quantized_means(File(moved, low), [bias], feeds)
    made = corrected(bias, wanted, found)
    return np.asarray(moved) + made * STEPS, made


def test_the_mean_error_of_each_channel_goes_into_its_bias():
    left, made = correct([0.05, -0.02, 0.0])
    assert made.dtype == np.int32 and np.all(np.abs(left) <= STEPS)


def test_behind_a_relu_the_share_of_values_above_zero_counts():
    left, _ = correct([0.05, -0.02, 0.0], low=0.0)
    assert np.all(np.abs(left) < 0.003)


def test_what_is_hardly_ever_above_zero_stays():
    _, made = correct([0.05, -0.02, 0.01], low=0.0, middle=[0.0, 0.0, -9.0])
    assert made[0] and made[1] and not made[2]


def test_what_the_integers_cannot_hold_is_no_error_of_the_bias():
    feeds = {"x": ROWS}
    bias = Bias("bias", np.zeros(3, np.int32), STEPS, "wanted", "made", -1, -0.5)
    wanted = reference_means(File(np.zeros(3)), [bias], feeds)
    found = quantized_means(File(np.zeros(3), -0.5), [bias], feeds)
    assert not corrected(bias, wanted, found).any()


def test_a_channel_without_weights_stays():
    bias = Bias("bias", np.zeros(3, np.int32), np.zeros(3), "wanted", "made", -1)
    wanted = reference_means(File(np.zeros(3)), [bias], {"x": ROWS})
    found = quantized_means(File(np.ones(3)), [bias], {"x": ROWS})
    assert not corrected(bias, wanted, found).any()
