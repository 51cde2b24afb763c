"""What a machine tells of its state, read from the files of a made-up one."""

from itertools import pairwise

import pytest

from runtime.measure.sensors import Sensors, limits_between

FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
CLOCK = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq"
PI = {
    CLOCK.format(0): "600000\n",
    CLOCK.format(1): "1800000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "ondemand\n",
    "sys/class/thermal/thermal_zone0/temp": "61322\n",
    "sys/class/thermal/thermal_zone1/temp": "-274000\n",  # a zone without a sensor
    FIRMWARE: "0\n",
    "proc/meminfo": "MemTotal: 949444 kB\nMemAvailable: 512000 kB\n",
    "proc/stat": "cpu  100 0 50 9000 7 1 2 3 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n",
    "proc/self/task/7/schedstat": "1000 200 3\n",
    "proc/self/task/8/schedstat": "1000 50 3\n",
}


@pytest.fixture
def machine(tmp_path):
    """Writes files of a machine, by their path."""

    def write(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


def test_a_pi_tells_everything(machine):
    found = Sensors(machine(PI)).read()
    assert (found.clock_mhz, found.governor, found.temperature_c) == (1800, "ondemand", 61.322)
    assert found.limits == frozenset() == found.past_limits
    assert (found.available_mib, found.waited_ns, found.busy_s) == (500, 250, pytest.approx(1.56))


def test_a_machine_that_tells_nothing(tmp_path):
    found = Sensors(tmp_path).read()
    assert found.clock_mhz is found.governor is found.temperature_c is found.limits is None
    assert found.available_mib is found.waited_ns is found.busy_s is None


@pytest.mark.parametrize("text", ["", "nonsense", "-", "\0"])
def test_files_with_nonsense_are_not_known(machine, text):
    found = Sensors(machine(dict.fromkeys(PI, text))).read()
    assert found.clock_mhz is found.temperature_c is found.limits is None
    assert found.available_mib is found.waited_ns is found.busy_s is None


@pytest.mark.parametrize(
    ("bits", "now", "past"),
    [
        ("0", set(), set()),
        ("1", {"under-voltage"}, set()),
        ("2", {"frequency capped"}, set()),
        ("4", {"throttled"}, set()),
        ("8", {"soft temperature limit"}, set()),
        ("50000", set(), {"under-voltage", "throttled"}),
        (
            "f000f",
            {"under-voltage", "frequency capped", "throttled", "soft temperature limit"},
        )
        * 1
        + ({"under-voltage", "frequency capped", "throttled", "soft temperature limit"},),
    ],
)
def test_the_bits_of_a_raspberry_pi(machine, bits, now, past):
    found = Sensors(machine(PI | {FIRMWARE: bits})).read()
    assert (found.limits, found.past_limits) == (now, past)


def test_vcgencmd_is_asked_where_the_kernel_has_no_file(machine):
    asked = []

    def vcgencmd(question):
        asked.append(question)
        return "throttled=0x50005\n"

    root = machine({name: text for name, text in PI.items() if name != FIRMWARE})
    assert Sensors(root, vcgencmd).read().limits == {"under-voltage", "throttled"}
    assert asked == ["get_throttled"]
    assert Sensors(root, lambda question: None).read().limits is None  # it is there, and fails
    machine(PI)
    assert Sensors(root, vcgencmd).read().limits == frozenset() and len(asked) == 1


def test_other_boards_have_the_kernels_own_files(machine):
    cooler = "sys/class/thermal/cooling_device{}/"
    root = machine(
        {
            cooler.format(0) + "type": "cpufreq-cpu0\n",
            cooler.format(0) + "cur_state": "0\n",
            cooler.format(1) + "type": "pwm-fan\n",
            cooler.format(1) + "cur_state": "3\n",  # a fan that turns holds nothing back
        }
    )
    assert Sensors(root).read().limits == frozenset()
    machine({cooler.format(0) + "cur_state": "2\n"})
    assert Sensors(root).read().limits == {"frequency capped"}
    machine({"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"})
    assert Sensors(root).read().limits == {"frequency capped", "under-voltage"}


def test_what_came_and_went_between_two_readings_is_seen(machine):
    root = machine(PI | {FIRMWARE: "10000"})  # under-voltage since the start, and not now
    sensors = Sensors(root)
    before = sensors.read()
    assert limits_between(before, sensors.read()) == frozenset()
    machine({FIRMWARE: "50000"})
    assert limits_between(before, sensors.read()) == {"throttled"}


def test_the_kernels_count_of_throttling_is_seen(machine):
    counter = "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"
    root = machine({counter: "17\n"})
    sensors = Sensors(root)
    before = sensors.read()
    assert limits_between(before, sensors.read()) == frozenset()
    machine({counter: "18\n"})
    assert limits_between(before, sensors.read()) == {"throttled"}


def test_what_is_not_known_stays_so(tmp_path):
    sensors = Sensors(tmp_path)
    assert limits_between(sensors.read(), sensors.read()) is None


def test_this_machine_is_read_in_no_time():
    sensors = Sensors()
    readings = [sensors.read() for _ in range(20)]
    assert min(b.at_ns - a.at_ns for a, b in pairwise(readings)) < 20e6
