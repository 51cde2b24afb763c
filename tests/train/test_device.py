"""What is set before a training, and what it does with memory."""

import ctypes
import os
import subprocess
import sys

import pytest

# Takes, writes and gives back 64 MB again and again, and tells how often a page had to be fetched meanwhile.
USE = """
import ctypes, resource
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.memset.argtypes, libc.free.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t], [ctypes.c_void_p]
def use(size=1 << 26):
    block = libc.malloc(size)
    libc.memset(block, 1, size)
    libc.free(block)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_fetched(first: str) -> int:
    done = subprocess.run([sys.executable, "-c", first + USE], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library has no mallopt")
def test_a_training_keeps_the_memory_of_a_step_for_the_next():
    assert pages_fetched("") > 100
    assert pages_fetched("from train.device import prepare\nprepare()\n") < 100


@pytest.mark.parametrize(("said", "expected"), [({}, "1"), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, "0")])
def test_a_variable_that_is_set_stays(said, expected):
    tell = (
        "import os\nfrom train.device import prepare\nprepare()\nprint(os.environ['TF_ENABLE_ONEDNN_OPTS'])\n"
    )
    others = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    done = subprocess.run(
        [sys.executable, "-c", tell], env=others | said, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{expected}\n"
