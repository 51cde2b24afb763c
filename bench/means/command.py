"""What each means to meet the budget gains: repairs, and groups of layers in a higher scheme."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import data
import export
from bench.means import each
from bench.means.cases import CASES, Case, widened
from data.original import read_original
from export.quantization.names import BIAS, OF_WEIGHTS, RANGES, ROUNDING
from runtime.errors import UsageError
from runtime.measure.metric import drop
from runtime.measure.row import MeasuredRow

_SAMPLES = 512  # for ranges
_PLAIN = ("tflite-int8", "onnx-int8")
_MIXED = ("tflite-int8-mixed", "onnx-int8-mixed")
_FLOAT16 = ("tflite-float16", "onnx-float16")
# By column, the repairs that may be made; with none, there are the mixed files too.
MEANS = {
    "int8": (),
    "weights": OF_WEIGHTS,
    "ranges": (RANGES,),
    "bias": (BIAS,),
    "rounding": (ROUNDING,),
    "all three": (RANGES, ROUNDING, BIAS),
}
_COLUMNS = ("mixed", "groups kept", "int8 KiB", "mixed KiB", "float16 KiB")
_HEAD = (
    f"| case | format | {' | '.join((*MEANS, *_COLUMNS))} |",
    f"|---|---|{'---:|' * len(MEANS)}---:|---|---:|---:|---:|",
)


class Made(NamedTuple):
    """A case as a Keras model, the inputs to find ranges with, and labelled samples."""

    model: Any
    calibration: dict[str, np.ndarray]
    test: tuple[dict[str, np.ndarray], np.ndarray]


def parser() -> argparse.ArgumentParser:
    """The arguments of `python -m bench means`."""
    made = argparse.ArgumentParser(prog="python -m bench means", description=__doc__)
    made.add_argument("cases", nargs="*", metavar="CASE", help=f"default: {', '.join(CASES)}")
    made.add_argument(
        "--each", nargs="+", metavar="MODEL", default=[],
        help="what each way to tune an int8 file takes off the noise of models that have been exported; no cases then",
    )  # fmt: skip
    made.add_argument("--out", type=Path, default=Path("artifacts"), help="where exported models are")
    made.add_argument("--data-dir", help="folder with the datasets")
    made.add_argument("--small", action="store_true", help="with data that come with scikit-learn")
    return made


def run(args: argparse.Namespace) -> int:
    """Prints a row for each case and format."""
    if args.each:
        print("\n".join(each.HEAD), flush=True)
        for name in args.each:
            for line in each.lines(args.out / name, args.data_dir):
                print(line, flush=True)
        return 0
    unknown = [name for name in args.cases if name not in CASES]
    if unknown:
        raise UsageError(f"unknown case {', '.join(unknown)}; known: {', '.join(CASES)}")
    print("\n".join(_HEAD), flush=True)
    for name in args.cases or CASES:
        for line in lines(name, CASES[name], args.data_dir, args.small):
            print(line, flush=True)
    return 0


def lines(name: str, case: Case, data_dir: str | None = None, small: bool = False) -> list[str]:
    """The rows of one case."""
    rows = measured(made(case, data_dir, small))
    return [
        _line(f"{name}: {case.title}", *each, rows) for each in zip(_PLAIN, _MIXED, _FLOAT16, strict=True)
    ]


def made(case: Case, data_dir: str | None = None, small: bool = False) -> Made:
    """A case's model and data."""
    import keras

    original = read_original(Path("artifacts") / case.models[small])
    dataset = original.record.dataset
    assert dataset is not None
    samples = data.load(dataset.name, data_dir)
    trained = keras.saving.load_model(original.model, compile=False)
    (targets,) = samples.test.targets.values()
    targets = widened(trained, targets) if case.wide else targets
    model = case.change(trained)
    few = np.random.default_rng(7).permutation(len(samples.train))[:_SAMPLES]
    return Made(
        model,
        {key: values[few] for key, values in samples.train.inputs.items()},
        (dict(samples.test.inputs), targets),
    )


def measured(
    case: Made, means: Sequence[str] = tuple(MEANS), mixed: bool = True
) -> dict[tuple[str, str], MeasuredRow]:
    """By variant and means: the row on the first engine.

    With `mixed`, of "int8" there are the mixed files and those in float16 too.
    """
    found = {}
    for name in means:
        targets = [*_PLAIN, *((*_MIXED, *_FLOAT16) if mixed and name == "int8" else ())]
        with tempfile.TemporaryDirectory(prefix="edgeproof-") as folder:
            report = export.export(
                case.model,
                calibration=case.calibration,
                test=case.test,
                task="regression" if case.test[1].dtype.kind == "f" else None,
                pixels="0-255" if next(iter(case.calibration.values())).dtype == np.uint8 else None,
                targets=targets,
                repairs=MEANS[name],
                name="case",
                out=folder,
            )
        for row in report.rows:
            if row.engine in ("litert", "onnxruntime"):
                found[row.variant, name] = row
    return found


def _line(title: str, plain: str, mixed: str, float16: str, rows: dict[tuple[str, str], MeasuredRow]) -> str:
    kept = (rows[mixed, "int8"].reason or "").split(" groups")[0]
    cells = (
        *(_lost(rows[plain, name]) for name in MEANS),
        _lost(rows[mixed, "int8"]),
        kept if " of " in kept and len(kept) < 12 else "none meets the budget",
        *(_kib(rows[name, "int8"]) for name in (plain, mixed, float16)),
    )
    return f"| {title} | {plain.split('-')[0]} | {' | '.join(cells)} |"


def _lost(row: MeasuredRow) -> str:
    if row.metric is None or row.metric_original is None:
        return "–"
    lost = drop(row.metric_name, row.metric, row.metric_original)
    return f"{lost:.2f}{' pt' if row.metric_name != 'rmse' else ' %'} {row.status}"


def _kib(row: MeasuredRow) -> str:
    return "–" if row.size_bytes is None else f"{row.size_bytes / 1024:.1f}"
