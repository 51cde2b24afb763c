"""The pictures: every point, the front, intervals, and the scale of each task."""

import re

import pytest

from export.page import chart, loss
from export.page.svg import Styles
from export.page.table import lost
from runtime.choose.rule import choose
from tests.export.page import pages
from tests.rows import measured


def test_a_picture_holds_every_point_and_marks_the_front():
    rows = pages.rows("digits")
    lose, styles = loss.loss_of(rows), Styles()
    where = chart.places(rows, lose, chart.LATENCY)
    assert len(where) == 14  # the failed one was not timed
    drawn = chart.draw({"": chart.Drawn(where, lose, choose(rows).row)}, chart.LATENCY, "x", styles)
    for row in where:
        assert f"<title>{row.variant} with {row.engine}: " in drawn.svg
    front = chart.on_front(where)
    for row in front:
        assert f"{row.variant} with {row.engine}" in re.search(r"<desc.*?</desc>", drawn.svg)[0]
    filled = [
        rule
        for rule in styles.rules().splitlines()
        if re.search(r"fill: var\(--(litert|tflite-r|onnxr)", rule)
    ]
    classes = {rule[1 : rule.index("{")] for rule in filled}
    uses = re.findall(r"<use [^>]*class=(\w+)", drawn.svg)
    assert sum(name in classes for name in uses) == len(front)
    assert "#0102" not in drawn.svg + styles.rules(), "a colour that stands for a variable was left"
    alone = chart.Drawn(dict(list(where.items())[:1]), lose, None)
    assert chart.draw({"": alone}, chart.LATENCY, "y", styles) is None


def test_two_points_of_one_variant_are_named_with_their_engines():
    rows = [
        measured("tflite-a", 10, 100, 0.98, engine="litert"),
        measured("tflite-a", 20, 100, 0.985, engine="tflite-runtime"),
        measured("tflite-b", 30, 100, 0.99),
    ]
    lose = loss.loss_of(rows)
    drawn = chart.Drawn(chart.places(rows, lose, chart.LATENCY), lose, rows[0])
    svg = chart.draw({"": drawn}, chart.LATENCY, "x", Styles()).svg
    words = re.findall(r"<text[^>]*>([^<]+)</text>", svg)
    assert [word for word in words if word.startswith("tflite")] == [
        "tflite-a, litert", "tflite-a, tflite-runtime", "tflite-b",
    ]  # fmt: skip


def test_what_differs_by_rounding_is_on_no_front_and_has_no_sign():
    rows = [measured("tflite-a", 10, 100, 0.99), measured("tflite-b", 20, 100, 0.99 + 1e-15)]
    lose = loss.loss_of(rows)
    assert chart.on_front(chart.places(rows, lose, chart.LATENCY)) == rows[:1]
    assert lost(rows[1]._replace(metric=0.99001), rows) == "0.00 points"


def test_a_picture_of_several_devices_has_the_front_of_each():
    devices = {}
    for name, slower_by in (("host", 1), ("pi4", 5)):
        rows = pages.rows("digits", slower=slower_by)
        lose = loss.loss_of(rows)
        devices[name] = chart.Drawn(chart.places(rows, lose, chart.LATENCY), lose, choose(rows).row)
    drawn = chart.draw(devices, chart.LATENCY, "x", Styles())
    assert drawn.title.endswith("against latency: the fronts of the devices")
    described = re.search(r"<desc.*?</desc>", drawn.svg)[0]
    for name, each in devices.items():
        assert f"On the front of {name}, from left to right: " in described
        assert f">{name}: {each.chosen.variant}</text>" in drawn.svg
        for row in [*chart.on_front(each.where), each.chosen]:
            x, y = each.where[row]
            said = f"<title>{row.variant} with {row.engine}: {chart.microseconds(x)}, {lose.tick(y)}</title>"
            assert said in drawn.svg


def test_intervals_are_drawn_from_end_to_end():
    one = measured(
        "tflite-int8", 10, 100, 0.98, latency_us_p99=40, metric_drop_low=0.004, metric_drop_high=0.016
    )
    two = measured(
        "tflite-float32", 20, 200, 0.99, latency_us_p99=30, metric_drop_low=0.0, metric_drop_high=0.0
    )
    lose = loss.loss_of([one, two])
    low, high = lose.intervals[one]
    assert lose.values[one] == pytest.approx(1.0)
    assert (low, high) == (pytest.approx(0.4), pytest.approx(1.6)) and lose.most == 0.3
    assert lose.tick(0.25) == "−0.25" and lose.tick(-0.25) == "+0.25" and lose.tick(0) == "0"
    where = chart.places([one, two], lose, chart.LATENCY)
    svg = chart.draw({"": chart.Drawn(where, lose, one)}, chart.LATENCY, "x", Styles()).svg
    x, y = map(float, re.search(r"<use x=([\d.]+) y=([\d.]+)[^>]*><title>tflite-int8", svg).groups())
    ends = re.search(rf'd="M{x:g} {y:g}H([\d.]+)M{x:g} ([\d.]+)V([\d.]+)', svg)
    right, top, bottom = map(float, ends.groups())
    assert right > x and top < y < bottom and y - top == pytest.approx(bottom - y, abs=0.3)


VARIANTS = ("tflite-float32", "tflite-int8")


def test_other_tasks_have_a_scale_of_their_own():
    rmse = [
        measured(variant, latency, 10, value, metric_name="rmse", metric_original=0.5)
        for variant, latency, value in (("tflite-float32", 9, 0.5), ("tflite-int8", 5, 0.504))
    ]
    lose = loss.loss_of(rmse)
    assert lose.axis == "Change of RMSE, in %," and lose.most == 1.0 and lose.tick(0.8) == "+0.8"
    mixed = [rmse[1]._replace(output="value"), measured("tflite-int8", 5, 10, 0.987, output="kind")]
    lose = loss.loss_of(mixed)
    assert lose.axis == "Share of the budget used"
    assert [round(value, 3) for value in lose.values.values()] == [0.8, 1.0] and lose.tick(0.8) == "80%"
    bare = [measured("tflite-a", 5, 1, max_abs_error=0.0), measured("tflite-b", 6, 1, max_abs_error=0.03)]
    lose = loss.loss_of(bare)
    assert lose.logarithmic and lose.values[bare[0]] == pytest.approx(0.01) and not lose.intervals
    assert loss.loss_of([measured("tflite-a")]).values == {}


def test_a_metric_of_the_users_own_has_the_scale_of_its_direction():
    def rows(better, original, *metrics):
        fields = {"metric_name": "own", "metric_better": better, "metric_original": original}
        return [
            measured(name, 5, 10, metric, **fields) for name, metric in zip(VARIANTS, metrics, strict=True)
        ]

    lower = rows("lower", 50.0, 50.0, 51.0)
    lose = loss.loss_of(lower)
    assert lose.axis == "Change of own, in %," and lose.zero == "the original, 50" and lose.most == 1.0
    assert lose.values[lower[1]] == pytest.approx(2.0) and lost(lower[1], lower) == "2.00 %"
    higher = rows("higher", -0.5, -0.5, -0.52)
    lose = loss.loss_of(higher)
    assert lose.axis == "Change of own, in points," and lose.most == 0.3
    assert lose.values[higher[1]] == pytest.approx(2.0) and lost(higher[1], higher) == "2.00 points"
    # A name alone does not make a scale: here two outputs have functions of one name.
    both = loss.loss_of([lower[1]._replace(output="a"), higher[1]._replace(output="b")])
    assert both.axis == "Share of the budget used"
