"""Limits as a user writes them, and what the rule answers to them: what the oracle does, after resampling too."""

import random
import re

import pytest

from runtime.choose.constraints import QUANTITIES, parse_limits
from runtime.choose.limits import Limits, drop_interval
from runtime.choose.rule import choose, drop_of
from runtime.errors import UsageError
from tests.rows import measured
from tests.runtime.choose.oracle import (
    ENDS,
    KEYS,
    allowed_by_hand,
    might_win_by_hand,
    random_row,
    winner_by_hand,
)

NAMES = {"drop": "drop", "size_bytes": "size", **{n: n for n in QUANTITIES if n.startswith("latency")}}


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("drop<=0.5 latency_us_p99<=1000 size<=100kB", Limits(0.5, 100_000, latency_us_p99=1000)),
        ("size<=100KiB", Limits(size_bytes=102_400)),
        ("size<=1.5MB,drop<=1%", Limits(1, 1_500_000)),
        ("size <= 2MiB", Limits(size_bytes=2 << 20)),
        ("size≤99B", Limits(size_bytes=99)),
        ("  latency_us_p50<=1e3\nlatency_us_p90<=2e3 ", Limits(latency_us_p50=1000, latency_us_p90=2000)),
        ("drop<=0", Limits(drop=0)),
    ],
)
def test_what_a_user_writes(text, limits):
    assert parse_limits(text) == limits


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "--constraints is empty; write NAME<=NUMBER, such as 'drop<=0.5 size<=100kB'"),
        ("fast please", "cannot read 'fast please'; write NAME<=NUMBER with spaces between"),
        ("size<=100 kB", "cannot read 'kB'"),
        (
            "speed<=3",
            "unknown name 'speed'; known: drop, size, latency_us_p50, latency_us_p90, latency_us_p99",
        ),
        ("drop>=0.5", "drop has '>='; every limit is a most: drop<=0.5"),
        ("size<100", "size has '<'; every limit is a most: size<=100"),
        ("size<=100GB", "unknown unit 'GB' of size; known: B, kB, KiB, MB, MiB"),
        ("latency_us_p99<=1ms", "unknown unit 'ms' of latency_us_p99; known: none"),
        ("drop<=1 drop<=2", "drop stands there twice; give it once"),
        ("drop<=1.2.3", "'1.2.3' is no number; write digits, such as drop<=1"),
        ("drop<=1e999", "'1e999' is no number"),
        ("drop<=-1", "cannot read 'drop<=-1'"),
    ],
)
def test_what_cannot_be_read_is_one_line(text, says):
    with pytest.raises(UsageError, match=re.escape(says)) as error:
        parse_limits(text)
    assert "\n" not in str(error.value)


def table(chance):
    """Rows and limits, the limits as text too."""
    name, timing = (
        chance.choice(["accuracy", "rmse"]),
        chance.choice(["plain", "intervals", "ranked", "mixed"]),
    )
    original = chance.choice([None, *(number / 1000 for number in range(490, 511))])
    keys = chance.sample(KEYS, chance.randint(0, 10))
    rows = [random_row(key, chance.random(), name, original, timing) for key in keys]
    most = {
        "drop": chance.choice([None, None, 0, 0.25, 0.5]),
        "size_bytes": chance.choice([None, None, 5, 10, 20]),
        **{
            name: chance.choice([None, None, chance.randint(64, 110) / 8])
            for name in NAMES
            if "latency" in name
        },
    }
    given = {name: value for name, value in most.items() if value is not None}
    words = [f"{NAMES[name]}{chance.choice(['<=', ' <= ', '≤'])}{value}" for name, value in given.items()]
    chance.shuffle(words)
    return rows, Limits(**most), chance.choice([" ", ", ", "\n"]).join(words)


def test_the_answer_is_that_of_an_exhaustive_oracle():
    """One recommendation, a tie, what excludes everything, or that it is undecided."""
    chance = random.Random(13)
    outcomes = {
        "one": 0,
        "tie": 0,
        "one limit": 0,
        "several limits": 0,
        "undecided": 0,
        "might be another": 0,
    }
    for _ in range(5000):
        rows, limits, text = table(chance)
        if not text:
            continue
        assert parse_limits(text) == limits
        choice = choose(rows, parse_limits(text))
        winner, tied = winner_by_hand(rows, limits)
        assert choice.row == winner and set(choice.tied) == set(tied)
        others = might_win_by_hand(rows, limits)
        assert ("; undecided, and the answer might be another: " in choice.why) == bool(winner and others)
        assert choice.why.startswith("it is undecided whether ") == bool(winner is None and others)
        if others:
            outcomes["might be another" if winner else "undecided"] += 1
        elif winner is not None:
            outcomes["tie" if tied else "one"] += 1
        elif any(allowed_by_hand(row, rows, Limits(drop=1e9)) for row in rows):
            outcomes[explained(rows, limits, choice.why)] += 1
    assert min(outcomes.values()) >= 50 and sum(outcomes.values()) >= 1000, outcomes


def explained(rows, limits, why):
    """How many limits a sentence names as those that exclude everything; it must be true."""
    sentences = {
        "drop": "every variant loses too much", "size_bytes": "every file is too large",
        **{name: "every variant is too slow" for name in NAMES if "latency" in name},
    }  # fmt: skip
    sound = [row for row in rows if row.variant != "saved_model" and row.status in ("ok", "unproven")]
    only = [name for name, sentence in sentences.items() if why.startswith(sentence)]
    if only:
        # One of the limits of that sentence is enough to exclude every row that is sound and was timed.
        assert any(not winner_by_hand(rows, without_others(limits, name))[0] for name in only), why
        return "one limit"
    if not why.startswith("no variant is within all limits: "):
        assert why.startswith("no latency was measured"), why
        return "several limits"
    for limit, found in re.findall(r"without (\w+) there is ([\w-]+ with [\w-]+)", why):
        less = {limit: 1e9 if limit == "drop" else None} if limit in Limits._fields else {}
        relaxed = limits._replace(**less)
        left = [row for row in sound if allowed_by_hand(row, rows, relaxed)]
        assert found in {f"{row.variant} with {row.engine}" for row in left}, (why, limits)
    return "several limits"


def without_others(limits, name):
    """Only one of the limits; what nobody asked of the drop is asked all the same."""
    return (
        Limits(**{"drop": 1e9} | {name: getattr(limits, name)})
        if name != "drop"
        else Limits(drop=limits.drop)
    )


def resampled(row, chance, limits):
    """The row as another run might have measured it: every figure anywhere within its interval.

    Without a limit of the drop its figure stays: the gate has decided on it.
    """
    measured = {}
    for name, ends in ENDS.items():
        low, high = (getattr(row, end) for end in ends)
        if low is not None:
            measured[name] = chance.uniform(low, 2 * low if high is None else high)
    if limits.drop is not None and row.metric_drop_low is not None:
        measured["metric"] = row.metric_original - chance.uniform(*drop_interval(row)) / 100
    return row._replace(**measured)


def with_intervals(row, chance):
    """The row with an interval of everything that was measured and may have one."""
    if row.metric is None:
        return row
    lost = row.metric_original - row.metric
    low, high = lost - chance.uniform(0, 0.004), lost + chance.uniform(0, 0.004)
    return row._replace(split="test", metric_drop_low=low, metric_drop_high=high)


def answer(choice):
    """What must not change: the row, those tied with it, and what is out or undecided by which limit."""
    out = {(name(each.row), each.limit, each.undecided) for each in choice.excluded}
    said = "undecided, and the answer" in choice.why, choice.why.startswith("it is undecided")
    return name(choice.row), set(map(name, choice.tied)), out, said


def test_the_answer_is_stable_when_figures_are_resampled_within_their_intervals():
    chance = random.Random(4)
    choices, ties, moved, undecided, crossed = 0, 0, 0, 0, dict.fromkeys(Limits._fields, 0)
    for _ in range(1200):
        given = {
            "drop": [None, 0.25, 0.5], "size_bytes": [None, 20, 30], "latency_us_p50": [None, None, 10, 11],
            "latency_us_p90": [None, None, 11, 12], "latency_us_p99": [None, 11, 12, 13],
        }  # fmt: skip
        limits = Limits(**{name: chance.choice(most) for name, most in given.items()})
        timing = chance.choice(["intervals", "ranked"])
        rows = [random_row(key, chance.random(), "accuracy", 0.5, timing) for key in chance.sample(KEYS, 8)]
        rows = [with_intervals(row, chance) for row in rows]
        before = choose(rows, limits)
        for _ in range(5):
            again = [resampled(row, chance, limits) for row in rows]
            moved += again != rows
            assert answer(choose(again, limits)) == answer(before)
            for field, (one, other) in sides(rows, again, limits).items():
                crossed[field] += one != other
        choices += before.row is not None
        ties += bool(before.tied)
        undecided += any(answer(before)[3])
    assert choices >= 300 and ties >= 150 and moved >= 4000 and undecided >= 200
    # The figures did move over each limit: a rule that compares the figures themselves would have turned round.
    assert min(count for field, count in crossed.items() if field not in ("size_bytes", "budget")) >= 200, (
        crossed
    )


def sides(rows, again, limits):
    """By limit, on which side of it the figures of two runs are."""
    found = {}
    for field, most in limits._asdict().items():
        if most is not None:
            found[field] = [
                [(drop_of(row, run) if field == "drop" else getattr(row, field)) or 0 for row in run]
                for run in (rows, again)
            ]
            found[field] = [[value > most for value in values] for values in found[field]]
    return found


def test_another_rule_would_not_be_stable():
    """The fastest by its median alone, as a table would be read: another run turns it round."""
    a = measured("tflite-a", 10, 30, latency_us_low=8, latency_us_high=12)
    b = measured("tflite-b", 10.5, 20, latency_us_low=8.5, latency_us_high=12.5)
    swapped = [a._replace(latency_us_p50=11), b._replace(latency_us_p50=9)]
    assert min([a, b], key=lambda row: row.latency_us_p50) is a
    assert min(swapped, key=lambda row: row.latency_us_p50).variant == "tflite-b"
    assert choose([a, b]).row is b and choose(swapped).row.variant == "tflite-b"


def test_a_drop_is_read_in_its_own_unit():
    row = measured("tflite-a", 1, 1, 0.985)
    assert drop_of(row, [row]) == pytest.approx(0.5)
    assert choose([row], parse_limits("drop<=0.5")).row is row
    assert choose([row], parse_limits("drop<=0.4")).why.startswith("every variant loses too much")


def name(row):
    return row and (row.variant, row.engine, row.threads)
