"""The name of the machine this runs on, as its maker calls it."""

import platform
from pathlib import Path


def cpu_name() -> str:
    """The board's name (a Raspberry Pi says its own), else the processor's, else the architecture."""
    try:
        return Path("/proc/device-tree/model").read_text().strip("\0\n ")
    except OSError:
        pass
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
