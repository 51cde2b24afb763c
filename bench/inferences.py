"""Runs on an emulated board: one row through one variant, again and again, between marks for the counting.

    python -m bench.inferences BUNDLE VARIANT ENGINE CALLS

It sets marks round the engine's bare calls, and as many round `predict`: CALLS of them, then twice as many, and all of
that three times.
"""

import gc
import sys
from collections.abc import Callable

import numpy as np

from arm.instructions import mark
from bench import bare
from bench.arguments import golden_rows
from runtime.bundle.reader import open_bundle
from runtime.loading import load_from

# Engines prepare themselves in their first calls, and Python 3.11 rewrites the code that it runs often.
_WARM_UP = 32
TIMES = 3  # an engine does now and then what depends on the clock: one such event must not count


def main(path: str, variant: str, engine: str, calls: int) -> None:
    """Marks both ways of calling, each by itself."""
    bundle = open_bundle(path)
    raw = golden_rows(bundle)[:1]
    model = load_from(bundle, variant, engine, 1)
    marked(
        bare.single(engine, bundle.read(bundle.manifest.variants[variant].file)),
        raw.astype(np.float32),
        calls,
    )
    marked(model.predict, raw, calls)


def marked(infer: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, calls: int) -> None:
    """A mark before `calls` calls, one between them and twice as many, and so on; one at the end."""

    def repeat(times: int) -> None:
        for _ in range(times):
            infer(rows)

    gc.disable()
    twice = 2 * calls
    repeat(_WARM_UP)
    for _ in range(TIMES):
        mark()
        repeat(calls)
        mark()
        repeat(twice)
    mark()


if __name__ == "__main__":
    path, variant, engine, calls = sys.argv[1:]
    main(path, variant, engine, int(calls))
