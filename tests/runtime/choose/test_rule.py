"""The file to ship follows from the measured rows by a rule that can be read."""

from runtime.choose.rule import best


def row(variant, latency, size, metric=None, status="ok", name="accuracy", original=0.99):
    return {
        "variant": variant,
        "latency_us_p50": latency,
        "size_bytes": size,
        "metric": metric,
        "metric_name": name,
        "metric_original": original,
        "status": status,
    }


def test_the_fastest_that_keeps_the_metric_is_shipped():
    rows = [
        row("tflite-float32", 20, 300, 0.99),
        row("tflite-int8", 10, 80, 0.989),
        row("onnx-int8", 5, 80, 0.98),
    ]
    chosen, why = best(rows)
    assert chosen is rows[1]
    assert why == "of the 2 that keep the accuracy, it is the fastest"


def test_of_equally_fast_ones_the_smallest_is_shipped():
    rows = [row("tflite-float32", 10.0, 300, 0.99), row("tflite-float16", 10.4, 150, 0.99)]
    chosen, why = best(rows)
    assert chosen is rows[1] and "the smallest of the 2 that are fastest within 5%" in why


def test_a_larger_rmse_is_worse():
    rows = [row("onnx-float32", 9, 9, 0.50, name="rmse"), row("onnx-int8", 1, 1, 0.51, name="rmse")]
    assert best(rows)[0] is rows[0]
    rows[1]["metric"] = 0.5049
    assert best(rows)[0] is rows[1]


def test_the_metric_is_compared_on_the_same_data():
    # On somebody's own data all are worse than on the test split: no reason to ship nothing.
    rows = [row("tflite-float32", 20, 300, 0.90), row("tflite-int8", 10, 80, 0.90)]
    assert best(rows)[0] is rows[1]
    # Without a float32 variant the original's own figure is what there is.
    assert best(rows[1:]) == (None, "no variant keeps the original's accuracy of 0.99 on this data")


def test_without_labelled_data_parity_decides():
    rows = [row("tflite-float32", 20, 300), row("tflite-int8", 10, 80)]
    assert best(rows) == (rows[1], "of the 2, it is the fastest")
    assert best(rows[:1]) == (rows[0], "the only one")


def test_what_failed_is_never_shipped():
    rows = [row("tflite-int8", None, 80, status="failed"), row("onnx-int8", None, 80, status="skipped")]
    assert best(rows) == (None, "no variant agrees with the original here")
