"""The rule once more, written differently: it looks at every pair of rows, in exact arithmetic, and sorts nothing.

Figures are multiples of 1/8 (latencies), 1/64 (ratios) and 1/1000 (metrics), where floats cannot hide a bug.
"""

import random
from fractions import Fraction

from tests.rows import measured

KEYS = [
    (variant, engine, threads)
    for variant in (
        "tflite-float32",
        "tflite-int8",
        "tflite-dynamic",
        "onnx-float32",
        "onnx-int8",
        "saved_model",
    )
    for engine in ("litert", "tflite-runtime")
    for threads in (1, 2, 3)
]
TIMES = (
    "latency_us_p50", "latency_us_p90", "latency_us_p99", "latency_us_low", "latency_us_high", "slower_low",
    "slower_high",
)  # fmt: skip


def random_row(key, seed, name, original, timing):
    """One row of a table; `timing` says what is known of latencies, "mixed" differs from row to row."""
    chance = random.Random(seed)
    variant, engine, threads = key
    how = chance.choice(["plain", "intervals", "ranked"]) if timing == "mixed" else timing
    latency = chance.randint(64, 96) / 8
    row = measured(
        variant, latency, chance.choice([10, 20, 30]), chance.choice([None, chance.randint(495, 505) / 1000]),
        engine=engine, threads=threads, metric_name=name, metric_original=original,
        status=chance.choice(["ok"] * 8 + ["unproven", "failed", "skipped"]), split=chance.choice(["test", "given"]),
    )  # fmt: skip
    if how != "plain":
        low, high = chance.randint(0, 8) / 8, chance.randint(0, 8) / 8
        row = row._replace(latency_us_low=latency - low, latency_us_high=latency + high)
    if how == "ranked" and chance.random() < 0.8:  # the others were left behind
        low, high = sorted((chance.randint(64, 80) / 64, chance.randint(64, 80) / 64))
        row = row._replace(slower_low=low, slower_high=high)
    p90, p99 = latency + chance.randint(0, 8) / 8, latency + chance.randint(8, 24) / 8
    row = row._replace(latency_us_p90=chance.choice([None, p90, p90, p90]), latency_us_p99=p99)
    return row._replace(**dict.fromkeys(TIMES)) if chance.random() < 0.1 else row


def drop_by_hand(row, rows):
    if row.metric is None:
        return None
    thousandths = round(1000 * row.metric)
    references = [round(1000 * row.metric_original)] if row.metric_original is not None else []
    if row.split != "test":
        plain = [
            round(1000 * other.metric) for other in rows
            if other.metric is not None and other.status in ("ok", "unproven") and other.split == row.split
            and other.variant in ("tflite-float32", "onnx-float32")
        ]  # fmt: skip
        references = plain or references
    if not references:
        return None
    if row.metric_name == "accuracy":
        return max(Fraction(reference - thousandths, 10) for reference in references)
    return max(Fraction(100 * (thousandths - reference), reference) for reference in references)


def allowed_by_hand(row, rows, limits):
    if row.variant == "saved_model" or row.status in ("failed", "skipped") or row.latency_us_p50 is None:
        return False
    lost = drop_by_hand(row, rows)
    budget = {"accuracy": Fraction(3, 10), "rmse": Fraction(1)}[row.metric_name]
    if limits.drop is not None and (lost is None or lost > Fraction(limits.drop)):
        return False
    if limits.drop is None and lost is not None and lost > budget:
        return False
    if limits.size_bytes is not None and row.size_bytes > limits.size_bytes:
        return False
    slowest = row.latency_us_p50 if row.latency_us_high is None else row.latency_us_high
    latencies = [(limits.latency_us_p50, slowest)]
    latencies += [(limits.latency_us_p90, row.latency_us_p90), (limits.latency_us_p99, row.latency_us_p99)]
    return all(most is None or (value is not None and value <= most) for most, value in latencies)


def slowest_by_hand(row):
    """20 times the most that a call may take."""
    if row.latency_us_high is None:
        return 21 * Fraction(row.latency_us_p50)
    return 20 * Fraction(row.latency_us_high)


def certainly_faster_by_hand(a, b, ranked):
    """Whether the figures leave no doubt that a is faster than b."""
    if ranked:
        if a.slower_high is None or b.slower_low is None:
            return a.slower_high is not None
        return 50 * Fraction(b.slower_low) > 51 * Fraction(a.slower_high)
    fastest_b = 20 * Fraction(b.latency_us_p50 if b.latency_us_low is None else b.latency_us_low)
    return fastest_b > slowest_by_hand(a)


def better_by_hand(a, b):
    """Whether a goes before b of two that are equally fast."""
    for one, other in (
        (a.size_bytes, b.size_bytes), (a.threads, b.threads), (slowest_by_hand(a), slowest_by_hand(b)),
        (a.variant, b.variant), (a.engine, b.engine),
    ):  # fmt: skip
        if one != other:
            return one < other
    raise AssertionError("two rows of one name")


def winner_by_hand(rows, limits):
    good = [row for row in rows if allowed_by_hand(row, rows, limits)]
    ranked = any(row.slower_high is not None for row in good)
    tied = [row for row in good if not any(certainly_faster_by_hand(other, row, ranked) for other in good)]
    if not tied:
        assert not good
        return None, []
    (winner,) = [one for one in tied if all(row is one or better_by_hand(one, row) for row in tied)]
    return winner, [row for row in tied if row is not winner]
