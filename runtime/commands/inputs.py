"""The inputs on a command line: files, numbers and texts, each for a whole model or for one of its inputs by NAME=."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from runtime.bundle.manifest import InputRecord
from runtime.commands.csv_file import is_number
from runtime.commands.files import as_rows, inverted, read_input, read_inputs
from runtime.commands.pictures import find_pictures, is_pictures
from runtime.errors import InputError, UsageError

_LONGEST_SOURCE = 60


class Given(NamedTuple):
    """Inputs that belong together.

    Attributes:
        source: what was typed for them.
        values: raw, by name, as `predict` takes them.
        notes: on what was converted, each with its file.
        names: of the rows, for a folder of pictures; None for others.
    """

    source: str
    values: dict[str, Any]
    notes: list[str]
    names: list[str] | None = None

    @property
    def rows(self) -> int:
        """How many rows there are of each input.

        Raises:
            InputError: they have none, or not the same number.
        """
        counts = {name: _count(self.source, name, values) for name, values in self.values.items()}
        if len(set(counts.values())) > 1:
            found = ", ".join(f"{count} of {name}" for name, count in counts.items())
            raise InputError(f"{self.source}: rows do not belong together: {found}; give as many of each")
        return next(iter(counts.values()))


def split_name(text: str, known: Iterable[str]) -> tuple[str | None, str]:
    """The name and what is behind it in NAME=…, where NAME is known; else None and the whole text."""
    name, sign, rest = text.partition("=")
    return (name, rest) if sign and name in known else (None, text)


def given_inputs(
    files: Sequence[str],
    values: Sequence[str],
    texts: Sequence[str],
    inputs: Mapping[str, InputRecord],
    invert: bool = False,
) -> list[Given]:
    """Everything that was given: each file that holds all inputs by itself, and what is for single inputs together.

    Args:
        files: FILE or NAME=FILE.
        values: the numbers of one row, or NAME= and the numbers.
        texts: a text, or NAME= and the text.
        inputs: what the model takes, by name.
        invert: whether black on white becomes white on black in images.

    Raises:
        UsageError: something is for no input, or an input is missing or given twice.
        InputError: a file does not hold what the input takes.
    """
    if not (files or values or texts):
        raise UsageError("nothing to answer; give a FILE, --values or --text")
    images = [record for record in inputs.values() if record.kind == "image"]
    if invert and not images:
        raise UsageError(
            f"--invert is for images; this model takes {', '.join(inputs)}, none of which is one"
        )
    parts = [_file(text, inputs, invert) for text in files]
    parts += [_values(text, inputs, invert) for text in values]
    parts += [_text(text, inputs) for text in texts]
    whole = [part for part in parts if len(part.values) == len(inputs)]
    single = [part for part in parts if len(part.values) < len(inputs)]
    return [*whole, _together(single, inputs)] if single else whole


def joined(files: Sequence[str], inputs: Mapping[str, InputRecord]) -> Given:
    """The inputs in files that belong together; raises as `given_inputs` does."""
    found = given_inputs(files, (), (), inputs)
    if len(found) > 1:
        raise UsageError(f"{found[1].source}: the inputs are in {found[0].source} already; give them once")
    return found[0]


def _file(text: str, inputs: Mapping[str, InputRecord], invert: bool) -> Given:
    name, path = split_name(text, inputs)
    if name is None:
        found, notes = read_inputs(Path(path), inputs, invert)
    else:
        values, notes = read_input(Path(path), inputs[name], invert and inputs[name].kind == "image")
        found = {name: values}
    pictures = find_pictures(Path(path)).members if is_pictures(Path(path)) else None
    names = [f"{text}/{member}" for member in pictures] if pictures else None
    return Given(text, found, [f"{text}: {note}" for note in notes], names)


def _values(text: str, inputs: Mapping[str, InputRecord], invert: bool) -> Given:
    record, numbers = _record("--values", text, inputs)
    cells = numbers.replace(",", " ").split()
    wrong = next((cell for cell in cells if not is_number(cell)), None)
    if wrong is not None or not cells:
        found = "holds nothing" if wrong is None else f"{wrong[:40]!r} is not a number"
        raise UsageError(f"--values {_shown(numbers)}: {found}; give numbers with spaces or commas between")
    where = f"--values {_shown(numbers)}"
    rows = as_rows(where, np.array([list(map(float, cells))]), record)
    if invert and record.kind == "image":
        rows = inverted(where, rows, record)
    return Given(_shown(text), {record.name: rows}, [])


def _text(text: str, inputs: Mapping[str, InputRecord]) -> Given:
    record, content = _record("--text", text, inputs)
    if record.kind != "text":
        raise UsageError(
            f"--text {_shown(content)}: the input {record.name} takes no text; it is of the kind {record.kind}"
        )
    return Given(_shown(text), {record.name: [content]}, [])


def _record(option: str, text: str, inputs: Mapping[str, InputRecord]) -> tuple[InputRecord, str]:
    """The input that an option is for, and what it is given."""
    name, content = split_name(text, inputs)
    if name is None and len(inputs) > 1:
        raise UsageError(
            f"{option} {_shown(text)}: the model takes {', '.join(inputs)}; say which by NAME= in front"
        )
    return inputs[name or next(iter(inputs))], content


def _together(parts: Sequence[Given], inputs: Mapping[str, InputRecord]) -> Given:
    values: dict[str, Any] = {}
    for part in parts:
        (name,) = part.values
        if name in values:
            raise UsageError(
                f"{part.source}: the input {name} is given twice; give each once, or an .npz with all rows"
            )
        values[name] = part.values[name]
    missing = [name for name in inputs if name not in values]
    if missing:
        raise UsageError(
            f"{' '.join(part.source for part in parts)}: the input {', '.join(missing)} is missing; give "
            f"{' '.join(f'{name}=FILE' for name in missing)} too"
        )
    return Given(
        " ".join(part.source for part in parts), values, [note for part in parts for note in part.notes]
    )


def _count(source: str, name: str, values: Any) -> int:
    if isinstance(values, np.ndarray) and not values.ndim:
        raise InputError(f"{source}: {name} is a single number, not an array of rows; give it as [1, …]")
    return len(values)


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST_SOURCE else f"{text[: _LONGEST_SOURCE - 1]}…"
