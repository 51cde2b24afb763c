"""What the libraries' long errors say in one line."""

import pytest

from export.library_errors import in_words

TRACED = """in user code:

    File "model.py", line 71, in serve  *
        raise ValueError: not this one
    File "keras/error.py", line 122, in error_handler  **
        raise e.with_traceback(filtered_tb) from None

    ValueError: Exception encountered when calling Functional.call().
    
    \x1b[1m'next sample' is not a valid scope name.\x1b[0m
    
    Arguments received by Functional.call():
"""  # noqa: W293


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("shapes do not\n  fit", "shapes do not fit"),
        (
            TRACED,
            "Exception encountered when calling Functional.call(). 'next sample' is not a valid scope name. Arguments "
            "received by Functional.call():",
        ),
        ("in user code:\n\n    nothing else", "in user code: nothing else"),
        ("Graph execution error: Exception encountered: {{node a/b}} no kernel", "no kernel"),
        ("x" * 400, "x" * 300),
    ],
)
def test_one_line_without_marks_and_tracebacks(said, words):
    assert in_words(ValueError(said)) == words
