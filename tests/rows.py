"""Measured rows for tests."""

from runtime.measure.row import MeasuredRow


def measured(variant="tflite-int8", latency_us=None, size_bytes=100, metric=None, **fields):
    """A row that is ok, with an accuracy against an original of 99 % on the test split where `metric` is given."""
    values = {
        "model": "digits",
        "variant": variant,
        "engine": "onnxruntime" if variant.startswith("onnx") else "litert",
        "status": "ok",
        "threads": 1,
        "file": f"{variant}.{variant.split('-')[0]}",
        "size_bytes": size_bytes,
        "metric_name": "accuracy",
        "metric": metric,
        "metric_original": 0.99,
        "samples": 1000,
        "split": "test",
        "latency_us_p50": latency_us,
    }
    return MeasuredRow(**values | fields)
