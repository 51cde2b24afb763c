"""The direction of imports: downwards only, and the runtime stays thin."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "runtime": {"runtime"},
    "data": {"data", "runtime"},
    "train": {"train", "data", "runtime"},
    "export": {"export", "data", "runtime"},
    "arm": {"arm", "runtime"},
    "bench": {"bench", "arm", "export", "data", "runtime"},
}
PROJECT = {*MAY_IMPORT, "tests"}
FOREIGN = {
    "runtime/backends/litert.py": {"ai_edge_litert"},
    "runtime/backends/tflite_runtime.py": {"tflite_runtime"},
    "runtime/backends/onnxruntime.py": {"onnxruntime"},
    "runtime/commands/images.py": {"PIL"},  # for PNG and JPEG on the command line only
    "runtime/bundle/authenticity.py": {"cryptography"},  # for --key only
}
RUNTIME = sorted((ROOT / "runtime").rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The top-level packages that a module imports, by statement or by import_module("…"), anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            found |= {str(name.value).split(".")[0] for name in node.args if isinstance(name, ast.Constant)}
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_import_downwards_only(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        upwards = imports(path) & PROJECT - MAY_IMPORT[package]
        assert not upwards, f"{path.relative_to(ROOT)} imports {upwards}"


def test_the_command_is_in_both_wheels_and_needs_the_runtime_alone():
    path = ROOT / "edgeproof.py"
    assert imports(path) <= {*sys.stdlib_module_names, "runtime", "export", "shtab"}
    top = ast.parse(path.read_text()).body
    at_once = {node.module for node in top if isinstance(node, ast.ImportFrom)} | {
        name.name for node in top if isinstance(node, ast.Import) for name in node.names
    }
    assert {name.split(".")[0] for name in at_once} <= sys.stdlib_module_names


@pytest.mark.parametrize("path", RUNTIME, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_runtime_needs_the_standard_library_numpy_and_one_engine(path):
    allowed = {*sys.stdlib_module_names, "numpy", "runtime"} | FOREIGN.get(str(path.relative_to(ROOT)), set())
    assert imports(path) <= allowed
    assert ast.get_docstring(ast.parse(path.read_text())), "a module says what it is in its first line"
    assert len(path.read_text().splitlines()) <= 300


def test_the_rule_sees_an_import_inside_a_function(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "def f():\n    import tensorflow.lite as lite\n    from export import plan\n    import_module('onnx.helper')\n"
    )
    assert imports(path) == {"tensorflow", "export", "onnx"}
