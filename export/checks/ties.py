"""How far a dynamic .tflite file's own answers move when floats between two steps are rounded the other way.

A dynamic kernel rounds each row of activations to 255 steps at every call.  Where activations lie on a grid, as the
rows of an embedding of int8 numbers do, many are exactly halfway between two steps, and processors do not agree on
these: in LiteRT 2.3, XNNPACK's own kernels round them to even; those of Arm's KleidiAI, which it takes where the
processor has int8 dot products, round them away from zero.  A loop hands the difference on from step to step.  How far
that moves a file's answers can be seen on one processor: when each scale moves by one unit in the last place, what was
halfway falls to either side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from data.dataset import Arrays
from export.checks.answers import Run, one_by_one
from export.formats import tflite_graph
from runtime.selftest import parity

# How often all scales are moved, each up or down at random; the largest movement counts.
PATTERNS, SEED = 4, 20


def moved_by_ties(
    content: bytes, run: Callable[[bytes], Run], asked: Sequence[tuple[Arrays, Arrays]]
) -> dict[str, float]:
    """How far one unit in the last place of a file's scales moves its answers in most rows, by output.

    Args:
        content: the .tflite file.
        run: gives what runs a file.
        asked: pairs of inputs in the file's own dtypes, and the file's answers to single rows of them; [n, …] by name.

    Returns:
        In output units, the largest of all patterns and pairs; for float outputs alone.
    """
    random = np.random.default_rng(SEED)
    largest: dict[str, float] = {}
    for _ in range(PATTERNS):
        moved = run(with_moved_scales(content, random))
        for feeds, expected in asked:
            answers = one_by_one(moved, feeds)
            for name, wanted in expected.items():
                if wanted.dtype.kind == "f":
                    _, in_most_rows = parity.drift(answers[name], wanted)
                    largest[name] = max(largest.get(name, 0.0), in_most_rows)
    # Two digits: what a machine's own order of additions changes is not in the manifest.
    return {name: float(f"{found:.1e}") for name, found in largest.items()}


def with_moved_scales(content: bytes, random: np.random.Generator) -> bytes:
    """The file with each scale one unit in the last place up or down; equal scales are moved alike."""
    model = tflite_graph.load(content)
    moved: dict[bytes, np.ndarray] = {}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if tensor.quantization is not None and tensor.quantization.scale is not None:
                scale = np.asarray(tensor.quantization.scale, np.float32)
                up = random.integers(0, 2, scale.shape).astype(bool)
                to = np.where(up, np.float32(np.inf), np.float32(0))
                tensor.quantization.scale = moved.setdefault(scale.tobytes(), np.nextafter(scale, to))
    return tflite_graph.pack(model)
