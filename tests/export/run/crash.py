"""Converters that take their worker process along, for tests of what happens to the others."""

import os
import signal
import sys
import time

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
