"""The device that a model is trained on: how it must compute, and its name for the record."""

from __future__ import annotations

import ctypes
import os
import subprocess
from importlib import import_module
from typing import Any

from runtime.measure.machine import cpu_name

# Read when a backend is imported: the same results in every run, oneDNN's kernels, full float32 (no TF32), no log of
# the backend. TensorFlow leaves oneDNN out on processors without VNNI, where a step then takes twice as long.
_SETTINGS = {
    "TF_DETERMINISTIC_OPS": "1",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "NVIDIA_TF32_OVERRIDE": "0",
    "JAX_DEFAULT_MATMUL_PRECISION": "float32",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


# `mallopt` of the GNU C library, by the numbers in its malloc.h: no block is mapped for itself (M_MMAP_MAX), and the
# end of the heap is not given back (M_TRIM_THRESHOLD), nor asked for in small pieces (M_TOP_PAD).
_KEEP_MEMORY = {-4: 0, -1: 2**31 - 1, -2: 2**26}


def prepare() -> None:
    """Prepares this process for training, before Keras is imported; environment variables that are set stay.

    With the GNU C library, the memory of a training step is kept for the next one. It is given back and asked for anew
    otherwise, some 800 MB in a step of a small network of depthwise convolutions, and training takes twice as long.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    if os.name == "posix" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        for option, setting in _KEEP_MEMORY.items():
            library.mallopt(option, setting)


def device_name() -> str:
    """Names the device that Keras computes on: the GPU's product name, or the CPU's model name."""
    if not _accelerated():
        return cpu_name()
    try:
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        names = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    except FileNotFoundError:  # another maker's
        names = []
    return names[0] if names else "GPU"


def _accelerated() -> bool:
    import keras

    if keras.backend.backend() == "torch":  # Keras cannot list its devices
        torch: Any = import_module("torch")
        return bool(torch.cuda.is_available() or torch.backends.mps.is_available())
    return not all(device.startswith("cpu") for device in keras.distribution.list_devices())
