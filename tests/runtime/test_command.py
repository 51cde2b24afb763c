"""The edge of every command line: one line on stderr, and the exit code that belongs to it."""

import subprocess
import sys

import pytest

from runtime.command import run_command
from runtime.errors import BundleError, UsageError


def raising(error):
    def main(argv):
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (BundleError("a.tflite: damaged"), 1, "error: a.tflite: damaged\n"),
        (UsageError("unknown model 'x'; known: y"), 2, "error: unknown model 'x'; known: y\n"),
        (BundleError("two\nlines"), 1, "error: two lines\n"),
        (PermissionError(13, "Permission denied", "/out"), 1, "error: Permission denied: /out\n"),
        (OSError(28, "No space left on device"), 1, "error: No space left on device\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_what_a_user_can_cause_is_one_line(capsys, error, code, line):
    assert run_command(raising(error)) == code
    assert capsys.readouterr() == ("", line)


def test_a_mistake_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run_command(raising(ZeroDivisionError()))


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (3, 3)])
def test_the_exit_code_is_that_of_main(returned, code):
    assert run_command(lambda argv: returned) == code
    assert run_command(lambda argv: len(argv), ["a", "b"]) == 2


def test_a_reader_that_left_is_no_error():
    program = (
        "import sys; from runtime.command import run_command\n"
        "sys.exit(run_command(lambda argv: [print('x' * 9999) for _ in range(999)] and None))"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait() == 1
