"""In a bare environment, with numpy and one engine and nothing else, the runtime does all it promises."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
sys.path[:0] = {paths!r}
import runtime
from runtime.__main__ import main
print(json.dumps([main(["verify", {bundle!r}, "--json"]), main(["compare", {bundle!r}, "--calls", "20", "--json"])]))
model = runtime.load({bundle!r})
assert model.predict([[[0] * 8] * 8]).shape == (1, 3)
used = set(m.split(".")[0] for m in sys.modules) - set(sys.stdlib_module_names)
print(json.dumps([sorted(used - set(sys.builtin_module_names)), runtime.__file__, model.engine]))
"""


@pytest.fixture(scope="module", params=["ai-edge-litert", "onnxruntime"])
def bare(request, tmp_path_factory):
    """A folder with numpy and one engine from the package index, and one with the runtime alone."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-conflicts",
         "--no-compile", "--target", str(folder / "packages"), "numpy", request.param],
        check=True,
    )  # fmt: skip
    shutil.copytree(
        ROOT / "runtime", folder / "alone" / "runtime", ignore=shutil.ignore_patterns("__pycache__")
    )
    return request.param, folder


@pytest.mark.installation
def test_numpy_and_one_engine_are_enough(bare, image_bundle):
    engine, folder = bare
    paths = [str(folder / "alone"), str(folder / "packages")]
    # -I and -S: no site-packages, no PYTHONPATH, no working folder.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM.format(paths=paths, bundle=str(image_bundle))],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *_, codes, facts = done.stdout.splitlines()
    assert json.loads(codes) == [0, 0]
    used, where, loaded = json.loads(facts)
    module = {"ai-edge-litert": "ai_edge_litert"}.get(engine, engine)
    assert module in used and "numpy" in used and "runtime" in used
    assert Path(where).is_relative_to(folder / "alone")
    assert loaded == {"ai-edge-litert": "litert"}.get(engine, engine)
    assert not {"tensorflow", "PIL", "rich", "onnx", "keras", "data", "train", "export"} & set(used)
