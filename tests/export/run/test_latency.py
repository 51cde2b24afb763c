"""What an export measures of latency: percentiles of all blocks together, and the ends of their intervals."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from export.run import latency
from runtime.measure.row import rows_from_json, rows_to_json
from tests.rows import measured


class Workers:
    """Answers with blocks of made-up nanoseconds; one engine fails in its second block."""

    def __init__(self):
        self.blocks = []
        self.chance = np.random.default_rng(1)

    def call(self, pool, job, engine, path, folder, count):
        self.blocks.append((pool, engine, count))
        fails = engine == "tflite-runtime" and self.blocks.count((pool, engine, latency.CALLS)) == 2
        value = None if fails else (10_000 * (1 + self.chance.standard_exponential(count))).astype(np.int64)
        return SimpleNamespace(ok=not fails, value=value, reason="it crashed" if fails else None)


def test_every_row_that_passed_is_measured_in_turns_and_has_intervals():
    rows = [
        measured("saved_model", engine="tensorflow"),
        measured("tflite-int8"),
        measured("tflite-int8", engine="tflite-runtime"),
        measured("onnx-int8", status="failed"),
    ]
    workers = Workers()
    files = {row.variant: Path(row.file) for row in rows}
    found = latency.measure(workers, SimpleNamespace(folder=Path()), rows, files)
    hub, lite, crashed, failed = found
    assert failed == rows[3] and "onnxruntime" not in {engine for _, engine, _ in workers.blocks}
    assert (crashed.status, crashed.reason) == ("failed", "latency: it crashed")
    assert crashed.latency_us_p50 is None
    assert {pool for pool, engine, _ in workers.blocks if engine == "tensorflow"} == {"keras"}
    for row in (hub, lite):
        assert row.calls == latency.ROUNDS * latency.CALLS and row.board
        assert (
            10 <= row.latency_us_p50 < row.latency_us_p90_low < row.latency_us_p90 < row.latency_us_p90_high
        )
        assert row.latency_us_p99_low < row.latency_us_p99 < row.latency_us_p99_high
    assert rows_from_json(rows_to_json(found)) == found
