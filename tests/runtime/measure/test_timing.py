"""Latencies are of the calls that were asked for, in turns."""

import gc
import time

import numpy as np
import pytest

from runtime.measure.timing import summary, times


def test_slow_and_fast_are_told_apart():
    samples = times({"slow": lambda: time.sleep(0.002), "fast": lambda: None}, rounds=3, calls=5)
    found = {name: summary(values) for name, values in samples.items()}
    assert 2000 <= found["slow"].latency_us_p50 < 20000
    assert found["fast"].latency_us_p50 < 100
    assert found["slow"].calls == found["fast"].calls == 15


def test_blocks_alternate_and_warm_up_is_not_counted():
    log = []
    found = times({"a": lambda: log.append("a"), "b": lambda: log.append("b")}, rounds=2, calls=4)
    assert found["a"].shape == (2, 4)
    # Three warm-up calls and four counted ones a block; the second round begins with the other callable.
    assert "".join(log) == "aaaaaaa" + "bbbbbbb" + "bbbbbbb" + "aaaaaaa"


def test_percentiles_are_in_microseconds():
    found = summary(np.arange(1, 1001, dtype=np.int64).reshape(10, 100) * 1000)
    assert found.latency_us_p50 == pytest.approx(500.5)
    assert found.latency_us_p90 == pytest.approx(900.1)
    assert found.latency_us_p99 == pytest.approx(990.01)
    assert found.calls == 1000


def test_the_collector_is_left_as_it_was():
    def fail():
        raise RuntimeError

    with pytest.raises(RuntimeError):
        times({"a": fail}, 1, 1)
    assert gc.isenabled()


@pytest.mark.parametrize(("rounds", "calls"), [(0, 1), (1, 0)])
def test_nothing_is_no_measurement(rounds, calls):
    with pytest.raises(ValueError, match="at least 1"):
        times({"a": lambda: None}, rounds, calls)
