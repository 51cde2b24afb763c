"""What a device gets, from what it says of itself; and the wheel that it gets."""

import sys
import zipfile

import pytest

from export.remote import wheel
from export.remote.plan import REQUIREMENTS, Wish, check_space, in_words, plan
from export.remote.ssh import RemoteError
from runtime.bundle.reader import open_bundle
from runtime.errors import UsageError
from runtime.measure.machine import PACKAGES, facts
from tests import bundles
from tests.conftest import ROOT
from tests.wheels import build

PI = {
    "board": "Raspberry Pi 4 Model B Rev 1.5",
    "system": "Debian GNU/Linux 12 (bookworm)",
    "machine": "aarch64",
    "bits": 64,
    "cores": 4,
    "memory_mib": 3792,
    "memory_available_mib": 3400,
    "disk_free_mib": 21000,
    "python": "3.11.2",
    "can_make_environments": True,
    "packages": dict.fromkeys(PACKAGES),
}
NUMPY = PI["packages"] | {"numpy": "1.24.2"}  # what apt has installed


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return open_bundle(bundles.image_bundle(tmp_path_factory.mktemp("plan") / "bundle")).manifest


def made(manifest, wish=Wish(), **changes):  # noqa: B008
    return plan("pi", PI | changes, manifest, wish, "0" * 64)


def test_a_device_of_64_bits_gets_an_engine_for_each_format(manifest):
    for python in ("3.10.1", "3.11.2", "3.13.5"):
        found = made(manifest, python=python)
        assert found.engines == ("litert", "onnxruntime") and not found.system_packages
        assert found.requirements == ("numpy>=1.24", "ai-edge-litert>=2.0", "onnxruntime>=1.16")


def test_one_of_32_bits_gets_tflite_runtime_with_the_systems_numpy(manifest):
    found = made(manifest, bits=32, packages=NUMPY)  # its kernel says aarch64
    assert found.engines == ("tflite-runtime",) and found.system_packages
    assert found.requirements == ("numpy>=1.24", "tflite-runtime==2.14.0", "numpy<2")
    with pytest.raises(
        RemoteError, match=r"^pi: no engine fits: litert has no wheel for 32-bit systems; .*3\.13"
    ):
        made(manifest, bits=32, python="3.13.5", packages=NUMPY)


def test_one_of_32_bits_without_numpy_is_told_so_before_pip_is_tried(manifest, tmp_path):
    with pytest.raises(
        RemoteError, match=r"^pi: it has no numpy, and PyPI .*: sudo apt install python3-numpy$"
    ):
        made(manifest, bits=32)
    (tmp_path / "numpy-1.26.4-cp311-cp311-linux_armv7l.whl").touch()
    assert made(manifest, Wish(offline=tmp_path), bits=32).engines == ("tflite-runtime",)


def test_the_systems_own_engine_fits_where_the_index_has_none(manifest):
    debian = {"bits": 32, "python": "3.13.5", "packages": NUMPY | {"onnxruntime": "1.21"}}
    found = made(manifest, **debian)
    assert found.engines == ("onnxruntime",) and found.system_packages
    assert made(manifest, Wish(("onnxruntime",), system_packages=True), **debian).engines == ("onnxruntime",)
    with pytest.raises(RemoteError, match=r"; run there: sudo apt install python3-onnxruntime$"):
        made(manifest, Wish(system_packages=True), **debian | {"packages": NUMPY})
    with pytest.raises(RemoteError, match="onnxruntime has no wheel for 32-bit systems"):
        made(manifest, Wish(("onnxruntime",), system_packages=True), **debian | {"packages": NUMPY})


def test_the_engines_asked_for_are_taken_or_refused(manifest):
    assert made(manifest, Wish(("tflite-runtime",))).engines == ("tflite-runtime",)
    with pytest.raises(RemoteError, match=r"pi: tflite-runtime has no wheel for Python 3\.13"):
        made(manifest, Wish(("tflite-runtime",)), python="3.13.5")


def test_an_environment_that_cannot_be_made_is_said_before_anything_is_sent(manifest):
    with pytest.raises(RemoteError, match="run there: sudo apt install python3-venv"):
        made(manifest, can_make_environments=False)
    with pytest.raises(RemoteError, match="pi: its disk has 120 MiB free; an environment takes about 400"):
        check_space("pi", PI | {"disk_free_mib": 120})


def test_the_key_changes_with_everything_an_environment_is_made_of(manifest, tmp_path):
    (tmp_path / "numpy-2.0-cp311-cp311-manylinux_2_28_aarch64.whl").touch()
    keys = {
        made(manifest).key,
        made(manifest, python="3.11.3").key,
        made(manifest, Wish(("litert",))).key,
        made(manifest, Wish(system_packages=True)).key,
        made(manifest, Wish(system_packages=True), packages=NUMPY).key,
        made(manifest, Wish(offline=tmp_path)).key,
        plan("pi", PI, manifest, Wish(), "1" * 64).key,
    }
    assert len(keys) == 7 and made(manifest).key == made(manifest).key
    other = plan(
        "pi", PI, manifest, Wish(), "1" * 64
    )  # the runtime is another, and stands on the same engines
    assert other.engines_key == made(manifest).engines_key != made(manifest, Wish(("litert",))).engines_key


def test_of_a_folder_of_wheels_those_of_the_machine_are_brought_along(manifest, tmp_path):
    for name in ("a-1-py3-none-any", "b-1-cp311-cp311-manylinux_2_28_aarch64", "c-1-cp311-cp311-linux_armv7l",
                 "d-1-cp311-cp311-manylinux2014_x86_64"):  # fmt: skip
        (tmp_path / f"{name}.whl").touch()
    assert [path.name[0] for path in made(manifest, Wish(offline=tmp_path)).wheels] == ["a", "b"]
    narrow = made(manifest, Wish(offline=tmp_path), bits=32, packages=NUMPY)
    assert [path.name[0] for path in narrow.wheels] == ["a", "c"]
    with pytest.raises(UsageError, match="has no wheels for aarch64"):
        made(manifest, Wish(offline=tmp_path / "none"))


def test_a_device_in_words():
    assert in_words(PI) == (
        "Raspberry Pi 4 Model B Rev 1.5, Debian GNU/Linux 12 (bookworm), 64-bit, Python 3.11.2, 4 cores, "
        "3,792 MiB of memory (3,400 available), 21,000 MiB of disk free; installed: no numpy, no engine"
    )
    both = in_words(PI | {"packages": NUMPY | {"onnxruntime": "1.21"}})
    assert both.endswith(" free; installed: numpy 1.24.2, onnxruntime 1.21")
    assert in_words(PI | {"packages": NUMPY}).endswith("; installed: numpy 1.24.2, no engine")
    assert in_words(facts() | {"memory_mib": None, "system": None}).count("unknown") == 2


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_the_requirements_are_those_of_the_extras():
    import tomllib

    project = tomllib.loads((ROOT / "runtime" / "pyproject.toml").read_text())["project"]
    extras = {"litert": "litert", "tflite-runtime": "tflite", "onnxruntime": "onnx"}
    for engine, extra in extras.items():
        plain = tuple(each.partition(";")[0].strip() for each in project["optional-dependencies"][extra])
        assert REQUIREMENTS[engine] == plain


@pytest.mark.conversion
def test_the_wheel_is_the_one_that_make_wheel_builds(tmp_path):
    built = build(tmp_path / "built", runtime_alone=True)
    assert built.name == wheel.file_name() and wheel.content() == wheel.content()
    (tmp_path / "ours.whl").write_bytes(wheel.content())
    with zipfile.ZipFile(built) as theirs, zipfile.ZipFile(tmp_path / "ours.whl") as ours:
        same = [name for name in theirs.namelist() if ".dist-info/" not in name]
        assert {name: theirs.read(name) for name in same} == {
            name: ours.read(name) for name in ours.namelist() if ".dist-info/" not in name
        }
        record = next(name for name in ours.namelist() if name.endswith("METADATA"))
        wanted = ("Name:", "Version:", "Requires-Python:", "Requires-Dist: numpy")
        essential = [line for line in ours.read(record).decode().splitlines() if line.startswith(wanted)]
        assert len(essential) == 4 and set(essential) <= set(theirs.read(record).decode().splitlines())
        scripts = record.replace("METADATA", "entry_points.txt")
        assert ours.read(scripts) == theirs.read(scripts)
