"""The direction of imports: downwards only, and the runtime stays thin."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_texts import parsed

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
    for node in ast.walk(parsed(path)):
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
    top = parsed(path).body
    at_once = {node.module for node in top if isinstance(node, ast.ImportFrom)} | {
        name.name for node in top if isinstance(node, ast.Import) for name in node.names
    }
    assert {name.split(".")[0] for name in at_once} <= sys.stdlib_module_names


@pytest.mark.parametrize("path", RUNTIME, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_runtime_needs_the_standard_library_numpy_and_one_engine(path):
    allowed = {*sys.stdlib_module_names, "numpy", "runtime"} | FOREIGN.get(str(path.relative_to(ROOT)), set())
    assert imports(path) <= allowed
    assert ast.get_docstring(parsed(path)), "a module says what it is in its first line"
    assert len(path.read_text().splitlines()) <= 300


def test_the_rule_sees_an_import_inside_a_function(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "def f():\n    import tensorflow.lite as lite\n    from export import plan\n    import_module('onnx.helper')\n"
    )
    assert imports(path) == {"tensorflow", "export", "onnx"}


SOURCES = [
    ROOT / "edgeproof.py",
    *sorted(path for package in sorted(PROJECT) for path in (ROOT / package).rglob("*.py")),
]


def built_names(tree: ast.AST) -> list[int]:
    """The lines in which the name of a module to import is put together from parts."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    return [
        node.lineno
        for node in calls
        if (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) == "import_module"
        and isinstance(node.args[0], (ast.JoinedStr, ast.BinOp))
    ]


def test_no_name_of_a_module_is_put_together():
    """A table holds it whole, where a search for the module finds it."""
    found = {str(path.relative_to(ROOT)): built_names(parsed(path)) for path in SOURCES}
    assert not {path: lines for path, lines in found.items() if lines}


def test_the_rule_sees_a_name_that_is_put_together():
    tree = ast.parse(
        "import_module(f'a.{b}')\nimportlib.import_module('a.' + b)\nimport_module(rows[b].module)\n"
    )
    assert built_names(tree) == [1, 2]


@pytest.mark.parametrize("table", ["runtime.__main__", "bench.__main__", "export.commands"])
def test_a_table_of_commands_names_modules_that_exist_and_imports_none_of_them(table):
    program = (
        f"import sys; from importlib.util import find_spec; from {table} import COMMANDS; "
        "named = {row.module for row in COMMANDS.values()}; print(sorted(named & set(sys.modules))); "
        "print([name for name in named if find_spec(name) is None])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n[]\n"


def module_name(path: Path) -> str:
    """The dotted name of a file of this checkout; a package has its own, without `__init__`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(tree: ast.AST, known: set[str]) -> set[str]:
    """The modules out of `known` that a file imports by statement, inside functions and for types alone too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{name.name}" for name in node.names}
            found |= inner & known if inner <= known else inner & known | {str(node.module)}
    return found & known


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module, by Tarjan 1972, each in alphabetical order."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for other in sorted(imports[module]):
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            component = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(component) > 1:
                found.append(sorted(component))

    for module in imports:
        if module not in number:
            visit(module)
    return sorted(found)


def test_no_modules_import_each_other_in_a_circle():
    known = {module_name(path): path for path in SOURCES}
    imports = {name: imported_modules(parsed(path), set(known)) - {name} for name, path in known.items()}
    assert imports["runtime.verdicts"] >= {"runtime.bundle.reader"}  # they are found at all
    assert circles(imports) == []


def test_the_rule_sees_circles_wherever_the_import_stands():
    known = {"a", "a.b", "a.c", "a.d"}
    in_function = ast.parse("def f():\n    from a import c\n")
    for_types = ast.parse("if TYPE_CHECKING:\n    from a.d import Name\n")
    of_the_package = ast.parse("from a import b, name\nimport numpy\n")
    assert imported_modules(in_function, known) == {"a.c"}
    assert imported_modules(for_types, known) == {"a.d"}
    assert imported_modules(of_the_package, known) == {"a", "a.b"}
    rows = {
        "a": {"a.b"},
        "a.b": {"a.c"},
        "a.c": {"a.d"},
        "a.d": {"a.b", "a.e"},
        "a.e": {"a.f"},
        "a.f": {"a.e"},
    }
    assert circles(rows) == [["a.b", "a.c", "a.d"], ["a.e", "a.f"]]
