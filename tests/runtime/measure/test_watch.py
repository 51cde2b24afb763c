"""Throttling and other load are seen, blocks measured again, and what could not be mended is flagged."""

import itertools
import os
import time

import pytest

from runtime.measure import ranking, sensors
from runtime.measure.latency import measure
from runtime.measure.ranking import rank
from runtime.measure.row import MeasuredRow, rows_from_json, rows_to_json
from runtime.measure.sensors import Sensors
from runtime.measure.timing import times
from runtime.measure.watch import Watch
from tests.runtime.measure.test_sensors import CLOCK, FIRMWARE, PI, machine

__all__ = ["machine"]

ROUNDS = 6


@pytest.fixture
def board(machine):
    """A made-up Pi, whose files a call may change."""
    machine(PI)
    return machine


@pytest.fixture
def watch(board):
    return Watch(Sensors(board({})), sleep=lambda seconds: None)


def quick():
    pass


def measured(watch, call=quick, rounds=ROUNDS):
    """One callable measured under the watch; its conditions."""
    times({"it": call}, rounds, 2, watch)
    return watch.conditions("it")


def test_a_quiet_machine(watch):
    found = measured(watch)
    assert (found.blocks, found.blocks_repeated, found.blocks_disturbed) == (ROUNDS, 0, 0)
    assert found.disturbance is None and found.throttled == "no"
    assert (found.governor, found.clock_mhz_low, found.clock_mhz_high) == ("ondemand", 1800, 1800)
    assert (found.temperature_c, found.memory_available_mib) == (61.322, 500)


@pytest.mark.parametrize("bits", [f"{1 << bit:x}" for bit in range(4)] + ["f", "50005"])
def test_throttling_that_lasts_is_flagged_in_every_case(board, watch, bits):
    board({FIRMWARE: bits})
    found = measured(watch)
    assert found.blocks_disturbed == found.blocks == ROUNDS and found.blocks_repeated >= 1
    assert found.disturbance == found.throttled != "no"


@pytest.mark.parametrize("bit", range(4))
@pytest.mark.parametrize("at", range(ROUNDS))
def test_throttling_in_a_single_block_is_seen_wherever_it_is_and_the_block_repeated(board, watch, bit, at):
    count = itertools.count()

    def call():
        # Five calls a block: three to warm up, two that count. It begins within a block and ends within its repetition.
        place = next(count)
        if place == 5 * at + 2:
            board({FIRMWARE: f"{1 << bit | 1 << bit + 16:x}"})
        elif place == 5 * at + 7:
            board({FIRMWARE: f"{1 << bit + 16:x}"})

    found = measured(watch, call)
    assert found.throttled != "no" and found.blocks_repeated == 1
    assert found.blocks_disturbed == 0 and found.disturbance is None


@pytest.mark.parametrize("bit", range(4))
def test_what_came_and_went_within_a_block_is_seen(board, watch, bit):
    count = itertools.count()

    def call():
        if next(count) == 12:
            board({FIRMWARE: f"{1 << bit + 16:x}"})  # it is over, and the firmware remembers

    found = measured(watch, call)
    assert found.throttled != "no" and (found.blocks_repeated, found.blocks_disturbed) == (1, 0)


def test_a_machine_that_cannot_tell_is_not_called_sound(machine):
    found = measured(Watch(Sensors(machine({}))))
    assert found.throttled is found.governor is found.clock_mhz_low is found.temperature_c is None
    assert found.blocks_disturbed == 0 and found.board


def test_waiting_for_a_processor_is_other_load(board, watch):
    waited = itertools.count(step=10**9)  # a second at every call

    def call():
        board({"proc/self/task/7/schedstat": f"1 {next(waited)} 1"})

    found = measured(watch, call)
    assert found.disturbance == "other load" and found.blocks_disturbed == ROUNDS and found.throttled == "no"


def test_other_load_is_counted_in_processors(board, watch, monkeypatch):
    busy = itertools.count(157)  # it goes on from what the file says
    monkeypatch.setattr(sensors.os, "times", lambda: os.times_result((0, 0, 0, 0, 0)))

    def call():
        time.sleep(0.01)
        board({"proc/stat": f"cpu {next(busy)} 0 0 0 0 0 0 0 0 0\n"})  # a hundredth of a second

    found = measured(watch, call, rounds=10)
    assert 0 < found.other_load < 1.1  # one, but for what else the calls take


def test_the_least_and_the_highest_are_of_all_blocks(board, watch):
    clocks = itertools.cycle([900000, 1500000, 1200000])

    def call():
        board({CLOCK.format(1): str(next(clocks)), "sys/class/thermal/thermal_zone0/temp": "84000"})

    found = measured(watch, call)
    assert found.clock_mhz_low == 900 and found.clock_mhz_high == 1500 and found.temperature_c == 84


def test_repeating_ends_where_it_takes_longer_than_measuring(board):
    slept = []
    watch = Watch(Sensors(board({FIRMWARE: "4"})), sleep=slept.append)
    found = measured(watch, rounds=40)
    assert found.blocks_disturbed == 40 and sum(slept) <= 2
    assert 1 <= found.blocks_repeated < 40


def test_each_callable_has_its_own_conditions(board, watch):
    def hot():
        board({FIRMWARE: "4"})

    def cool():
        board({FIRMWARE: "0"})

    times({"hot": hot, "cool": cool}, 2, 2, watch)
    assert watch.conditions("hot").throttled == "throttled"
    assert watch.conditions("hot").blocks == watch.conditions("cool").blocks == 2


def test_nothing_is_read_within_a_block(board):
    log = []

    class Logged(Sensors):
        def read(self):
            log.append("read")
            return super().read()

    times({"it": lambda: log.append("call")}, 2, 4, Watch(Logged(board({}))))
    block = ["read", *["call"] * 7, "read"]
    assert log == block * 2


def test_the_row_has_the_conditions_and_survives_the_way(board, watch):
    board({FIRMWARE: "f"})
    (latency,) = measure({"it": quick}, 20, watch).values()
    row = MeasuredRow("m", "v", "e", "ok")._replace(**latency._asdict(), **watch.conditions("it")._asdict())
    assert rows_from_json(rows_to_json([row])) == [row]
    assert row.blocks_disturbed == row.blocks and row.throttled.count(", ") == 3


def test_throttling_while_select_screens_is_flagged_in_its_row(board, monkeypatch):
    """What would be the fastest is screened while the processor is held back, and is never measured again."""
    monkeypatch.setattr(ranking, "_BUDGET_NS", 2e7)

    def held_back():
        board({FIRMWARE: "4"})
        time.sleep(0.02)

    def steady():
        board({FIRMWARE: "0"})
        time.sleep(0.0005)

    watch = Watch(Sensors(board({})), sleep=lambda seconds: None)
    found = rank({"held back": held_back, "steady": steady}, watch)
    assert found["held back"].slower_high is None and found["steady"].slower_high == 1
    seen = watch.conditions("held back")
    assert seen.throttled == seen.disturbance == "throttled" and seen.blocks_disturbed == seen.blocks <= 2 + 8
    assert seen.blocks_repeated >= 1
    assert watch.conditions("steady").blocks == 2 + 8 + 40


def test_a_disturbed_screening_is_measured_again_and_leaves_nothing_behind(board, monkeypatch):
    monkeypatch.setattr(ranking, "_BUDGET_NS", 2e7)
    hot = [True]

    def call():
        if hot:
            board({FIRMWARE: "4"})
        time.sleep(0.03 if hot else 0.0005)

    def cool(seconds):
        hot.clear()
        board({FIRMWARE: "0"})

    watch = Watch(Sensors(board({})), sleep=cool)
    found = rank({"it": call, "steady": lambda: time.sleep(0.002)}, watch)
    assert found["it"].slower_high is not None  # it was left behind if that screening counted
    seen = watch.conditions("it")
    assert seen.throttled == "throttled" and seen.blocks_repeated >= 1 and seen.disturbance != "throttled"
