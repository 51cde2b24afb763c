"""The commands that measure say what disturbed it, on a made-up machine whose processor is held back."""

import json
import re

import pytest

from runtime.commands import select
from runtime.measure import latency, ranking, watch
from runtime.measure.row import rows_from_json
from runtime.measure.sensors import Sensors
from tests.runtime.commands.test_commands import cli
from tests.runtime.measure.test_sensors import FIRMWARE, PI, machine

__all__ = ["cli", "machine"]
ONE = ("--variant", "tflite-int8", "--engine", "litert", "--threads", "1")


@pytest.fixture
def board(machine, monkeypatch, tmp_path):
    """The state of a made-up machine, which the commands read instead of this one's; it starts as a Pi at rest."""
    machine(PI)
    monkeypatch.setattr(watch, "Sensors", lambda: Sensors(machine({})))
    monkeypatch.setattr(watch, "_COOLING_S", 0.001)
    monkeypatch.setattr(watch, "_REPEATS_S", 0.1)
    monkeypatch.setattr(select.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(ranking, "_BUDGET_NS", 2e7)
    monkeypatch.setattr(latency, "_BUDGET_S", 0.05)
    monkeypatch.setattr("runtime.verdicts.probe", lambda engine: None)  # it starts a process for each engine
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return machine


@pytest.mark.parametrize("command", ["compare", "bench", "select"])
@pytest.mark.parametrize(("bits", "words"), [("1", "under-voltage"), ("6", "frequency capped, throttled")])
def test_throttling_is_said_below_the_table_and_in_the_row(cli, image_bundle, board, command, bits, words):
    board({FIRMWARE: bits})
    code, out, _ = cli(command, image_bundle, *ONE)
    assert code == 0
    line = rf"^disturbed: tflite-int8 with litert: (\d+) of \1 blocks, by {words}, also when measured again$"
    assert re.search(line, out, re.MULTILINE)
    assert f"temperature up to 61 °C; throttled: {words}; other load: " in out
    assert re.search(
        r"Machine: clock 1800 to 1800 MHz \(governor ondemand\); .* [1-9]\d* of \d+ blocks measured", out
    )
    code, out, _ = cli(command, image_bundle, *ONE, "--json")
    (row,) = rows_from_json(out)
    assert row.throttled == row.disturbance == words and row.blocks_disturbed == row.blocks > 0
    assert row.blocks_repeated > 0 and json.loads(out)["rows"][0]["governor"] == "ondemand"


@pytest.mark.parametrize("command", ["compare", "bench", "select"])
def test_of_a_machine_at_rest_nothing_is_said_to_be_disturbed(cli, image_bundle, board, command):
    _, out, _ = cli(command, image_bundle, *ONE)
    assert "disturbed: " not in out and "; throttled: no; other load: " in out
    assert "; 0 of " in out
    (row,) = rows_from_json(cli(command, image_bundle, *ONE, "--json")[1])
    assert (row.throttled, row.disturbance, row.blocks_disturbed) == ("no", None, 0)


@pytest.mark.parametrize("command", ["compare", "bench", "select"])
def test_a_machine_that_does_not_tell_is_unknown(cli, image_bundle, board, command, tmp_path):
    for path in (tmp_path / "sys", tmp_path / "proc"):
        path.rename(tmp_path / f"no-{path.name}")
    _, out, _ = cli(command, image_bundle, *ONE)
    assert (
        "Machine: clock unknown; temperature unknown; throttled: unknown; other load: unknown; 0 of " in out
    )
    (row,) = rows_from_json(cli(command, image_bundle, *ONE, "--json")[1])
    assert row.throttled is row.clock_mhz_low is row.temperature_c is row.disturbance is None
