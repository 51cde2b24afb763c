"""Labelled data: the inputs that were given to a command, and what the outputs for them should be."""

import argparse
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from runtime.bundle.manifest import Manifest, OutputRecord
from runtime.commands.arrays import first_of, is_array, read_array, read_arrays
from runtime.commands.csv_file import CsvFile, is_number, read_csv
from runtime.commands.inputs import joined, split_name
from runtime.commands.pictures import find_pictures, is_pictures
from runtime.errors import InputError, UsageError
from runtime.measure.metric import checked_targets, metric_name

TARGETS = "targets"  # what an array of an .npz may be called where one output has targets


class Labelled(NamedTuple):
    """Labelled data.

    Attributes:
        inputs: raw values by input, as `predict` takes them.
        targets: by output, what the answers should be.
        samples: how many there are.
    """

    inputs: dict[str, Any]
    targets: dict[str, np.ndarray]
    samples: int


def add_labelled(parser: argparse.ArgumentParser) -> None:
    """--inputs, --targets, --target-column."""
    parser.add_argument(
        "--inputs",
        metavar="FILE",
        action="append",
        help="labelled data: what predict takes, also INPUT=FILE for each of several inputs; an .npz may hold "
        "`targets` too, or for several outputs `targets_` and the name of each; pictures may lie in a folder or .zip "
        "with a sub-folder for each label",
    )
    parser.add_argument(
        "--targets",
        metavar="FILE",
        action="append",
        help="the labels or values, where they have a file of their own; OUTPUT=FILE where there are several outputs",
    )
    parser.add_argument(
        "--target-column",
        metavar="NAME",
        action="append",
        help="the column of the --inputs CSV with the targets; OUTPUT=NAME where there are several outputs",
    )


def read_labelled(args: argparse.Namespace, manifest: Manifest) -> Labelled | None:
    """The labelled data that were given, if any.

    Raises:
        UsageError: inputs without targets, or targets without inputs.
        InputError: a file does not hold what it should, or the two do not belong together.
    """
    if not args.inputs:
        if args.targets or args.target_column:
            raise UsageError("targets without --inputs; give both")
        return None
    scored = _scored(manifest.outputs)
    if not scored:
        raise UsageError("--inputs: no output of this model has a metric; leave --inputs out")
    targets = _targets(args, manifest, scored)
    inputs = joined(args.inputs, manifest.inputs)
    for name, values in targets.items():
        if values.ndim == 0 or len(values) != inputs.rows:
            count = len(values) if values.ndim else "no"
            raise InputError(f"{inputs.rows} inputs but {count} targets; they must belong together")
        checked_targets(scored[name], values, inputs.rows)
    return Labelled(inputs.values, targets, inputs.rows)


def _scored(outputs: Mapping[str, OutputRecord]) -> dict[str, OutputRecord]:
    """The outputs that may have targets: those with a metric, but reconstructions only where there is nothing else."""
    found = {name: record for name, record in outputs.items() if metric_name(record.task) is not None}
    others = {name: record for name, record in found.items() if record.task != "reconstruction"}
    return others or found


def _targets(
    args: argparse.Namespace, manifest: Manifest, scored: Mapping[str, OutputRecord]
) -> dict[str, np.ndarray]:
    """The targets by output: in files of their own, in columns, or beside the inputs."""
    if args.targets and args.target_column:
        raise UsageError("--targets and --target-column; give one of them")
    paths = [Path(split_name(text, manifest.inputs)[1]) for text in args.inputs]
    if args.target_column:
        if len(paths) != 1 or paths[0].suffix.lower() != ".csv":
            raise UsageError("--target-column is for one --inputs CSV; give --targets FILE")
        return {
            record.name: read_column(paths[0], column, record)
            for record, column in _bound("--target-column", args.target_column, scored)
        }
    if args.targets:
        if len(args.targets) == 1 and args.targets[0].endswith(".npz") and len(scored) > 1:
            path = Path(args.targets[0])
            return _some(targets_beside(path, scored), path, scored)
        return {
            record.name: read_targets(Path(text), record)
            for record, text in _bound("--targets", args.targets, scored)
        }
    labelled = _sub_folders(paths, scored)
    if labelled:
        return labelled
    if len(paths) != 1 or paths[0].suffix.lower() != ".npz":
        raise UsageError("give --inputs with either --targets FILE or --target-column NAME")
    return _some(targets_beside(paths[0], scored), paths[0], scored)


def _sub_folders(paths: Sequence[Path], scored: Mapping[str, OutputRecord]) -> dict[str, np.ndarray] | None:
    """The targets of the only output with labels, by the sub-folders of pictures; None where nothing says them."""
    outputs = [record for record in scored.values() if record.labels and record.task != "multilabel"]
    found = [find_pictures(path) for path in paths if is_pictures(path)]
    if len(outputs) != 1 or len(found) != 1 or found[0].classes is None:
        return None
    labels = np.array([member.parent.name for member in found[0].members])
    return {outputs[0].name: _numbered(found[0].path, labels, outputs[0])}


def _some(
    found: dict[str, np.ndarray], path: Path, scored: Mapping[str, OutputRecord]
) -> dict[str, np.ndarray]:
    if not found:
        names = [TARGETS] if len(scored) == 1 else [f"{TARGETS}_{name}" for name in scored]
        raise UsageError(
            f"{path} holds no targets; call an array {' or '.join(names)}, or give --targets FILE"
        )
    return found


def _bound(
    option: str, given: Sequence[str], scored: Mapping[str, OutputRecord]
) -> list[tuple[OutputRecord, str]]:
    """Each of the given texts with the output that it is for."""
    pairs = [split_name(text, scored) for text in given]
    # A column may be called as its output, which then needs no NAME= in front.
    pairs = [(text if name is None and text in scored else name, text) for name, text in pairs]
    names = [name or (next(iter(scored)) if len(scored) == 1 else None) for name, _ in pairs]
    if None in names:
        raise UsageError(
            f"{option} {given[names.index(None)]}: the model has the outputs {', '.join(scored)}; say which by NAME="
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{option}: the output {twice} is given twice; give it once")
    return [(scored[name], text) for name, (_, text) in zip(names, pairs, strict=True) if name]


def read_targets(path: Path, record: OutputRecord, alone: bool = True) -> np.ndarray:
    """The targets of one output in a file: .npz, .npy, IDX, or a .csv with a column for each value.

    Args:
        path: the file.
        record: the output.
        alone: whether an array of an .npz may be called `targets`, or have any name where it is the only one.

    Raises:
        InputError: the file does not hold them.
    """
    if path.suffix.lower() == ".csv":
        table = read_csv(path, record.labels or ())
        wanted = record.columns if record.columns and len(record.columns) > 1 else None
        places = table.places(wanted) if wanted and table.names else list(range(table.width))
        if len(places) != 1 and len(places) != prod(record.shape):
            columns = ", ".join(table.names or map(str, range(1, table.width + 1)))
            raise InputError(f"{path}: has the columns {columns}; name one with --target-column")
        return _target_cells(table, places, record)
    if path.suffix.lower() == ".npz":
        arrays = read_arrays(path)
        found = find_targets(arrays, record, alone)
        if found is None and alone and len(arrays) == 1:
            (found,) = arrays.values()
        if found is None:
            wanted_names = f"{TARGETS!r}" if alone else f"'{TARGETS}_{record.name}'"
            raise InputError(
                f"{path}: holds the arrays {', '.join(arrays)}; one must be called {wanted_names}"
            )
        return _numbered(path, found, record)
    if not is_array(path):
        raise InputError(f"{path}: unknown kind of file; known for targets: .npy, .npz, .csv, IDX")
    return _numbered(path, read_array(path), record)


def read_column(path: Path, column: str, record: OutputRecord) -> np.ndarray:
    """The targets of one output in a column of a .csv with a header; InputError where there is none."""
    table = read_csv(path, record.labels or ())
    return _target_cells(table, table.places([column]), record)


def find_targets(arrays: Mapping[str, np.ndarray], record: OutputRecord, alone: bool) -> np.ndarray | None:
    """The targets of one output among arrays by name; None where there are none."""
    names = [f"{TARGETS}_{record.name}", f"{TARGETS}/{record.name}", record.name, *([TARGETS] * alone)]
    return first_of(arrays, names)


def targets_beside(path: Path, outputs: Mapping[str, OutputRecord]) -> dict[str, np.ndarray]:
    """The targets in the .npz that holds the inputs: `targets`, or for several outputs `targets_` and the name of each.

    Args:
        path: the .npz.
        outputs: those that may have targets.
    """
    arrays = read_arrays(path)
    found = {name: find_targets(arrays, record, len(outputs) == 1) for name, record in outputs.items()}
    return {
        name: _numbered(path, values, outputs[name]) for name, values in found.items() if values is not None
    }


def _target_cells(table: CsvFile, places: Sequence[int], record: OutputRecord) -> np.ndarray:
    """Numbers, or the names of classes."""
    if record.labels and len(places) == 1:
        texts = [text.strip() for text in table.texts(places[0])]
        if not all(is_number(text) for text in texts):
            return _numbered(table.path, np.array(texts), record)
    found = table.numbers(places)
    return found[:, 0] if len(places) == 1 else found


def _numbered(path: Path, targets: np.ndarray, record: OutputRecord) -> np.ndarray:
    """The names of classes as their numbers; numbers as they are."""
    if targets.dtype.kind != "U" or not record.labels:
        return targets
    numbers = {label: number for number, label in enumerate(record.labels)}
    unknown = next((text for text in targets.flat if text not in numbers), None)
    if unknown is not None:
        raise InputError(
            f"{path}: the target {str(unknown)[:40]!r} is no label of {record.name}; its labels: "
            f"{', '.join(record.labels[:20])}"
        )
    found: np.ndarray = np.vectorize(numbers.__getitem__, otypes=[np.int64])(targets)
    return found
