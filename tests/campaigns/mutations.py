"""Does the self-test see a wrong model? Mutants of every file of every bundle, and engines that answer garbage.

Every mutant's digests stand in its manifest, so that nothing but the self-test can refuse it. One that passes is a
miss where its answers to rows of the test split, none of which is among the golden inputs, are further from the sound
file's than other kernels may be (the manifest's `recorded` limits); else it is equivalent, and counted as such.
"""

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from unittest import mock

import numpy as np

import runtime.loading
from runtime.bundle.golden import kept, read_golden
from runtime.bundle.manifest import Variant
from runtime.bundle.reader import Bundle
from runtime.command import run_command
from runtime.commands.arguments import progress
from runtime.commands.table import aligned
from runtime.errors import BundleError, EdgeProofError, EngineError, ParityError
from runtime.loading import load_from
from runtime.model import Model
from runtime.selftest.check import check_drift, self_test
from tests.campaigns.bundles import changed, judging_rows, open_all, pairs, parser
from tests.campaigns.mutants import KINDS, mutate

OUTCOMES = ("caught", "refused", "missed", "within noise", "no change")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1 where less than 99 % are caught, or a sound file is refused."""
    arguments = parser("mutations", "Mutants that only the self-test can refuse: how many does it?")
    arguments.add_argument(
        "--mutants", type=int, default=20, help="of each kind, variant and engine; default: 20"
    )
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args(argv)
    tally: dict[str, Counter[str]] = {kind: Counter() for kind in (*KINDS, "labels", *GARBAGE)}
    misses: Counter[str] = Counter()
    alarms, sound = [], 0
    for bundle in open_all(options.artifacts, options.models):
        rows = judging_rows(bundle)
        if rows is None:
            print(f"not judged: {bundle.manifest.model}: its dataset is not here")
            continue
        for variant, engine in pairs(bundle):
            progress(f"{bundle.manifest.model} {variant.name} {engine}")
            sound += 1
            try:
                model = tested(bundle, variant.name, engine)
            except EdgeProofError as error:
                alarms.append(f"{bundle.manifest.model} {variant.name} {engine}: {error}")
                continue
            expected = kept_answers(model, rows)
            chance = random.Random(f"{options.seed} {bundle.manifest.model} {variant.name} {engine}")
            for kind, found in mutants(bundle, variant, engine, rows, expected, options.mutants, chance):
                tally[kind][found] += 1
                if found == "missed":
                    misses[f"{kind}: {bundle.manifest.model} {variant.name} {engine}"] += 1
        progress("")
        for outcome in labels_swapped(bundle):
            tally["labels"][outcome] += 1
    return report(tally, misses, alarms, sound)


def tested(bundle: Bundle, variant: str, engine: str) -> Model:
    """What runtime.load does with an open bundle."""
    model = load_from(bundle, variant, engine, 1)
    self_test(model, read_golden(bundle))
    return model


def kept_answers(model: Model, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The answers to raw rows by output, as far as golden samples would keep them."""
    return {output: kept(answers) for output, answers in model.answers(rows).items()}


def mutants(
    bundle: Bundle, variant: Variant, engine: str, rows: Mapping[str, np.ndarray],
    expected: Mapping[str, np.ndarray], count: int, chance: random.Random,
):  # fmt: skip
    """Yields (kind, outcome) of `count` mutants of each kind, and of engines that answer garbage."""
    content = bundle.read(variant.file)
    for kind in KINDS:
        for _ in range(count):
            made = mutate(content, kind, chance)
            if made is not None:
                yield kind, outcome(changed(bundle, {variant.file: made}), variant, engine, rows, expected)
    for name, spoil in GARBAGE.items():
        with garbage_engine(spoil):
            yield name, outcome(bundle, variant, engine, rows, expected)


def outcome(
    bundle: Bundle, variant: Variant, engine: str, rows: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]
) -> str:  # fmt: skip
    """What becomes of one mutant."""
    try:
        model = tested(bundle, variant.name, engine)
    except ParityError:
        return "caught"
    except (EngineError, BundleError):
        return "refused"  # by the engine, or by the check of what it can run
    try:
        answers = kept_answers(model, rows)
        if all(np.array_equal(answers[output], known) for output, known in expected.items()):
            return "no change"
        check_drift(answers, lambda _, output: [expected[output]], variant)
    except (ParityError, EngineError):
        return "missed"
    return "within noise"


def labels_swapped(bundle: Bundle):
    """Two labels, or two columns, or a unit changed in the manifest alone."""
    manifest = bundle.manifest
    others: list[dict[str, object]] = []
    for side, records in (("inputs", manifest.inputs), ("outputs", manifest.outputs)):
        for name, record in records.items():
            for field in ("labels", "columns"):
                for swapped in neighbours_swapped(getattr(record, field, None) or ()):
                    others.append({side: dict(records) | {name: record._replace(**{field: swapped})}})
            if side == "outputs" and record.task == "regression":
                units = ("USD",) * len(record.units or (None,))
                others.append({side: dict(records) | {name: record._replace(units=units)}})
    for other in others:
        try:
            read_golden(changed(bundle, {}, **other))
        except BundleError:
            yield "caught"
        else:
            yield "missed"


def neighbours_swapped(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The names with two neighbours in each other's place, for every two."""
    for at in range(len(names) - 1):
        yield (*names[:at], names[at + 1], names[at], *names[at + 2 :])


# What an engine may make of its answers [n, …] to one output.
GARBAGE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "engine: zeros": np.zeros_like,
    "engine: NaN": lambda answers: np.full(answers.shape, np.nan, np.float32),
    "engine: random": lambda answers: np.random.default_rng(len(answers)).random(answers.shape, np.float32),
    "engine: the same answer always": lambda answers: np.resize(
        np.arange(answers[:1].size, dtype=answers.dtype), answers.shape
    ),
    "engine: outputs turned round": lambda answers: (
        np.roll(answers, 1, axis=-1) if answers.shape[-1] > 1 else ~answers if answers.dtype.kind == "b" else -answers
    ),
    "engine: a hundredth off": lambda answers: answers * np.float32(1.01),
    "engine: float64": lambda answers: answers.astype(np.float64),
    "engine: a column short": lambda answers: answers[..., :-1],
}  # fmt: skip


class GarbageBackend:
    """A real backend whose answers are spoilt on their way out."""

    def __init__(self, real, spoil):
        self.inputs, self.outputs = real.inputs, real.outputs
        self.run = lambda feeds: {name: spoil(found) for name, found in real.run(feeds).items()}
        self.infer = lambda feeds: {name: spoil(found) for name, found in real.infer(feeds).items()}


def garbage_engine(spoil):
    """Every engine answers garbage inside of this context."""
    real = runtime.loading.open_backend
    return mock.patch.object(
        runtime.loading, "open_backend", lambda *given: GarbageBackend(real(*given), spoil)
    )


def report(tally: dict[str, Counter[str]], misses: Counter[str], alarms: list[str], sound: int) -> int:
    """Prints the table; the exit code."""
    total: Counter[str] = sum(tally.values(), Counter())
    lines = []
    for name, found in (*tally.items(), ("all", total)):
        effective = found["caught"] + found["refused"] + found["missed"]
        rate = f"{1 - found['missed'] / effective:.2%}" if effective else "-"
        lines.append((name, sum(found.values()), *(found[outcome] for outcome in OUTCOMES), rate))
    print(aligned(("mutation", "mutants", *OUTCOMES, "caught or refused"), lines, right=range(1, 8)))
    print()
    for name, count in misses.most_common(12):
        print(f"missed {count}: {name}")
    for alarm in alarms:
        print(f"false alarm: {alarm}")
    effective = total["caught"] + total["refused"] + total["missed"]
    rate = 1 - total["missed"] / max(1, effective)
    print(
        f"{effective} mutants change answers beyond the noise of kernels; {rate:.2%} are caught or refused."
    )
    print(f"{sound} sound variants on their engines; {len(alarms)} false alarms.")
    return 1 if rate < 0.99 or alarms or not effective else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
