"""What the user says of a metric of their own: `--metric [OUTPUT=]MODULE:FUNCTION[,lower]`, or a function in Python."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from export.trained.names import UNNAMED
from runtime.bundle.manifest import DIRECTIONS
from runtime.errors import UsageError
from runtime.measure.metric import METRICS

# f(targets, answers), both of all samples.
Function = Callable[[np.ndarray, np.ndarray], float]
# As --metric takes it, the function itself, or one of them with "higher" or "lower".
Said = str | Function | tuple[str | Function, str]
_FORM = re.compile(r"[^\W\d][\w.]*:[^\W\d][\w.]*")
_EXPECTED = (
    "expected MODULE:FUNCTION, such as my_code:recall for the function recall in my_code.py, or "
    "MODULE:FUNCTION,lower where lower is better"
)


@dataclass(frozen=True)
class AskedMetric:
    """A metric of the user's own.

    Attributes:
        place: where the function lies, MODULE:FUNCTION.
        better: which scores are better, "higher" or "lower".
        folder: where the module is looked for first.
    """

    place: str
    better: str
    folder: Path

    @property
    def name(self) -> str:
        """The name of the function, which is that of the metric."""
        return self.place.rpartition(":")[2].rpartition(".")[2]

    def __str__(self) -> str:
        return self.place + (",lower" if self.better == "lower" else "")


def asked(texts: Sequence[str]) -> dict[str, AskedMetric]:
    """What `--metric` says, which may be given several times, by output; `UNNAMED` is the key where it names none.

    Raises:
        UsageError: a text has another form, or one output is given twice.
    """
    found: dict[str, AskedMetric] = {}
    for text in texts:
        output, _, said = text.rpartition("=")
        if output in found:
            raise UsageError(f"--metric is given twice{f' for {output}' if output else ''}; give each once")
        found[output] = _parsed(text, said)
    return found


def from_python(said: Said | Mapping[str, Said] | None) -> dict[str, AskedMetric]:
    """What `export.export` was given, by output.

    Raises:
        UsageError: it is of another form, or a function that a worker process cannot import.
    """
    if said is None:
        return {}
    by_output = said if isinstance(said, Mapping) else {UNNAMED: said}
    return {output: _of_one(one) for output, one in by_output.items()}


def _of_one(said: Any) -> AskedMetric:
    function, better = said if isinstance(said, tuple) and len(said) == 2 else (said, None)
    if callable(function):
        function = _place(function)
    if not isinstance(function, str):
        raise UsageError(
            f"metric is a {type(said).__name__}; give a function f(targets, answers), a text MODULE:FUNCTION, or a "
            'pair of one of them and "lower"'
        )
    text = function if better is None else f"{function},{better}"
    return _parsed(text, text)


def _parsed(text: str, said: str) -> AskedMetric:
    place, comma, better = said.partition(",")
    if not _FORM.fullmatch(place) or (comma and better not in DIRECTIONS):
        raise UsageError(f"--metric {text}: {_EXPECTED}")
    found = AskedMetric(place, better or DIRECTIONS[0], Path.cwd())
    if found.name in METRICS:
        raise UsageError(
            f"--metric {text}: {found.name} is the name of a metric that edgeproof computes itself; call the function "
            "otherwise"
        )
    return found


def _place(function: Function) -> str:
    """Where a function lies; UsageError where another process would not find it there."""
    module_name, name = (getattr(function, key, None) for key in ("__module__", "__qualname__"))
    module = sys.modules.get(str(module_name))
    try:
        found = attrgetter(str(name))(module)
    except AttributeError:
        found = None
    # A worker runs the file that was started once more; there is none of a notebook or a prompt.
    in_a_file = module_name != "__main__" or hasattr(module, "__file__")
    if found is not function or not in_a_file:
        raise UsageError(
            f"metric is {name or type(function).__name__}, which worker processes cannot import; give a function that "
            "is defined at the top of a .py file, no lambda and none inside of another"
        )
    return f"{module_name}:{name}"
