"""What a machine is: board, system, memory, Python, engines. It needs no numpy, and no other module of this project.

`python -m runtime doctor` calls it, and `python -m export remote` sends this very file to a device that has nothing.
"""

import os
import platform
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

_MIB = 1 << 20
# numpy and the engines, by the packages that install them.
PACKAGES = ("numpy", "ai-edge-litert", "tflite-runtime", "onnxruntime")


def facts(root: str = "/", place: str = ".") -> dict[str, object]:
    """What is known of this machine, for JSON; None where the machine does not say.

    Args:
        root: the folder whose `proc` and `etc` are read.
        place: a path that exists; the free space is that of its disk.
    """
    memory = _meminfo(root)
    uname = os.uname()
    return {
        "board": cpu_name(root),
        "system": _system(root),
        "kernel": uname.release,
        "machine": uname.machine,
        # By the Python: 32-bit Raspberry Pi OS has a 64-bit kernel, which calls the machine aarch64.
        "bits": 64 if sys.maxsize > 1 << 32 else 32,
        "cores": os.cpu_count(),
        "memory_mib": memory.get("MemTotal"),
        "memory_available_mib": memory.get("MemAvailable"),
        "disk_free_mib": shutil.disk_usage(place).free // _MIB,
        "python": platform.python_version(),
        "executable": sys.executable,
        "packages": {name: _version(name) for name in PACKAGES},
        "environment": sys.prefix if sys.prefix != sys.base_prefix else None,
        "system_packages": _sees_system_packages(),
        "can_make_environments": find_spec("venv") is not None and find_spec("ensurepip") is not None,
        "pip_refuses": _is_managed(),
    }


def cpu_name(root: str = "/") -> str:
    """The board's name (a Raspberry Pi says its own), else the processor's, else the architecture."""
    name = (_read(root, "proc/device-tree/model") or "").strip("\0\n ")
    if name:
        return name
    for line in (_read(root, "proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _system(root: str) -> str | None:
    for line in (_read(root, "etc/os-release") or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"' ")
    return None


def _meminfo(root: str) -> dict[str, int]:
    """The rows of /proc/meminfo that count memory, in MiB."""
    found = {}
    for line in (_read(root, "proc/meminfo") or "").splitlines():
        words = line.replace(":", " ").split()
        if len(words) == 3 and words[2] == "kB" and words[1].isdigit():
            found[words[0]] = int(words[1]) // 1024
    return found


def _sees_system_packages() -> bool:
    """Whether this Python finds what the distribution's own packages install, such as python3-onnxruntime."""
    if sys.prefix == sys.base_prefix:
        return True
    text = _read(sys.prefix, "pyvenv.cfg") or ""
    return "include-system-site-packages=true" in text.lower().replace(" ", "")


def _version(package: str) -> str | None:
    """The version of an installed package; None where it is not installed. It is not imported."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _is_managed() -> bool:
    """Whether pip refuses to install outside of a virtual environment (PEP 668), as on Debian 12 and later."""
    if sys.prefix != sys.base_prefix:
        return False
    return (Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").exists()


def _read(root: str, path: str) -> str | None:
    try:
        return (Path(root) / path).read_text(errors="replace")
    except OSError:
        return None
