"""The row to ship follows from the measured rows and the limits by one rule that can be read."""

import random

import pytest

from runtime.choose.limits import Limits
from runtime.choose.rule import choose, drop_of, ship_line, within_but_latency
from runtime.errors import BundleError
from tests.rows import measured
from tests.runtime.choose.oracle import KEYS, allowed_by_hand, random_row, winner_by_hand


def test_the_fastest_that_keeps_the_metric_is_shipped():
    rows = [
        measured("tflite-float32", 20, 300, 0.99),
        measured("tflite-int8", 10, 80, 0.989),
        measured("onnx-int8", 5, 80, 0.98),
    ]
    choice = choose(rows)
    assert choice.row is rows[1] and choice.tied == ()
    assert (
        choice.why == "of the 2 that keep the accuracy, it is the fastest; next is tflite-float32 with litert"
    )
    (out,) = choice.excluded
    assert out == (rows[2], "drop", "it loses 1.00 points, more than the 0.3 allowed", False)


def test_of_equally_fast_ones_the_smallest_is_shipped():
    rows = [measured("tflite-float32", 10.0, 300, 0.99), measured("tflite-float16", 10.4, 150, 0.99)]
    choice = choose(rows)
    assert choice.row is rows[1] and choice.tied == (rows[0],)
    assert choice.why == (
        "of the 2 that keep the accuracy, it is the smallest of the 2 tied for the fastest; tied with it: "
        "tflite-float32 with litert"
    )
    assert choose([rows[0], rows[1]._replace(latency_us_p50=10.6)]).row is rows[0]


def test_of_equal_files_the_fewest_threads_then_the_fastest_then_the_first_by_name():
    one, two = measured(latency_us=10.4), measured(latency_us=10, threads=2)
    choice = choose([two, one])
    assert choice.row is one
    assert choice.why == (
        "of the 2, it is the one with the fewest threads of the 2 tied for the fastest; tied with it: "
        "tflite-int8 with litert, 2 threads"
    )
    other = measured(latency_us=10.2, engine="tflite-runtime")
    assert "it is the fastest of the 2 tied" in choose([one, other]).why and choose([one, other]).row is other
    same = other._replace(latency_us_p50=10.4)
    assert (
        "it is the first by name of the 2 tied" in choose([one, same]).why and choose([same, one]).row is one
    )


def test_only_a_few_of_the_tied_rows_are_named():
    rows = [measured(f"tflite-{letter}", 10) for letter in "abcdef"]
    assert choose(rows).why.endswith(
        "tied with it: tflite-b with litert, tflite-c with litert, tflite-d with litert, 2 more"
    )


def test_a_larger_rmse_is_worse():
    rmse = {"metric_name": "rmse", "metric_original": 0.5}
    rows = [measured("onnx-float32", 9, 9, 0.50, **rmse), measured("onnx-int8", 1, 1, 0.5051, **rmse)]
    assert choose(rows).row is rows[0]
    rows[1] = rows[1]._replace(metric=0.505)
    assert choose(rows).row is rows[1]
    assert choose(rows, Limits(drop=0.5)).row is rows[0]


def test_an_original_without_any_error_is_kept_only_without_one():
    perfect = measured(latency_us=1, metric=0.0, metric_name="rmse", metric_original=0.0)
    assert drop_of(perfect, [perfect]) == 0 and choose([perfect]).row is perfect
    worse = perfect._replace(metric=1e-9)
    assert choose([worse]).row is None and "loses inf %" in choose([worse]).excluded[0].why


def test_the_metric_is_compared_on_the_same_data():
    # On somebody's own data all are worse than on the test split: no reason to ship nothing.
    rows = [
        measured("tflite-float32", 20, 300, 0.90, split="given"),
        measured("tflite-int8", 10, 80, 0.90, split="given"),
    ]
    assert choose(rows).row is rows[1]
    # The best of the float32 variants stands for the original, wherever it is in the table.
    better = measured("onnx-float32", 30, 300, 0.91, split="given")
    assert choose([*rows, better]).row is better
    assert choose([better, *rows]).row is better
    # One that was measured on other data, or failed, does not stand for it.
    for other in (
        better._replace(samples=10),
        better._replace(split="test"),
        better._replace(status="failed"),
    ):
        assert choose([*rows, other]).row is rows[1]
    # Without a float32 variant the original's own figure is what there is.
    assert choose(rows[1:]).row is None
    assert choose(rows[1:]).why == (
        "every variant loses too much; the nearest is tflite-int8 with litert: it loses 9.00 points, more than the "
        "0.3 allowed"
    )
    # On the test split the original was measured, and float32 variants count for nothing.
    assert choose([row._replace(split="test") for row in rows]).row is None


def test_without_labelled_data_parity_decides():
    rows = [measured("tflite-float32", 20, 300), measured("tflite-int8", 10, 80)]
    choice = choose(rows)
    assert choice.row is rows[1]
    assert choice.why == "of the 2, it is the fastest; next is tflite-float32 with litert"
    assert choose(rows[:1]).row is rows[0] and choose(rows[:1]).why == "the only one that may be used here"


def test_what_failed_is_never_shipped():
    failed = measured("tflite-int8", None, status="failed", reason="the largest error is 0.3")
    skipped = measured("onnx-int8", None, status="skipped")
    choice = choose([failed, skipped])
    assert choice.row is None and choice.why == "no variant agrees with the original here"
    assert choice.excluded == (
        (skipped, "verdict", "skipped", False),
        (failed, "verdict", "the largest error is 0.3", False),
    )
    assert choose([]).why == "there is no variant for a device"


def test_what_is_unproven_may_be_shipped():
    assert choose([row := measured(latency_us=1, status="unproven")]).row is row


@pytest.mark.parametrize("where", [{"engine": "tensorflow"}, {"variant": "saved_model"}])
def test_a_saved_model_is_never_shipped(where):
    choice = choose([measured(latency_us=1)._replace(**where)])
    assert choice.row is None and choice.excluded[0].limit == "format"
    assert choice.why == "there is no variant for a device"


def test_a_latency_that_was_not_measured_excludes():
    choice = choose([measured(latency_us=None)])
    assert choice.excluded[0].limit == "latency"
    assert choice.why == (
        "no latency was measured; the nearest is tflite-int8 with litert: its latency was not measured"
    )


def test_where_rows_were_ranked_side_by_side_the_ratio_says_what_is_tied():
    fastest = measured(
        "onnx-int8", 10, 300, slower_low=1, slower_high=1, latency_us_low=8, latency_us_high=12
    )
    # Alone, the intervals overlap; block by block the difference is plain.
    slower = measured("tflite-int8", 10.2, 100, slower_low=1.03, slower_high=1.1, latency_us_low=8)
    assert choose([fastest, slower]).row is fastest
    assert "it is the fastest, by 3% at least; next is tflite-int8" in choose([fastest, slower]).why
    assert choose([fastest, slower._replace(slower_low=0.99)]).row.variant == "tflite-int8"
    # By so little the same file differs from itself.
    assert choose([fastest, slower._replace(slower_low=1.019)]).row.variant == "tflite-int8"
    # Far slower by the figure, but so uncertain that it may be as fast.
    assert choose([fastest, slower._replace(slower_low=0.9, latency_us_p50=14)]).row.variant == "tflite-int8"
    # What the ranking left behind has no ratio, and is no tie.
    behind = slower._replace(slower_low=None, slower_high=None, latency_us_p50=10.1)
    assert choose([fastest, behind]).row is fastest
    # One that was left behind is no tie even where its figure is the lowest.
    assert choose([fastest, behind._replace(latency_us_p50=9)]).row is fastest
    # Where the one that all were compared with is out, the intervals of the ratios to it are compared.
    second = slower._replace(engine="tflite-runtime", latency_us_p50=10.1, size_bytes=200, slower_low=1.005)
    out = fastest._replace(status="failed")
    assert choose([out, second, slower]).row is slower
    assert choose([out, second._replace(slower_high=1.009), slower]).row.engine == "tflite-runtime"


def test_else_the_intervals_of_the_medians_say_it():
    fastest = measured("onnx-int8", 10, 300, latency_us_low=9, latency_us_high=11)
    slower = measured("tflite-int8", 14, 100, latency_us_low=11, latency_us_high=15)
    assert choose([fastest, slower]).row is slower
    assert choose([fastest, slower._replace(latency_us_low=11.1)]).row is fastest
    # A third that is as fast as the second, but for certain slower than the fastest, is no tie of the fastest.
    third = measured("tflite-dynamic", 13, 10, latency_us_low=12, latency_us_high=14)
    assert choose([fastest, slower, third]).row is slower


@pytest.mark.parametrize(
    ("limits", "limit", "why"),
    [
        ({"size_bytes": 99}, "size_bytes", "its file has 100 bytes, more than the 99 allowed"),
        ({"drop": 0.05}, "drop", "it loses 0.10 points, more than the 0.05 allowed"),
        (
            {"latency_us_p50": 9},
            "latency_us_p50",
            "its latency_us_p50 is 10.0 to 12.0 µs, more than the 9 allowed",
        ),
        (
            {"latency_us_p90": 12},
            "latency_us_p90",
            "its latency_us_p90 is 13.0 µs, more than the 12 allowed",
        ),
        ({"latency_us_p99": 13}, "latency_us_p99", "its latency_us_p99 was not measured, and it is limited"),
    ],
)
def test_every_limit_excludes_what_is_beyond_it(limits, limit, why):
    row = measured(latency_us=10, metric=0.989, latency_us_high=12, latency_us_p90=13)
    assert choose([row]).row is row
    (out,) = choose([row], Limits(**limits)).excluded
    assert out == (row, limit, why, False)
    fine = measured("tflite-a", 1, 1, 0.99, latency_us_p90=1, latency_us_p99=1)
    assert choose([row, fine], Limits(**limits)).row is fine


def test_what_was_not_measured_is_beyond_a_limit():
    row = measured(latency_us=1, size_bytes=None)
    assert (
        choose([row], Limits(size_bytes=5)).excluded[0].why == "its size was not measured, and it is limited"
    )
    assert (
        choose([row], Limits(drop=5)).excluded[0].why
        == "what it loses was not measured, and the drop is limited"
    )


def test_the_limit_that_excludes_everything_is_named():
    rows = [measured("tflite-a", 10, 100, 0.98), measured("tflite-b", 20, 50, 0.99)]
    assert choose(rows, Limits(size_bytes=49)).why == (
        "every file is too large; the nearest is tflite-b with litert: its file has 50 bytes, more than the 49 allowed"
    )
    assert choose(rows, Limits(latency_us_p50=5)).why == (
        "every variant is too slow; the nearest is tflite-a with litert: its latency_us_p50 is 10.0 µs, more than "
        "the 5 allowed"
    )
    assert choose(rows, Limits(latency_us_p50=15)).why == (
        "no variant is within all limits: drop excludes 1, latency_us_p50 excludes 1; without drop there is tflite-a "
        "with litert; without latency_us_p50 there is tflite-b with litert"
    )


def test_before_rows_are_timed_the_other_limits_say_which_are_worth_it():
    rows = [measured("tflite-a", size_bytes=5), measured("tflite-b"), measured("tflite-c", status="failed")]
    assert within_but_latency(rows, Limits(size_bytes=50)) == rows[:1]


def test_an_unknown_metric_is_refused():
    with pytest.raises(BundleError, match="the metric 'mae' is unknown; known: accuracy, f1, rmse"):
        choose([measured(latency_us=1, metric=0.5, metric_name="mae")])


def test_the_answer_in_one_line():
    row = measured(latency_us=10, metric=0.989, size_bytes=2048)
    ship = "Ship tflite-int8.tflite with litert: the only one that may be used here. It takes 10.0 µs"
    assert ship_line(choose([row])) == f"{ship} and 2.0 KiB; accuracy 98.90%."
    bare = row._replace(metric=None, max_abs_error=0.25, size_bytes=None)
    assert ship_line(choose([bare])) == f"{ship}; accuracy not measured, largest error 0.25."
    assert ship_line(choose([])) == "Ship nothing: there is no variant for a device."


def table(seed):
    """Rows, limits, and the rows in another order; the same for the same seed."""
    chance = random.Random(seed)
    name = chance.choice(["accuracy", "rmse"])
    timing = chance.choice(["plain", "intervals", "ranked", "mixed"])
    original = chance.choice([None, chance.randint(490, 510) / 1000])
    keys = chance.sample(KEYS, chance.randint(0, 10))
    rows = [random_row(key, chance.getrandbits(32), name, original, timing) for key in keys]
    limits = Limits(
        chance.choice([None, chance.choice([0, 0.25, 0.5])]),
        chance.choice([None, chance.choice([5, 10, 20])]),
        chance.choice([None, chance.randint(64, 96) / 8]),
    )
    return rows, limits, chance.sample(rows, len(rows))


# Other rules than the one: the oracle must tell each of them from it.
OTHER_RULES = {
    "a larger budget": lambda rows, limits: choose(rows, limits._replace(drop=1.0)),
    "no limit on the size": lambda rows, limits: choose(rows, limits._replace(size_bytes=None)),
    "no ratios": lambda rows, limits: choose([r._replace(slower_low=None, slower_high=None) for r in rows], limits),
    "no sizes": lambda rows, limits: choose([row._replace(size_bytes=10) for row in rows], limits),
    "always the original": lambda rows, limits: choose([row._replace(split="test") for row in rows], limits),
}  # fmt: skip


def test_the_rule_answers_as_an_exhaustive_oracle():
    seen = []

    for seed in range(2000):
        rows, limits, shuffled = table(seed)
        choice = choose(rows, limits)
        winner, tied = winner_by_hand(rows, limits)
        assert choice.row == winner, seed
        assert set(choice.tied) == set(tied) and len(choice.tied) == len(tied), seed
        out = {row for row in rows if not allowed_by_hand(row, rows, limits)}
        assert {exclusion.row for exclusion in choice.excluded} == out and len(choice.excluded) == len(out), (
            seed
        )
        assert choose(shuffled, limits) == choice, seed
        assert 0 < len(choice.why) <= 1000 and choice.why.isprintable(), seed
        seen.append((rows, limits, winner, tied, out))
    assert sum(winner is None for _, _, winner, _, _ in seen) >= 100
    assert sum(bool(tied) for _, _, _, tied, _ in seen) >= 100
    assert sum(bool(winner and out) for _, _, winner, _, out in seen) >= 100
    for name, rule in OTHER_RULES.items():
        assert any(key(rule(rows, limits).row) != key(winner) for rows, limits, winner, _, _ in seen), name


def key(row):
    return row and (row.variant, row.engine, row.threads)
