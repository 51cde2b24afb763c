"""What a machine says of itself, and that the file which asks it runs alone."""

import json
import subprocess
import sys

from runtime.measure import machine
from tests.conftest import ROOT


def test_the_facts_of_a_pi(tmp_path):
    (tmp_path / "proc" / "device-tree").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "proc" / "device-tree" / "model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.5\0")
    (tmp_path / "proc" / "meminfo").write_text(
        "MemTotal:  949444 kB\nMemAvailable:  512000 kB\nHugePages: 0\n"
    )
    (tmp_path / "etc" / "os-release").write_text('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    found = machine.facts(str(tmp_path))
    assert found["board"] == "Raspberry Pi 4 Model B Rev 1.5"
    assert found["system"] == "Debian GNU/Linux 12 (bookworm)"
    assert (found["memory_mib"], found["memory_available_mib"]) == (927, 500)


def test_a_machine_that_says_nothing(tmp_path):
    found = machine.facts(str(tmp_path))
    assert found["system"] is found["memory_mib"] is found["memory_available_mib"] is None
    assert found["board"]  # the architecture, at least


def test_it_runs_from_standard_input_with_nothing_but_python():
    program = f"{(ROOT / 'runtime/measure/machine.py').read_text()}\nimport json\nprint(json.dumps(facts()))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-"], input=program, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["cores"] >= 1
