"""The runtime imports the standard library and numpy; an engine in its backend, Pillow in images.py."""

import ast
import sys
from pathlib import Path

import pytest

RUNTIME = Path(__file__).parents[2] / "runtime"
EXTRA = {
    "images.py": {"PIL"},
    "signing.py": {"cryptography"},
    "backends/litert.py": {"ai_edge_litert"},
    "backends/tflite_runtime.py": {"tflite_runtime"},
    "backends/onnxruntime.py": {"onnxruntime"},
}


def imported(tree):
    """The top-level packages that a module imports, by statement or by import_module("…")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module.split(".")[0]
        elif (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "import_module"
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.args[0].value.split(".")[0]


@pytest.mark.parametrize(
    "path", sorted(RUNTIME.rglob("*.py")), ids=lambda path: str(path.relative_to(RUNTIME))
)
def test_imports_point_downwards(path):
    name = str(path.relative_to(RUNTIME))
    allowed = set(sys.stdlib_module_names) | {"numpy", "runtime"} | EXTRA.get(name, set())
    tree = ast.parse(path.read_text())
    assert set(imported(tree)) <= allowed
    assert ast.get_docstring(tree), "a module says what it is in its first line"
    assert len(path.read_text().splitlines()) <= 300
