"""One Model shared by eight threads: are its answers those of the sequential run, to the bit?"""

import sys
import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np

import runtime
from runtime.bundle.golden import read_golden
from runtime.command import run_command
from runtime.commands.arguments import progress
from runtime.commands.table import aligned
from runtime.errors import EdgeProofError
from runtime.measure.machine import cpu_name
from runtime.model import Model
from tests.campaigns.bundles import open_all, pairs, parser

THREADS = 8
_BATCHES = (2, 5, 32)  # of every 50 calls, one is a batch


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1 where one answer differs."""
    arguments = parser(
        "threads", "One Model shared by eight threads: are the answers those of the sequential run?"
    )
    arguments.set_defaults(models="digits-cnn,diabetes-mlp")
    arguments.add_argument(
        "--calls", type=int, default=100_000, help="of each variant and engine; default: 100000"
    )
    options = arguments.parse_args(argv)
    rows, wrong = [], 0
    for bundle in open_all(options.artifacts, options.models):
        inputs = read_golden(bundle).inputs
        for variant, engine in pairs(bundle):
            progress(f"{bundle.manifest.model} {variant.name} {engine}")
            model = runtime.load(bundle.path, variant.name, engine)
            rates, differ = [], []
            for count in (1, THREADS):
                begin = time.perf_counter()
                differ.append(wrong_answers(model, inputs, count, options.calls))
                rates.append(f"{options.calls / (time.perf_counter() - begin):,.0f}")
            wrong += sum(differ)
            rows.append(
                (bundle.manifest.model, variant.name, engine, f"{options.calls:,}", str(differ[1]), *rates)
            )
    progress("")
    header = ("model", "variant", "engine", "calls", "wrong", "calls/s of 1 thread", f"of {THREADS}")
    print(aligned(header, rows, right=(3, 4, 5, 6)))
    print(f"{cpu_name()}: {THREADS} threads, {wrong} answers other than those of one")
    return 1 if wrong or not rows else 0


def wrong_answers(model: Model, inputs: Mapping[str, np.ndarray], threads: int, calls: int) -> int:
    """How many of the calls, from several threads at once, are answered otherwise than from one; errors count too.

    `inputs` are raw ones, at least 32: each is sent alone, and the first of them as batches.
    """
    requests = [{name: rows[row : row + 1] for name, rows in inputs.items()} for row in range(32)]
    batches = [{name: rows[:count] for name, rows in inputs.items()} for count in _BATCHES]
    expected = [model.answers(request) for request in requests], [model.answers(batch) for batch in batches]
    wrong = [0] * threads
    together = threading.Barrier(threads)

    def work(number: int) -> None:
        together.wait()
        for call in range(number, calls, threads):
            batch = call // threads % 50 == number
            which = call % (len(batches) if batch else 32)
            request = (batches if batch else requests)[which]
            try:
                answers = model.answers(request)
                wrong[number] += any(
                    not np.array_equal(answers[output], known)
                    for output, known in expected[batch][which].items()
                )
            except EdgeProofError:
                wrong[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(wrong)


if __name__ == "__main__":
    sys.exit(run_command(main))
