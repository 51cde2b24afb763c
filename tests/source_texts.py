"""The source as syntax trees, and the texts in it: what the pages quote of errors and reports is compared with them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a module of this checkout, parsed once for all tests of a process."""
    return ast.parse(path.read_text())


def texts(folder: Path) -> Iterator[str]:
    """Every string in the modules below a folder; in place of what is filled in, an f-string has `…`."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
