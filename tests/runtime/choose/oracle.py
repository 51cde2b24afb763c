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
ENDS = {
    "latency_us_p50": ("latency_us_low", "latency_us_high"),
    "latency_us_p90": ("latency_us_p90_low", "latency_us_p90_high"),
    "latency_us_p99": ("latency_us_p99_low", "latency_us_p99_high"),
}
TIMES = (*ENDS, *(end for ends in ENDS.values() for end in ends), "slower_low", "slower_high")


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
    if how != "plain":
        row = row._replace(**tail_ends(row, chance))
    if row.metric is not None and original is not None and chance.random() < 0.6:
        lost = (original - row.metric) * (1 if name == "accuracy" else -1)
        low, high = lost - chance.randint(0, 4) / 1000, lost + chance.randint(0, 4) / 1000
        row = row._replace(metric_drop_low=low, metric_drop_high=high)
    return row._replace(**dict.fromkeys(TIMES)) if chance.random() < 0.1 else row


def tail_ends(row, chance):
    """The ends of the intervals of the 90th and 99th percentile; of few calls there is no upper one."""
    found = {}
    for name in ("latency_us_p90", "latency_us_p99"):
        value = getattr(row, name)
        if value is not None:
            high = chance.choice([None, *(value + eighths / 8 for eighths in range(8))])
            found |= dict(zip(ENDS[name], (value - chance.randint(0, 4) / 8, high), strict=True))
    return found


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


def verdict_by_hand(row, rows, limits):
    """Whether a row keeps all limits by all that its intervals hold ("kept"), by none of it, or "undecided"."""
    if row.variant == "saved_model" or row.status in ("failed", "skipped") or row.latency_us_p50 is None:
        return "broken"
    lost = drop_by_hand(row, rows)
    spans = []
    if lost is None and limits.drop is not None:
        return "broken"
    if lost is not None:
        most = {"accuracy": Fraction(3, 10), "rmse": Fraction(1)}[row.metric_name]
        most = most if limits.drop is None else Fraction(limits.drop)
        low, high = lost, lost
        # Where nobody asked for a limit, the gate has decided what an interval leaves open: by parity or budget.
        if limits.drop is not None and row.split == "test" and row.metric_drop_low is not None:
            unit = (
                10
                if row.metric_name == "accuracy"
                else Fraction(row.metric_original).limit_denominator(1000) * 10
            )
            low, high = (
                Fraction(round(1000 * end)) / unit for end in (row.metric_drop_low, row.metric_drop_high)
            )
            high = low if row.variant.endswith("float32") else high
        spans.append((low, high, most))
    if limits.size_bytes is not None:
        spans.append((row.size_bytes, row.size_bytes, limits.size_bytes))
    for name, ends in ENDS.items():
        most, value = getattr(limits, name), getattr(row, name)
        if most is not None:
            if value is None:
                return "broken"
            low, high = (getattr(row, end) for end in ends)
            spans.append(
                (value, value, most)
                if low is high is None
                else (low, float("inf") if high is None else high, most)
            )
    if any(low > most for low, _, most in spans):
        return "broken"
    return "undecided" if any(high > most for _, high, most in spans) else "kept"


def allowed_by_hand(row, rows, limits):
    return verdict_by_hand(row, rows, limits) == "kept"


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
    return best_by_hand([row for row in rows if allowed_by_hand(row, rows, limits)])


def best_by_hand(good):
    ranked = any(row.slower_high is not None for row in good)
    tied = [row for row in good if not any(certainly_faster_by_hand(other, row, ranked) for other in good)]
    if not tied:
        assert not good
        return None, []
    (winner,) = [one for one in tied if all(row is one or better_by_hand(one, row) for row in tied)]
    return winner, [row for row in tied if row is not winner]


def might_win_by_hand(rows, limits):
    """The undecided rows that would change the answer if they kept all limits."""
    good = [row for row in rows if allowed_by_hand(row, rows, limits)]
    winner, _ = best_by_hand(good)
    undecided = [row for row in rows if verdict_by_hand(row, rows, limits) == "undecided"]
    return [row for row in undecided if best_by_hand([*good, row])[0] != winner]
