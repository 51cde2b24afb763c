"""The memory that a variant takes: the peak of a process that loads it, with its self-test, and answers."""

import os
import subprocess
import sys

from runtime.bundle.reader import Bundle

_SECONDS = 300
# VmHWM begins anew with a program. What getrusage says begins with the memory of the process that started it.
_PROGRAM = """
import sys
sys.path[:] = {paths!r}
import runtime
runtime.load({bundle!r}, {variant!r}, {engine!r}, {threads!r})
for line in open("/proc/self/status"):
    if line.startswith("VmHWM:"):
        print(int(line.split()[1]) / 1024)
"""


def peak_rss_mib(bundle: Bundle, variant: str, engine: str, threads: int = 1) -> float | None:
    """The largest resident set in MiB of a process that does nothing else; None where it cannot be told.

    That is Python, numpy, the engine, the file and the golden samples. The process is killed where the device has too
    little memory for it: None too.
    """
    program = _PROGRAM.format(
        paths=sys.path, bundle=os.fspath(bundle.path), variant=variant, engine=engine, threads=threads
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        return float(done.stdout.split()[-1]) if done.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return None
