"""`python -m bench matrix`: what the runtime predicts for each file on each engine, against what happens there."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from bench import traps
from bench.environments import ENVIRONMENTS, Environment, make, python
from runtime.backends import ENGINES
from runtime.bundle.manifest import Variant
from runtime.bundle.reader import read_manifest
from runtime.commands.table import aligned
from runtime.errors import BundleError, EdgeProofError, UsageError
from runtime.requirements import engine_problem, file_problem, read_facts

_LONGEST = 200  # characters of what an engine says


class Case(NamedTuple):
    """A file, and the golden samples and tolerances by output that say whether it is right; or that it only loads."""

    name: str
    format: str
    path: Path
    golden: Path | None = None
    limits: Mapping[str, float] = MappingProxyType({})


class Cell(NamedTuple):
    """One file on one engine: what was predicted, and what happened; "runs" or the reason why not."""

    predicted: str
    actual: str

    @property
    def agrees(self) -> bool:
        """Whether the prediction was right."""
        return (self.predicted == "runs") == (self.actual == "runs")

    @property
    def mark(self) -> str:
        """The cell in the table."""
        if not self.agrees:
            return "WRONG"
        return "runs" if self.actual == "runs" else "no"


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(prog="python -m bench matrix", description=__doc__)
    made.add_argument("bundles", metavar="BUNDLE", type=Path, nargs="+", help="folders of bundles")
    made.add_argument(
        "--work",
        metavar="DIR",
        type=Path,
        required=True,
        help="where environments and files are made and kept",
    )
    return made


def run(args: argparse.Namespace) -> int:
    """Prints the matrix; exit code 1 where a prediction was wrong or an environment could not be made."""
    args.work.mkdir(parents=True, exist_ok=True)
    missing = {}
    for environment in ENVIRONMENTS:
        print(f"environment {environment.name}", file=sys.stderr)
        problem = make(environment, args.work)
        if problem:
            missing[environment] = problem
    cases = cases_of(args.bundles, args.work / "files")
    cells: dict[tuple[str, Environment], Cell] = {}
    for environment in ENVIRONMENTS:
        if environment not in missing:
            print(f"running {environment.name}", file=sys.stderr)
            for case, cell in assess(environment, args.work, cases):
                cells[case.name, environment] = cell
    print(report(cases, cells, missing))
    return 0 if not missing and all(cell.agrees for cell in cells.values()) else 1


def cases_of(bundles: list[Path], folder: Path) -> list[Case]:
    """Every variant of the bundles; the converters' traps, made from a classifier among them; files made by hand."""
    found = []
    classifier = None
    for bundle in bundles:
        manifest = read_manifest(bundle)
        for variant in manifest.variants.values():
            if variant.format != "saved_model":
                path = bundle / variant.file
                name = f"{manifest.model} {variant.name}"
                found.append(Case(name, variant.format, path, bundle / manifest.golden, _limits(variant)))
        if [output.task for output in manifest.outputs.values()] == ["classification"]:
            classifier = bundle, manifest
    if classifier is None:
        raise UsageError("none of the bundles is a classifier; give artifacts/mnist-cnn/bundle too")
    bundle, manifest = classifier
    limits = _limits(manifest.variants["tflite-dynamic"])
    for name, path in traps.converted(bundle, folder).items():
        found.append(Case(f"{manifest.model} {name}", "tflite", path, bundle / manifest.golden, limits))
    sound = [(bundle / manifest.variants[f"{form}-float32"].file).read_bytes() for form in ("tflite", "onnx")]
    for name, path in traps.cut(sound[0], sound[1], folder).items():
        found.append(Case(name.rpartition(".")[0], path.suffix[1:], path, bundle / manifest.golden, limits))
    for name, path in traps.by_hand(folder).items():
        found.append(Case(name.rpartition(".")[0], path.suffix[1:], path))
    return found


def _limits(variant: Variant) -> dict[str, float]:
    return {name: tolerance.max_abs_error for name, tolerance in variant.tolerances.items()}


def assess(environment: Environment, folder: Path, cases: list[Case]) -> list[tuple[Case, Cell]]:
    """The cells of one environment."""
    done = python(environment, folder, "-c", "import numpy; print(numpy.__version__)")
    numpy = done.stdout.strip()
    fitting = [case for case in cases if case.format == ENGINES[environment.engine].format]
    actual = truth(environment, folder, fitting)
    cells = []
    for case in fitting:
        cells.append((case, Cell(predicted(case, environment, numpy) or "runs", actual[case.name])))
    return cells


def predicted(case: Case, environment: Environment, numpy: str) -> str | None:
    """Why the runtime would refuse a file in an environment; None where it would not."""
    problem = engine_problem(environment.engine, environment.version, numpy)
    if problem:
        return problem
    try:
        facts = read_facts(case.path.read_bytes(), case.format)
    except BundleError as error:
        return str(error)
    return file_problem(facts, environment.engine, environment.version, os.uname().machine)


def truth(environment: Environment, folder: Path, cases: list[Case]) -> dict[str, str]:
    """What happens to each file, in child processes: one that dies has given the answer for the file it was at."""
    answers: dict[str, str] = {}
    left = list(cases)
    while left:
        jobs = [
            {"engine": environment.engine, "file": str(case.path), "limits": dict(case.limits),
             "golden": str(case.golden) if case.golden else None}
            for case in left
        ]  # fmt: skip
        given = "".join(json.dumps(job) + "\n" for job in jobs)
        done = python(environment, folder, "-m", "bench.truth", given=given)
        got = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('"')]
        answers.update((case.name, answer) for case, answer in zip(left, got, strict=False))
        left = left[len(got) :]
        if done.returncode == 0 and left:
            raise EdgeProofError(f"{environment.name}: {done.stderr.strip()[-300:]}")
        if left:
            died = f"signal {-done.returncode}" if done.returncode < 0 else _last_line(done.stderr)
            answers[left.pop(0).name] = f"the process ends: {died}"
    return answers


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "without a word"


def report(
    cases: list[Case], cells: dict[tuple[str, Environment], Cell], missing: dict[Environment, str]
) -> str:
    """The matrix of each format, what was predicted for each "no" and what happened, and the sum."""
    lines = []
    for form in ("tflite", "onnx"):
        columns = [column for column in ENVIRONMENTS if form == ENGINES[column.engine].format]
        rows = []
        for case in cases:
            if case.format == form:
                marks = [cells[case.name, c].mark if (case.name, c) in cells else "?" for c in columns]
                rows.append((case.name, *marks))
        header = [f"{column.engine} {column.version} numpy {column.numpy}" for column in columns]
        # The engines' names are long, the cells are short: a number for each column, and a legend.
        legend = [f"{number}: {name}" for number, name in enumerate(header, 1)]
        lines += [f"{form}: {', '.join(legend)}", ""]
        lines += [aligned((f".{form} file", *map(str, range(1, len(columns) + 1))), rows), ""]
    lines += ['Every kind of "no", once: what is predicted, and what happens without the check', ""]
    lines += [*_reasons(cells)]
    wrong = sum(not cell.agrees for cell in cells.values())
    lines += [f"{len(cells)} cells, {len(cells) - wrong} predicted as they are, {wrong} wrong"]
    lines += [f"could not be installed: {column.name}: {problem}" for column, problem in missing.items()]
    return "\n".join(lines)


def _reasons(cells: dict[tuple[str, Environment], Cell]) -> Iterator[str]:
    seen = set()
    for (name, environment), cell in cells.items():
        # The numbers and names in a reason do not make it another one.
        kind = re.sub(r"[\d.]+|litert|tflite-runtime|'[^']*'|[A-Z_]{5,}", "", cell.predicted)
        if cell.mark != "runs" and (kind not in seen or not cell.agrees):
            seen.add(kind)
            actual = re.sub(r"/onnxruntime_src/\S+ .*\) ", "", cell.actual)
            actual = actual if len(actual) <= _LONGEST else f"{actual[:_LONGEST]}…"
            yield f"{name} on {environment.name}"
            yield f"  predicted: {cell.predicted}"
            yield f"  actual:    {actual}"
            yield ""
