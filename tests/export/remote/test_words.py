"""The last words of programs, in one line."""

import pytest

from export.remote.words import of_program


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (
            "WARNING: Retrying … NewConnectionError …\nERROR: No matching distribution",
            1,
            "its package index does not",
        ),
        ("OSError: [Errno 28] No space left on device", 1, "its disk is full"),
        ("Collecting numpy", -9, "it was killed; the device may have too little memory"),
        ("MemoryError", 1, "it was killed; the device may have too little memory"),
        (
            "one\nERROR: No matching distribution found for numpy\n\n",
            1,
            "ERROR: No matching distribution found for numpy",
        ),
        ("one\ntwo\n", 1, "two"),
        ("", 3, "exit code 3"),
    ],
)
def test_the_last_words_of_a_program(text, code, line):
    assert of_program(code, text).startswith(line)
