"""The two wheels: what they hold, and that they work in any folder, whatever lies in it."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

from runtime.version import __version__
from tests.bundles import table_bundle
from tests.conftest import EXPORTS, ROOT, with_keras
from tests.wheels import PACKAGES, build

pytestmark = pytest.mark.conversion
MAKE = """
import sys
import keras
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
model.save(sys.argv[1])
"""
DECOY = """
import pathlib
pathlib.Path(__file__).with_suffix(".imported").touch()
raise SystemExit("the user's file")
"""
PINS = ROOT / "constraints" / f"py{sys.version_info[0]}{sys.version_info[1]}.txt"
EXTRAS = {"edgeproof": "export", "edgeproof_runtime": "litert"}  # what the desk and a device install


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Both wheels, by the name of their project."""
    folder = tmp_path_factory.mktemp("wheels")
    return {
        "edgeproof": build(folder / "all"),
        "edgeproof_runtime": build(folder / "runtime", runtime_alone=True),
    }


@pytest.fixture(scope="module")
def installed(wheels):
    """An environment for each wheel, with the wheel, all that it depends on, and nothing else.

    It outlives a run, and the next one installs what has changed: two gigabytes take a while.  The wheel itself is
    always installed again, and what it no longer depends on goes.
    """
    pip = ("pip", "install", "--exact", "--only-binary=:all:", "--constraints", PINS)
    folders = {}
    for name, wheel in wheels.items():
        folder = folders[name] = EXPORTS / "installed" / f"{name}-{PINS.stem}"
        asked = f"{name}[{EXTRAS[name]}] @ {wheel.as_uri()}"
        for command in (
            ("venv", "--allow-existing", "--python", sys.executable, folder),
            (*pip, "--python", folder, "--reinstall-package", name, asked),
        ):
            subprocess.run([sys.executable, "-m", "uv", "--quiet", *map(str, command)], check=True)
    return folders


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """A user's folder with files that are called as our packages are, and that must not be imported."""
    folder = tmp_path_factory.mktemp("crowded")
    for name in ("train.py", "export.py", "runtime.py", "edgeproof_runtime.py"):
        (folder / name).write_text(DECOY)
    (folder / "data").mkdir()
    (folder / "data" / "__init__.py").write_text(DECOY)
    return folder


def run(folder, *command, **options):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(word) for word in command], cwd=folder, env=clean, capture_output=True, text=True, **options
    )


def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheels_hold_what_they_should(wheels):
    tops = {
        name: {path.split("/")[0] for path in contents(wheel)} - {f"{name}-{__version__}.dist-info"}
        for name, wheel in wheels.items()
    }
    assert tops == {
        "edgeproof": {"edgeproof.py", *PACKAGES},
        "edgeproof_runtime": {"edgeproof.py", "runtime"},
    }
    assert {name: wheel.name for name, wheel in wheels.items()} == {
        name: f"{name}-{__version__}-py3-none-any.whl" for name in wheels
    }


def test_both_have_the_same_runtime(wheels):
    both = []
    for wheel in wheels.values():
        with zipfile.ZipFile(wheel) as archive:
            both.append({
                name: archive.read(name)
                for name in archive.namelist()
                if name == "edgeproof.py" or name.startswith("runtime/")
            })  # fmt: skip
    assert both[0] == both[1] and len(both[0]) > 30


def test_the_decoys_would_be_seen(crowded, installed):
    for name in ("runtime", "export", "train", "data"):
        done = run(crowded, installed["edgeproof"] / "bin" / "python", "-c", f"import {name}")
        assert done.returncode == 1 and "the user's file" in done.stderr
    for path in crowded.rglob("*.imported"):
        path.unlink()


def test_the_command_works_among_files_of_the_same_names(crowded, installed):
    bin_ = installed["edgeproof"] / "bin"
    with_keras(MAKE, str(crowded / "my.keras"))
    targets = "saved_model,tflite-float32,onnx-float32"
    done = run(crowded, bin_ / "edgeproof", "export", "my.keras", "--targets", targets, "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((crowded / "artifacts" / "report.json").read_text())["rows"]
    assert {row["status"] for row in rows} <= {"ok", "skipped"} and sum(
        row["status"] == "ok" for row in rows
    ) >= 3
    for command in (
        (bin_ / "edgeproof", "verify", "artifacts/my/bundle"),
        (bin_ / "python", "-m", "edgeproof", "compare", "artifacts/my/bundle", "--calls", "10"),
        (bin_ / "edgeproof", "train", "list"),
        (bin_ / "edgeproof", "export", "list"),
        (bin_ / "edgeproof", "export", "report", "artifacts/report.json"),
    ):
        done = run(crowded, *command)
        assert done.returncode == 0, done.stdout + done.stderr
    assert not list(crowded.rglob("*.imported"))


@pytest.mark.parametrize("name", EXTRAS)
def test_what_is_installed_fits_together_and_is_all(installed, name):
    python = installed[name] / "bin" / "python"
    subprocess.run([sys.executable, "-m", "uv", "--quiet", "pip", "check", "--python", python], check=True)
    listed = [sys.executable, "-m", "uv", "pip", "list", "--format", "json", "--python", python]
    found = {
        row["name"] for row in json.loads(subprocess.run(listed, check=True, capture_output=True).stdout)
    }
    assert {"numpy", "ai-edge-litert"} <= found and "pytest" not in found
    assert ("tensorflow" in found) == (name == "edgeproof")


def test_a_device_has_the_runtime_and_says_what_it_has_not(crowded, installed, tmp_path):
    command = installed["edgeproof_runtime"] / "bin" / "edgeproof"
    done = run(crowded, command, "verify", table_bundle(tmp_path / "bundle"))
    assert done.returncode == 0 and "May be used here: tflite-float32 with litert" in done.stdout, done.stderr
    done = run(crowded, command, "export", "my.keras")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "error: `edgeproof export` needs the package export, which is not installed here; "
        "install it with: pip install 'edgeproof[export]'\n",
    )
