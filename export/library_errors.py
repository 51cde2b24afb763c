"""What the libraries' long errors say, in one line for the user."""

from __future__ import annotations

import re

_LONGEST = 300
# Keras' and TensorFlow's marks: colours for a terminal, and places in a graph.
_MARKS = re.compile(r"\x1b\[[0-9;]*m|\{\{.*?\}\}")
# AutoGraph quotes the traceback of the code that it traced, indented, with the error itself as its last entry.
_TRACED = "in user code:"
_ITSELF = re.compile(
    r"^ +\w+(?:Error|Exception): (?!.*^ +\w+(?:Error|Exception): )", re.MULTILINE | re.DOTALL
)


def in_words(error: BaseException) -> str:
    """What an error of Keras or TensorFlow says, in one line, without marks and quoted tracebacks."""
    said = str(error)
    if said.startswith(_TRACED) and (found := _ITSELF.search(said)):
        said = said[found.end() :]
    said = said.rpartition("Exception encountered: ")[2]
    return " ".join(_MARKS.sub("", said).split())[:_LONGEST]
