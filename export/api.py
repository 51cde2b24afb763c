"""`export.export`: what `python -m export PATH` does, from Python.

Workers are processes of their own, which import the script that calls: guard the call with
`if __name__ == "__main__":`, as for everything that starts processes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from export import bundles, report_files
from export.checks import asked_metric
from export.checks.gate import Demand
from export.quantization import names
from export.run.workers import Workers
from export.targets import select
from export.trained import registering
from export.trained.data_files.named_arrays import INPUTS, TARGETS
from export.trained.names import UNNAMED
from export.trained.user_model import Data, UserModel
from runtime.bundle.manifest import RESIZES
from runtime.choose.rule import choose, ship_line
from runtime.errors import ModelError, UsageError, first_line
from runtime.measure.row import MeasuredRow

Value = TypeVar("Value")
Path_ = str | os.PathLike[str]
# A path as --calibration takes it, the array of the only input, or arrays by name.
Inputs = Path_ | ArrayLike | Mapping[str, ArrayLike]
# A path as --test takes it, arrays by name, or a pair of inputs and targets.
Labelled = Path_ | Mapping[str, ArrayLike] | tuple[Any, Any]


@dataclass(frozen=True)
class Report:
    """What became of a model.

    Attributes:
        rows: what was measured of each variant on each engine, as in docs/bundle.md.
        bundle: the folder of the bundle; None where no variant passed.
        choice: one line that says which file to ship, and why.
        notes: sentences on what was found out of the model, and on what looks wrong.
    """

    rows: tuple[MeasuredRow, ...]
    bundle: Path | None
    choice: str
    notes: tuple[str, ...]

    @property
    def failed(self) -> tuple[MeasuredRow, ...]:
        """The rows whose variant is not what was asked for; each says why."""
        return tuple(row for row in self.rows if row.status == "failed")


def export(
    model_or_path: Any,
    *,
    calibration: Inputs | None = None,
    test: Labelled | None = None,
    task: str | Mapping[str, str] | None = None,
    labels: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    unit: str | Sequence[str] | Mapping[str, str | Sequence[str]] | None = None,
    pixels: str | Mapping[str, str] | None = None,
    resize: str = RESIZES[0],
    shapes: Mapping[str, Sequence[int]] | None = None,
    vocabulary: Path_ | Mapping[str, Path_] | None = None,
    target_columns: Sequence[str] = (),
    custom_objects: Sequence[str] = (),
    signature: str | None = None,
    targets: Sequence[str] | None = None,
    max_drop: float | None = None,
    metric: asked_metric.Said | Mapping[str, asked_metric.Said] | None = None,
    strict: bool = False,
    repairs: Sequence[str] | None = None,
    out: Path_ = "artifacts",
    name: str | None = None,
    jobs: int | None = None,
) -> Report:
    """Exports a model to all targets, verifies every file, and packs what passed.

    Args:
        model_or_path: a Keras model, or the path of a `.keras` or `.h5` file or of a SavedModel folder.
        calibration: raw inputs to find activation ranges with, [n, …] each; without them there is no int8 and int16x8.
        test: raw inputs, and what the answers should be; without them what quantized files lose is not measured.
        task: what the output means, or by output; guessed where it is not given.
        labels: the names of the classes in the order of the output, or by output.
        unit: the unit of the values, or of each, or by output.
        pixels: what an image was trained on, "0-255", "0-1", "-1-1" or "imagenet", or by input.
        resize: how a picture of another size is brought to an image's: "stretch", "crop" or "pad".
        shapes: by input, sizes that the model leaves open, the batch first.
        vocabulary: the file with the words of a text, or by input.
        target_columns: the columns of a `.csv` file that are what the answers should be.
        custom_objects: the user's own layers and functions: "MODULE:NAME".
        signature: of a SavedModel; "serving_default" where it is not given.
        targets: such as "tflite-int8"; all where they are not given.
        max_drop: what a quantized file may lose of its metric, in percentage points, or percent of an error.
        metric: a metric of your own, or by output: a function f(targets, answers) of all samples, defined at the top of
            a file, or its place as a text, "MODULE:FUNCTION". It gives a fraction, better higher, whose drop is in
            percentage points; in a pair with "lower" it gives an error, whose drop is in percent.
        strict: refuse what the test data are too few to prove.
        repairs: the repairs of weights that may be made, of `export.quantization.names.REPAIRS`; all where it is not
            given.
        out: the folder that bundles go below.
        name: what the model is called; the name of its file, or of the Keras model, where it is not given.
        jobs: conversions at a time; as many as there are cores where it is not given.

    Raises:
        UsageError: the model and what was said of it do not fit together.
        ModelError: the model cannot be loaded.
        DataError: the data cannot be read, or do not fit the model.
        EdgeProofError: the folder cannot be written.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs is {jobs}; give at least 1")
    allowed = names.select(None if repairs is None else ",".join(repairs) or "none")
    chosen = select(None if targets is None else ",".join(targets))
    folder, metrics = Path(out), asked_metric.from_python(metric)
    with _as_path(model_or_path, name) as path:
        called = name or registering.name_of(path)
        registering.check(path, called, folder)
        user = UserModel(
            path.resolve(),
            calibration=_inputs(calibration),
            test=_labelled(test),
            tasks=_by_name(task),
            labels=_by_name(None if labels is None else _lists(labels)),
            units=_by_name(None if unit is None else _lists(unit)),
            pixels=_by_name(pixels),
            shapes={key: tuple(shape) for key, shape in (shapes or {}).items()},
            vocabularies={key: Path(str(file)) for key, file in _by_name(vocabulary).items()},
            target_columns=tuple(target_columns),
            resize=resize,
            custom_objects=tuple(custom_objects),
            signature=signature,
            metrics=metrics,
        )
        with Workers(jobs or os.cpu_count() or 1) as workers:
            registered = registering.register_all(workers, {called: user}, folder)[called]
            demand = Demand(max_drop, strict, targets is not None, allowed)
            order = bundles.Order(chosen, folder, demand, metrics=metrics)
            made = bundles.make(workers, [registered.original], order, lambda what, finished, total: None)
    rows = made.rows[called]
    report_files.write(rows, folder)
    bundle = folder / called / "bundle"
    passed = any(row.passed for row in rows)
    return Report(tuple(rows), bundle if passed else None, ship_line(choose(rows)), registered.notes)


@contextmanager
def _as_path(model_or_path: Any, name: str | None) -> Iterator[Path]:
    """The path of the model; one in memory is saved first, to a file that is gone afterwards."""
    if isinstance(model_or_path, str | os.PathLike):
        yield Path(model_or_path)
        return
    if not hasattr(model_or_path, "save"):
        raise UsageError(
            f"a {type(model_or_path).__name__} is no model; give a Keras model, or the path of a .keras or .h5 file or "
            "of a SavedModel folder"
        )
    with tempfile.TemporaryDirectory(prefix="edgeproof-") as folder:
        path = Path(folder) / f"{name or model_or_path.name}.keras"
        try:
            model_or_path.save(path)
        except Exception as error:  # whatever a layer raises that cannot be saved
            raise ModelError(
                f"the model cannot be saved ({first_line(error)}); give the path of its file"
            ) from error
        yield path


def _inputs(data: Inputs | None) -> Data | None:
    if data is None or isinstance(data, str | os.PathLike):
        return None if data is None else Path(data)
    if isinstance(data, Mapping):
        return {key: np.asarray(values) for key, values in data.items()}
    return {INPUTS: np.asarray(data)}


def _labelled(data: Labelled | None) -> Data | None:
    """Arrays by name of a pair too: the names of its targets are those of outputs."""
    if not isinstance(data, tuple):
        return _inputs(data)
    if len(data) != 2:
        raise UsageError(f"test is a tuple of {len(data)}; give a pair of inputs and targets")
    inputs, targets = data
    named = targets if isinstance(targets, Mapping) else {"": targets}
    found = _inputs(inputs)
    if not isinstance(found, Mapping):
        raise UsageError("test is a pair of a path and targets; give arrays, or a path alone")
    return {
        **found,
        **{f"{TARGETS}_{key}" if key else TARGETS: np.asarray(values) for key, values in named.items()},
    }


def _by_name(said: Value | Mapping[str, Value] | None) -> dict[str, Value]:
    if said is None:
        return {}
    return dict(said) if isinstance(said, Mapping) else {UNNAMED: said}


def _lists(said: Any) -> Any:
    """One or several texts, by name or not, as tuples of texts."""
    if isinstance(said, Mapping):
        return {key: _lists(value) for key, value in said.items()}
    return (said,) if isinstance(said, str) else tuple(said)
