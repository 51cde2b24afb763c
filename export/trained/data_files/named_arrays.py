"""Arrays by name: `.npz` files, and what was handed over in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import read_npz
from data.dataset import Split
from export.trained.data_files.wanted import Wanted
from export.trained.names import Names
from runtime.errors import DataError, first_line

# What one input, and the targets of one output, may be called in any model.
INPUTS, TARGETS = "inputs", "targets"
_WITHOUT_A_NAME = "arr_0"  # numpy.savez's own name for the first array that is given none


def read_npz_file(path: Path, wanted: Wanted) -> Split:
    """The arrays of an `.npz` file; raises as `from_arrays`."""
    remedy = f"write it with numpy.savez({path.name!r}, {_expected(wanted)})"
    return from_arrays(path, read_npz(path, DataError, remedy), wanted)


def read_npy_file(path: Path, wanted: Wanted) -> Split:
    """The one input in an `.npy` file.

    Raises:
        DataError: it cannot be read, the model has several inputs, or the values do not fit.
    """
    taken = wanted.only_input(path, "an .npy file")
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read ({first_line(error)}); write it with numpy.save({path.name!r}, array)"
        ) from error
    return wanted.split(path, {taken.name: values}, {})


def from_arrays(path: Path, arrays: Mapping[str, Any], wanted: Wanted) -> Split:
    """The inputs and targets among arrays by name; other arrays are left alone.

    Args:
        path: where they come from, for errors.
        arrays: by the model's own name of an input or the public one, or `inputs` for a single one, or
            numpy's `arr_0` where that is the only array; targets by the name of an output, `targets_` and that name, or
            `targets` for a single one.
        wanted: what is looked for. A reconstruction is compared with its input where it has no targets of its own.

    Raises:
        DataError: an input is missing, or values do not fit.
    """
    if len(wanted.inputs) == 1 and list(arrays) == [_WITHOUT_A_NAME]:
        arrays = {INPUTS: arrays[_WITHOUT_A_NAME]}
    inputs: dict[str, NDArray[Any]] = {}
    for taken in wanted.inputs:
        known = wanted.known_as(taken) + ((INPUTS,) if len(wanted.inputs) == 1 else ())
        name = next((name for name in known if name in arrays), None)
        if name is None:
            raise DataError(
                f"{path} has no array {' or '.join(known)}; it has {', '.join(arrays) or 'none'}; expected "
                f"{_expected(wanted)}"
            )
        inputs[taken.name] = arrays[name]
    targets: dict[str, NDArray[Any]] = {}
    for output in wanted.may_have_targets:
        known = _target_names(wanted.known_as(output), wanted.with_targets == (output,))
        found = next((name for name in known if name in arrays), None)
        if found is not None:
            targets[output.name] = arrays[found]
    if TARGETS in arrays and not targets and len(wanted.with_targets) > 1:
        raise DataError(
            f"{path} has an array {TARGETS}, and the model has several outputs; call the targets "
            f"{', '.join(f'{TARGETS}_{output.name}' for output in wanted.with_targets)}"
        )
    return wanted.split(path, inputs, targets)


def targets_among(arrays: Mapping[str, Any], names: Names) -> dict[str, NDArray[Any]]:
    """The targets among arrays by the public name of an output, before anything is known of the outputs."""
    found = {}
    for output in names.outputs:
        known = _target_names((output, names.own[output]), len(names.outputs) == 1)
        name = next((name for name in known if name in arrays), None)
        if name is not None:
            found[output] = np.asarray(arrays[name])
    return found


def targets_in_npz(path: Path, names: Names) -> dict[str, NDArray[Any]]:
    """The same of an `.npz` file; nothing of one that cannot be read, which whoever reads it all will say."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return targets_among(arrays, names)
    except Exception:  # zipfile, zlib and numpy raise a dozen kinds on damaged files
        return {}


def _target_names(known: Sequence[str], only: bool) -> tuple[str, ...]:
    """What the targets may be called of an output with these names, which may be the only one."""
    return (*(f"{TARGETS}_{name}" for name in known), *known, *((TARGETS,) if only else ()))


def _expected(wanted: Wanted) -> str:
    inputs = [INPUTS] if len(wanted.inputs) == 1 else [taken.name for taken in wanted.inputs]
    outputs = wanted.with_targets
    targets = [TARGETS] if len(outputs) == 1 else [f"{TARGETS}_{output.name}" for output in outputs]
    return ", ".join(f"{name}=…" for name in (*inputs, *targets))
