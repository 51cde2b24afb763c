"""The texts in the source: what the pages quote of errors and reports is compared with them."""

import ast
from collections.abc import Iterator
from pathlib import Path


def texts(folder: Path) -> Iterator[str]:
    """Every string in the modules below a folder; in place of what is filled in, an f-string has `…`."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
