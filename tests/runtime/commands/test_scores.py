"""Scores on labelled data of several outputs: which one of a variant counts, and what it is compared with."""

from types import SimpleNamespace

import numpy as np

from runtime.bundle.manifest import Score
from runtime.choose.rule import choose
from runtime.commands.scores import computable, references, with_reference, worst
from runtime.commands.targets import Labelled
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


def test_the_targets_of_a_metric_of_the_users_own_are_left_aside():
    scores = {"price": Score("pinball", 0.5, "lower"), "mood": Score("accuracy", 0.9)}
    manifest = SimpleNamespace(original=SimpleNamespace(metrics=scores))
    given = Labelled({"x": np.zeros(3)}, {"price": np.zeros(3), "mood": np.zeros(3)}, 3)
    assert list(computable(given, manifest).targets) == ["mood"]
    assert computable(given._replace(targets={"price": np.zeros(3)}), manifest) is None
    assert computable(None, manifest) is None
    assert list(computable(given, MANIFEST).targets) == ["price", "mood"]


def test_what_was_measured_at_export_competes_with_what_is_measured_here():
    """Its original is that of the export, also where a float32 variant lost some of it."""
    fields = {"metric_name": "pinball", "metric_better": "lower", "output": "price", "metric_original": 2.0}
    exact, small = (
        [row, measured(variant, 5, metric=pinball, **fields)]
        for variant, mood, pinball in (("tflite-float32", 0.9, 2.5), ("tflite-int8", 0.9, 2.1))
        for row in rows(variant, 1.0, mood)[1:]
    )
    known = references([*exact, *small], MANIFEST)
    assert known == {"mood": 0.9}
    chosen = worst(small, known)
    assert chosen.output == "price" and with_reference(chosen, known) is chosen
    said = [out.why for out in choose([with_reference(chosen, known)]).excluded]
    assert said == ["it loses 5.00 %, more than the 1 allowed"]


def test_a_row_without_an_output_is_left_as_it_is():
    row = measured(metric=0.5)
    assert with_reference(row, {"mood": 0.9}) is row
