"""The peak memory of a process, and the energy of a call on a board that reports its power."""

import subprocess
import time

import pytest

from runtime.bundle.reader import open_bundle
from runtime.measure import energy, memory
from runtime.measure.energy import energy_mj, watts
from runtime.measure.memory import peak_rss_mib

# Some lines of `vcgencmd pmic_read_adc` on a Raspberry Pi 5, as documents show them.
PMIC = """\
     3V7_WL_SW_A current(0)=0.10000000A
       3V3_SYS_A current(1)=0.20000000A
      VDD_CORE_A current(7)=1.50000000A
     3V7_WL_SW_V volt(8)=3.70000000V
       3V3_SYS_V volt(9)=3.30000000V
      VDD_CORE_V volt(15)=0.80000000V
         EXT5V_V volt(24)=5.10000000V
"""


def test_memory_is_that_of_a_process_of_its_own(image_bundle):
    bundle = open_bundle(image_bundle)
    ballast = bytearray(300 << 20)  # what this process holds is not counted
    found = peak_rss_mib(bundle, "onnx-float32", "onnxruntime")
    assert len(ballast) and 20 < found < 200


def test_memory_that_cannot_be_told_is_none(image_bundle, monkeypatch):
    bundle = open_bundle(image_bundle)
    assert peak_rss_mib(bundle, "no-such-variant", "onnxruntime") is None

    def never(*arguments, **options):
        raise subprocess.TimeoutExpired("python", 1)

    monkeypatch.setattr(memory.subprocess, "run", never)
    assert peak_rss_mib(bundle, "onnx-float32", "onnxruntime") is None


def test_the_power_is_that_of_the_supplies_with_both_figures():
    assert watts(PMIC) == pytest.approx(0.1 * 3.7 + 0.2 * 3.3 + 1.5 * 0.8)


@pytest.mark.parametrize("text", ["", "error=2 error_msg='Invalid arguments'", "EXT5V_V volt(24)=5.1V"])
def test_a_board_that_reports_no_power_has_none(text):
    assert watts(text) is None
    assert energy_mj(lambda: None, lambda question: text) is None


def test_a_machine_without_a_chip_has_none(monkeypatch):
    monkeypatch.setattr(energy, "vcgencmd_here", lambda: None)
    assert energy_mj(lambda: None) is None


def test_energy_is_power_times_the_time_of_a_call(monkeypatch):
    called = []
    monkeypatch.setattr(energy, "perf_counter", lambda: 0.005 * len(called))  # a call takes 5 ms

    def ask(question):
        assert question == "pmic_read_adc"
        if called:
            time.sleep(0.01)
        return PMIC

    found = energy_mj(lambda: called.append(None), ask)
    assert len(called) >= 200 and found == pytest.approx(2.23 * 5)  # W and ms
