"""What test pages are made of: rows with all that can happen, flipped samples, a bundle; always the same."""

import json
import random
from pathlib import Path

import numpy as np

from export.checks import flips
from export.page.measured import Measured
from export.page.write import write
from runtime.choose.limits import Limits
from runtime.measure.row import MeasuredRow
from tests import bundles

PAIRS = [("saved_model", "tensorflow")]
PAIRS += [
    (f"tflite-{scheme}", engine)
    for scheme in ("float32", "float16", "dynamic", "int8", "int16x8")
    for engine in ("litert", "tflite-runtime")
]
PAIRS += [(f"onnx-{scheme}", "onnxruntime") for scheme in ("float32", "float16", "dynamic", "int8")]
FEW = 4  # every fourth row: axe takes its time for each cell
NASTY = "tiny-image<script>alert('model')</script>&amp;"


def rows(model, seed=1, slower=1.0, **same):
    """Fifteen rows as an export gives them: one failed, one unproven, the others ok."""
    chance = random.Random(f"{model}{seed}")
    found = []
    for number, (variant, engine) in enumerate(PAIRS):
        latency = slower * chance.uniform(10, 90) * (40 if engine == "tensorflow" else 1)
        drop = 0.0 if "float" in variant or engine == "tensorflow" else chance.uniform(-0.0005, 0.002)
        status, reason = {
            8: ("failed", "it loses 2.00 points, more than the 0.3 allowed"),
            7: ("unproven", "not proved"),
        }.get(number, ("ok", None))
        drop = {"failed": 0.02}.get(status, drop)
        row = MeasuredRow(
            model, variant, engine, status, reason, engine_version="1.2.3", threads=1,
            file=variant if engine == "tensorflow" else f"{variant}.{variant.split('-')[0]}",
            size_bytes=chance.randint(20_000, 200_000), metric_name="accuracy", metric=0.99 - drop,
            metric_original=0.99, metric_drop_low=drop - 0.001, metric_drop_high=drop + 0.0012,
            flips=chance.randint(0, 40), samples=10_000,
            split="test", max_abs_error=chance.uniform(1e-7, 0.1), sqnr_db=30.0, top1_agreement=0.999,
        )  # fmt: skip
        if status != "failed":
            row = row._replace(
                latency_us_p50=latency, latency_us_p90=1.2 * latency, latency_us_p99=2 * latency, calls=500
            )
        found.append(row._replace(**same))
    return found


def kept_flips(folder: Path, count=8):
    """Flipped samples of two variants, with pictures, beside a model's bundle."""
    chance = np.random.default_rng(3)
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for variant in ("tflite-int8", "onnx-int8"):
        found[variant, "litert" if variant.startswith("tflite") else "onnxruntime"] = [
            flips.Flip(
                number, "probabilities", "7", "7" if number % 2 else "1", "1" if number % 2 else "7",
                flips.thumbnail(chance.integers(0, 256, (28, 28, 1), dtype=np.uint8)),
            )
            for number in range(count)
        ]  # fmt: skip
    flips.write(folder, found)


def kept_diagnosis(folder: Path, variant="tflite-int8"):
    """What `diagnose` writes of a variant: two layers that cost something, and one without an error of its own."""
    shares = {"dense": ("Dense", 0.2), "conv2d": ("Conv2D", 0.78), "flatten": ("Flatten", None)}
    rows = [{"name": name, "kind": kind, "share": share} for name, (kind, share) in shares.items()]
    found = {
        "model": folder.name,
        "variant": variant,
        "rows": rows,
        "advice": "keep conv2d in a higher scheme",
    }
    (folder / "diagnosis").mkdir(parents=True)
    (folder / "diagnosis" / f"{variant}.json").write_text(json.dumps(found))
    (folder / "diagnosis" / f"{variant}.share.json").write_text('{"graph": {"results": {}}}')


def artifacts(folder: Path, *models):
    """A folder with a bundle and flipped samples of each model."""
    for model in models:
        kept_flips(folder / model)
        kept_diagnosis(folder / model)
        bundles.image_bundle(folder / model / "bundle")
    return folder


def full_page(path: Path, folder: Path):
    """A page with everything: two devices, constraints, a model without labels, one of which nothing can be shipped."""
    artifacts(folder, "digits")
    host = [
        *rows("digits"),
        *rows(
            "unlabelled",
            metric=None,
            metric_drop_low=None,
            metric_drop_high=None,
            flips=None,
            split="golden",
            samples=16,
        )[::FEW],
        *(
            row.with_verdict("failed", "it loses 9.00 points, more than the 0.3 allowed")
            for row in rows("hopeless")[::FEW]
        ),
        *rows(NASTY, reason="<b>why</b> & 'so'")[::FEW],
    ]
    device = [row for row in rows("digits", slower=6) if row.engine != "tensorflow"]
    measured = [
        Measured("host", host, {"processor": "a fast one"}, "python -m export all"),
        Measured("pi4", device, {"cpu": "Cortex-A72"}),
    ]
    return write(measured, path, folder, Limits(drop=0.5, size_bytes=190_000), "drop<=0.5 size<=190kB")
