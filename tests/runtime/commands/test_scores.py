"""Scores on labelled data of several outputs: which one of a variant counts, and what it is compared with."""

from types import SimpleNamespace

from runtime.bundle.manifest import Score
from runtime.choose.rule import choose
from runtime.commands.scores import references, with_reference, worst
from tests.rows import measured
from tests.runtime.commands.records import MOOD, PRICE, by_name

MANIFEST = SimpleNamespace(
    outputs=by_name(PRICE, MOOD), original=SimpleNamespace(metrics={"price": Score("rmse", 0.5)})
)


def rows(variant, price, mood, **fields):
    """The rows of both outputs on data that was given."""
    fields = {"samples": 100, "split": "given"} | fields
    return [
        measured(variant, 5, metric=price, metric_name="rmse", output="price", metric_original=0.5, **fields),
        measured(variant, 5, metric=mood, output="mood", metric_original=None, **fields),
    ]


def test_the_best_float32_variant_stands_for_the_original():
    every = [
        *rows("tflite-float32", 1.0, 0.8),
        *rows("onnx-float32", 1.1, 0.9),
        *rows("tflite-int8", 0.9, 0.95),
    ]
    assert references(every, MANIFEST) == {"price": 1.0, "mood": 0.9}


def test_without_one_the_originals_own_score_does_where_it_has_one():
    assert references(rows("tflite-int8", 0.9, 0.95), MANIFEST) == {"price": 0.5, "mood": None}
    assert references([measured("tflite-int8", status="failed")], MANIFEST) == {}


def test_the_output_that_lost_most_of_its_budget_counts():
    known = {"price": 1.0, "mood": 0.9}
    assert (
        worst(rows("tflite-int8", 1.02, 0.899), known).output == "price"
    )  # twice 1 %, a third of 0.3 points
    assert worst(rows("tflite-int8", 1.02, 0.8), known).output == "mood"
    assert (
        worst(rows("tflite-int8", 0.5, 0.9), known).output == "mood"
    )  # nothing lost is more than something won
    assert worst(rows("tflite-int8", 1.1, 0.9, budget=0.0), known).output == "price"
    assert worst(rows("tflite-int8", 1.1, 0.5), {"price": 1.0, "mood": None}).output == "price"


def test_rows_of_different_outputs_are_judged_by_the_scores_of_their_own():
    exact, small = rows("tflite-float32", 1.0, 0.9), rows("tflite-int8", 1.0, 0.85, size_bytes=1)
    known = references([*exact, *small], MANIFEST)
    chosen = [exact[0], worst(small, known)]  # of the float32 variant the row of the price
    assert choose([with_reference(row, known) for row in chosen]).row.variant == "tflite-float32"
    assert choose(chosen).row.variant == "tflite-int8"  # nothing to compare its mood with


def test_a_row_without_an_output_is_left_as_it_is():
    row = measured(metric=0.5)
    assert with_reference(row, {"mood": 0.9}) is row
