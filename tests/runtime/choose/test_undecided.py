"""What the rule says where an interval reaches over a limit: neither that the row keeps it, nor that it does not."""

import pytest

from runtime.choose.limits import Limits
from runtime.choose.rule import choose, within_but_latency
from tests.rows import measured


@pytest.mark.parametrize(
    ("limits", "limit", "why"),
    [
        (
            {"latency_us_p50": 11},
            "latency_us_p50",
            "its latency_us_p50 is 10.0 to 12.0 µs, and 11 are allowed",
        ),
        (
            {"latency_us_p90": 13},
            "latency_us_p90",
            "its latency_us_p90 is 12.5 to 14.0 µs, and 13 are allowed",
        ),
        (
            {"latency_us_p99": 99},
            "latency_us_p99",
            "its latency_us_p99 is at least 15.0 µs, and 99 are allowed",
        ),
        ({"drop": 0.3}, "drop", "it loses 0.10 points (-0.20 to 0.40), and 0.3 are allowed"),
    ],
)
def test_an_interval_that_reaches_over_a_limit_leaves_it_undecided(limits, limit, why):
    row = measured(
        latency_us=10, metric=0.989, latency_us_high=12, latency_us_p90=13, latency_us_p99=16,
        latency_us_p90_low=12.5, latency_us_p90_high=14, latency_us_p99_low=15,
        metric_drop_low=-0.002, metric_drop_high=0.004,
    )  # fmt: skip
    found = choose([row], Limits(**limits))
    assert found.row is None and found.excluded == ((row, limit, f"undecided: {why}", True),)
    first = f"the first is tflite-int8 with litert: {why}"
    assert found.why == f"it is undecided whether any variant is within all limits; {first}"
    # Beside a slower one it matters; beside a smaller one that is as fast it does not.
    alike = limit == "latency_us_p50"
    fine = measured("tflite-a", 10.9 if alike else 20, 1, 0.99, latency_us_p90=1, latency_us_p99=1)
    beside = choose([row, fine], Limits(**limits))
    might = "; undecided, and the answer might be another: tflite-int8 with litert"
    assert beside.row is fine and beside.why.endswith(might) == (not alike)
    # What breaks another limit for certain is not undecided.
    out = choose([row], Limits(**limits, size_bytes=99))
    assert [(each.limit, each.undecided) for each in out.excluded] == [("size_bytes", False)]


def test_what_the_gate_has_decided_is_not_undecided():
    """Within the budget of the export but not proved is `unproven`, and may be shipped; float32 is held to parity."""
    ends = {"metric_drop_low": -0.02, "metric_drop_high": 0.02}
    row = measured(latency_us=10, metric=0.99, status="unproven", **ends)
    assert choose([row]).row is row and choose([row], Limits(drop=0.5)).excluded[0].undecided
    assert choose([row], Limits(budget=0.5)).row is row
    worse = measured(latency_us=10, metric=0.984, status="unproven", **ends)
    (out,) = choose([worse], Limits(budget=0.5)).excluded
    assert out.why == "it loses 0.60 points, more than the 0.5 allowed" and not out.undecided
    unknown = measured(latency_us=10, metric=None)
    assert choose([unknown]).row is unknown and choose([unknown], Limits(budget=0.5)).row is None
    same = measured("tflite-float32", latency_us=10, metric=0.99, **ends)
    assert choose([same], Limits(drop=0.5)).row is same
    worse = measured("tflite-float32", latency_us=10, metric=0.9, metric_drop_low=0.08, metric_drop_high=0.1)
    assert (
        choose([worse], Limits(drop=0.5)).excluded[0].why == "it loses 9.00 points, more than the 0.5 allowed"
    )


def test_what_is_undecided_is_measured_all_the_same():
    row = measured(metric=0.99, metric_drop_low=-0.02, metric_drop_high=0.02)
    assert within_but_latency([row], Limits(drop=0.5)) == [row]
