"""Converters that take their worker process along or build something else, for tests of what happens then."""

import os
import signal
import sys
import time

import numpy as np

from export.formats.format import Conversion


def abort(conversion: Conversion) -> None:
    """What LLVM does when it has had enough."""
    print("LLVM ERROR: out of registers", file=sys.stderr, flush=True)
    os.abort()


def killed(conversion: Conversion) -> None:
    """What the kernel does when memory runs out, a moment after the work began."""
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGKILL)


def raises(conversion: Conversion) -> None:
    """What a converter does with a graph that it does not understand."""
    raise ValueError("no such thing\nas a second line")


def another_model(conversion: Conversion) -> tuple[str, ...]:
    """The float32 file, with the largest weights turned round: a sound file of another model."""
    from ai_edge_litert import schema_py_generated as schema

    content = conversion.source.read_bytes()
    buffers = schema.ModelT.InitFromPackedBuf(content, 0).buffers
    weights = max((bytes(each.data) for each in buffers if each.data is not None), key=len)
    turned = (-np.frombuffer(weights, np.float32)).tobytes()
    conversion.destination.write_bytes(content.replace(weights, turned))
    return ()
