"""What the user's data are read for: the inputs and outputs of their model, under both of their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.dataset import Split
from export.trained.inputs import SAY_PIXELS, is_image_shape
from export.trained.names import Names
from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.errors import DataError, InputError
from runtime.inputs import raw_check
from runtime.measure.metric import checked_targets, metric_name


@dataclass(frozen=True)
class Wanted:
    """A model's inputs and outputs.

    Attributes:
        inputs: the records of the inputs.
        outputs: the records of the outputs.
        names: the public names, and the model's own.
        target_columns: of a table, those that are no inputs but what the answers should be.
        vocabularies: by file name, the words of texts.
        scored: the outputs with a metric of the user's own, which may have targets whatever their task.
    """

    inputs: tuple[InputRecord, ...]
    outputs: tuple[OutputRecord, ...]
    names: Names
    target_columns: tuple[str, ...] = ()
    vocabularies: Mapping[str, bytes] = field(default_factory=dict)
    scored: frozenset[str] = frozenset()

    def known_as(self, record: InputRecord | OutputRecord) -> tuple[str, ...]:
        """The names under which the user may know an input or output."""
        return tuple(dict.fromkeys((record.name, self.names.own[record.name])))

    @property
    def with_targets(self) -> tuple[OutputRecord, ...]:
        """The outputs whose answers can be compared with what the user says they should be."""
        return tuple(
            output
            for output in self.may_have_targets
            if output.task != "reconstruction" or output.name in self.scored
        )

    @property
    def may_have_targets(self) -> tuple[OutputRecord, ...]:
        """Those, and the reconstructions, which are compared with their input where there are no targets."""
        return tuple(
            output
            for output in self.outputs
            if metric_name(output.task) is not None or output.name in self.scored
        )

    def only_input(self, path: Path, content: str) -> InputRecord:
        """The one input that a file without names is for; DataError where there are several."""
        if len(self.inputs) != 1:
            raise DataError(
                f"{path}: {content} is for a model of one input, and this has "
                f"{', '.join(self.names.own[taken.name] for taken in self.inputs)}; give an .npz file with an array "
                "for each"
            )
        return self.inputs[0]

    def split(self, path: Path, inputs: Mapping[str, Any], targets: Mapping[str, Any]) -> Split:
        """The raw values of a file, checked, in the dtypes of the records; both by public name.

        Raises:
            DataError: values do not fit an input or output, or there are not as many of each.
        """
        checked = {taken.name: self._raw(path, taken, inputs[taken.name]) for taken in self.inputs}
        rows = {name: len(values) for name, values in checked.items()}
        if len(set(rows.values())) > 1 or not min(rows.values()):
            counts = ", ".join(f"{self.names.own[name]}: {count}" for name, count in rows.items())
            raise DataError(
                f"{path}: every input needs the same number of rows, at least one; it has {counts}"
            )
        count = next(iter(rows.values()))
        records = {output.name: output for output in self.outputs}
        return Split(
            checked,
            {name: self._target(path, records[name], values, count) for name, values in targets.items()},
        )

    def _raw(self, path: Path, taken: InputRecord, values: Any) -> NDArray[Any]:
        try:
            rows = raw_check(taken, self.vocabularies.get(taken.vocabulary or ""))(values)
        except InputError as error:
            pixels = taken.dtype == "float" and is_image_shape(taken.shape) and _are_whole(values)
            remedy = f"; if they are pixels, {SAY_PIXELS}" if pixels else ""
            raise DataError(f"{path}: {self.names.own[taken.name]}: {error}{remedy}") from error
        return rows.astype(np.uint8 if taken.kind == "image" else taken.tensor.dtype, copy=False)

    def _target(self, path: Path, output: OutputRecord, values: Any, count: int) -> NDArray[Any]:
        name = self.names.own[output.name]
        values = _numbered(path, name, output, np.asarray(values))
        if output.name in self.scored and output.labels is None:
            return _numbers(path, name, values, count)
        try:
            checked = checked_targets(output, values, count)
        except InputError as error:
            raise DataError(f"{path}: targets of {name}: {error}") from error
        whole = output.task in ("classification", "binary", "multilabel")
        return checked.astype(np.int64 if whole else np.float32, copy=False)


def _are_whole(values: Any) -> bool:
    return np.asarray(values).dtype.kind in "iu"


def _numbers(path: Path, name: str, values: NDArray[Any], count: int) -> NDArray[Any]:
    """Targets for a metric of the user's own: finite numbers of any shape, a row for each sample."""
    if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        raise DataError(f"{path}: targets of {name}: they are {values.dtype}; they must be finite numbers")
    if values.ndim == 0 or len(values) != count:
        rows = len(values) if values.ndim else "no"
        raise DataError(f"{path}: targets of {name}: {rows} rows, and the inputs have {count}")
    return values


def _numbered(path: Path, name: str, output: OutputRecord, values: NDArray[Any]) -> NDArray[Any]:
    """Names of classes as their numbers; numbers as they are."""
    if values.dtype.kind not in "US" or output.labels is None:
        return values
    numbers = {label: number for number, label in enumerate(output.labels)}
    unknown = sorted({str(value) for value in values.flat} - set(numbers))
    if unknown:
        raise DataError(
            f"{path}: targets of {name}: {unknown[0]!r} is none of the classes {', '.join(output.labels)}; give their "
            "names with --labels, in the order of the model's output"
        )
    found: NDArray[Any] = np.vectorize(numbers.__getitem__, otypes=[np.int64])(values)
    return found
