"""`python -m runtime doctor`: what is here, what would run, what to type; on machines that this one is not."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bench.tiny_files import tflite_with_op
from runtime import backends
from runtime.commands import doctor
from tests.bundles import IMAGE_PAIRS, replace_file
from tests.conftest import ROOT
from tests.runtime.commands.test_commands import cli

__all__ = ["cli"]

PI5_TRIXIE = {
    "board": "Raspberry Pi 5 Model B Rev 1.0",
    "system": "Debian GNU/Linux 13 (trixie)",
    "kernel": "6.12.34+rpt-rpi-2712",
    "machine": "aarch64",
    "bits": 64,
    "cores": 4,
    "memory_mib": 8064,
    "memory_available_mib": 7400,
    "disk_free_mib": 20000,
    "python": "3.13.5",
    "executable": "/usr/bin/python3",
    "environment": None,
    "system_packages": True,
    "can_make_environments": True,
    "pip_refuses": True,
}
IN_AN_ENVIRONMENT = {"environment": "/home/pi/venv", "system_packages": False, "pip_refuses": False}


@pytest.fixture
def device(monkeypatch, tmp_path):
    """Makes `doctor` see another machine: its facts, Python, installed engines (name: what is wrong with it)."""

    def set_up(python, installed=None, numpy="2.2.4", debian=(), **changes):
        here = PI5_TRIXIE | changes
        monkeypatch.setattr(doctor, "facts", lambda: here)
        seen = SimpleNamespace(version_info=python, maxsize=(1 << (here["bits"] - 1)) - 1)
        monkeypatch.setattr(backends, "sys", seen)
        problem = None if numpy else "numpy is not installed"
        monkeypatch.setattr(doctor, "_numpy", lambda here: (numpy, problem))
        versions = {"litert": "2.3.0", "tflite-runtime": "2.14.0", "onnxruntime": "1.21"}
        found = installed or {}
        monkeypatch.setattr(
            backends, "engine_version", lambda name: versions[name] if name in found else None
        )
        monkeypatch.setattr(backends, "probe", lambda name: found[name])
        for name in debian:
            (tmp_path / name).mkdir()
        monkeypatch.setattr(doctor, "_DEBIAN", tmp_path)

    return set_up


def to_type(cli, *arguments):
    code, out, err = cli("doctor", *arguments, "--json")
    assert err == ""
    return code, json.loads(out)["to_type"]


def test_this_machine(cli, image_bundle):
    code, out, err = cli("doctor", image_bundle)
    assert (code, err) == (0, "")
    assert re.search(rf"(?m)^Python: +{re.escape(sys.version.split()[0])}, ", out)
    assert re.search(r"(?m)^onnxruntime +[\d.]+ +works$", out)
    pairs = re.findall(r"(?m)^(?:tflite|onnx)-(?:float|int|dyn)\w+ +(\S.*)$", out)
    assert sum(len(names.split(", ")) for names in pairs) == IMAGE_PAIRS and "nothing here" not in out
    assert re.search(r"(?m)^board: +\S.*, \d+ cores?$", out) and re.search(r"(?m)^memory: +[\d,]+ MiB, ", out)


def test_as_json(cli):
    code, out, _ = cli("doctor", "--json")
    found = json.loads(out)
    assert code == 0 and found["engines"]["litert"]["here"] == "works" and found["variants"] == {}
    assert found["machine"]["python"] == sys.version.split()[0] and found["machine"]["cores"] >= 1
    packages = {
        engine.package: found["engines"][name]["version"] for name, engine in backends.ENGINES.items()
    }
    assert found["machine"]["packages"] == packages | {"numpy": found["numpy"]}


def test_a_new_raspberry_pi_os(cli, device):
    device((3, 13, 5))
    code, out, _ = cli("doctor")
    assert code == 1
    assert "tflite-runtime  -        tflite-runtime has no wheel for Python 3.13; it needs" in out
    assert out.endswith(
        "to get the rest:\n  python3 -m venv venv\n  venv/bin/pip install ai-edge-litert onnxruntime\n"
    )


def test_in_an_environment_pip_is_enough(cli, device):
    device((3, 11, 2), {"onnxruntime": None}, **IN_AN_ENVIRONMENT)
    assert to_type(cli) == (0, ["pip install ai-edge-litert"])  # and no tflite-runtime: LiteRT runs its files


def test_debians_environments_are_a_package_of_their_own(cli, device):
    device((3, 11, 2), can_make_environments=False)
    assert to_type(cli)[1][:2] == ["sudo apt install python3-venv", "python3 -m venv venv"]


def test_debians_own_onnxruntime_is_seen_where_the_environment_sees_it(cli, device):
    device((3, 13, 5), {"onnxruntime": None})
    code, out, _ = cli("doctor")
    assert code == 0 and "onnxruntime     1.21     works" in out


def test_debians_own_onnxruntime_that_the_environment_does_not_see(cli, device):
    device((3, 13, 5), {"litert": None}, debian=["onnxruntime"], **IN_AN_ENVIRONMENT)
    code, out, _ = cli("doctor")
    assert code == 0 and "onnxruntime     -        Debian's own is installed, but this environment" in out
    assert out.endswith("to get the rest:\n  python3 -m venv --system-site-packages venv\n")


def test_32_bits_are_told_by_the_python_and_not_by_the_kernel(cli, device):
    device((3, 11, 2), bits=32, system="Raspbian GNU/Linux 12 (bookworm)", **IN_AN_ENVIRONMENT)
    code, out, _ = cli("doctor")
    assert code == 1
    assert "litert          -        litert has no wheel for 32-bit systems; it needs a 64-bit one" in out
    assert "tflite-runtime  -        not installed" in out
    assert out.endswith("to get the rest:\n  pip install tflite-runtime\n")


def test_numpy_on_32_bits_comes_from_the_system(cli, device):
    device((3, 11, 2), numpy=None, bits=32, system="Raspbian GNU/Linux 12 (bookworm)", **IN_AN_ENVIRONMENT)
    assert to_type(cli) == (
        1,
        [
            "sudo apt install python3-numpy",
            "python3 -m venv --system-site-packages venv",
            "venv/bin/pip install tflite-runtime",
        ],
    )
    device((3, 13, 5), numpy=None, bits=32, **IN_AN_ENVIRONMENT | {"can_make_environments": False})
    assert to_type(cli)[1] == [
        "sudo apt install python3-numpy python3-onnxruntime python3-venv",
        "python3 -m venv --system-site-packages venv",
    ]


def test_without_numpy_the_engines_are_known_and_one_line_brings_the_rest(cli, device):
    device((3, 11, 2), {"onnxruntime": None}, numpy=None, **IN_AN_ENVIRONMENT)
    code, out, _ = cli("doctor")
    assert code == 1 and re.search(r"(?m)^onnxruntime +1\.21 +it needs numpy$", out)
    assert out.endswith("to get the rest:\n  pip install numpy ai-edge-litert\n")
    device((3, 13, 5), numpy=None)
    assert to_type(cli)[1] == [
        "python3 -m venv venv",
        "venv/bin/pip install numpy ai-edge-litert onnxruntime",
    ]


def test_an_environment_on_32_bits_sees_the_systems_numpy(cli, device):
    device((3, 11, 2), bits=32, system="Raspbian GNU/Linux 12 (bookworm)")
    assert to_type(cli)[1] == [
        "python3 -m venv --system-site-packages venv",
        "venv/bin/pip install tflite-runtime",
    ]


def test_what_runs_is_enough_on_32_bits(cli, device):
    device((3, 13, 5), {"onnxruntime": None}, bits=32)
    assert to_type(cli) == (0, [])


def test_32_bits_with_python_3_13_have_onnxruntime_from_debian_alone(cli, device):
    device((3, 13, 5), bits=32, **IN_AN_ENVIRONMENT)
    expected = ["sudo apt install python3-onnxruntime", "python3 -m venv --system-site-packages venv"]
    assert to_type(cli) == (1, expected)
    device((3, 13, 5), bits=32, system="Ubuntu 25.04", **IN_AN_ENVIRONMENT)
    (line,) = to_type(cli)[1]
    assert line.startswith("no engine has a wheel for this Python on a 32-bit system: install 64-bit")


def test_a_broken_engine_is_said_and_not_installed_again(cli, device, image_bundle):
    device((3, 11, 2), {"litert": "importing litert kills the process (signal 4)", "onnxruntime": None})
    code, out, _ = cli("doctor", image_bundle)
    assert code == 0
    assert re.search(r"(?m)^litert +2\.3\.0 +importing litert kills the process", out)
    assert re.search(r"(?m)^tflite-int8 +nothing here$", out) and re.search(
        r"(?m)^onnx-float32 +onnxruntime$", out
    )
    assert "mend litert: importing litert kills the process" in out


def test_only_what_the_bundle_is_for_is_asked_for(cli, device, table_bundle):
    device((3, 11, 2), {"onnxruntime": None}, **IN_AN_ENVIRONMENT)
    code, lines = to_type(cli, table_bundle)
    assert (code, lines) == (0, ["pip install ai-edge-litert"])


def test_without_an_engine_for_the_bundle_it_fails(cli, device, table_bundle):
    device((3, 13, 5))
    assert cli("doctor", table_bundle)[0] == 1


def test_it_works_without_numpy():
    program = (
        "import sys; sys.modules['numpy'] = None; sys.argv[0] = 'edgeproof'\n"
        "from runtime.__main__ import main; sys.exit(main(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search(r"(?m)^numpy: +numpy is not installed$", done.stdout)
    assert re.search(r"(?m)^onnxruntime +[\d.]+ +it needs numpy$", done.stdout)
    assert re.search(r"(?m)^  (venv/bin/)?pip install numpy$", done.stdout)  # the engines are here


def test_a_missing_bundle_is_one_line(cli, tmp_path):
    code, out, err = cli("doctor", tmp_path / "none")
    assert (code, out) == (1, "") and err.startswith("error: ") and err.count("\n") == 1


@pytest.mark.tflite_runtime
def test_a_file_that_an_engine_cannot_run_is_named_with_the_reason(cli, spoilt):
    replace_file(spoilt, "tflite-dynamic.tflite", tflite_with_op(9, 12))
    code, out, _ = cli("doctor", spoilt)
    assert code == 0 and re.search(r"(?m)^tflite-dynamic +litert$", out)
    assert "tflite-dynamic with tflite-runtime: the file needs FULLY_CONNECTED version 12" in out
