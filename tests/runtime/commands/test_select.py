"""`python -m runtime select`: what it considers, what it says, what it remembers."""

import json
import re
from pathlib import Path

import pytest

import runtime
from runtime.commands import select
from runtime.measure.ranking import RankedLatency
from runtime.measure.row import rows_to_json
from tests.bundles import IMAGE_PAIRS, replace_file
from tests.rows import measured
from tests.runtime.commands.test_commands import cli

__all__ = ["cli"]


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """A state folder of its own, and a device with two cores."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(select.os, "cpu_count", lambda: 2)
    monkeypatch.setattr("runtime.verdicts.probe", lambda engine: None)  # it starts a process for each engine


@pytest.fixture
def latency(monkeypatch):
    """Latencies from a table {"variant engine threads": (µs, tied)}; all that is not in it takes a second."""
    table = {}

    def rank(calls, watch):
        for call in calls.values():
            call()
        found = {}
        for name in calls:
            latency, tied = table.get(name, (1e6, False))
            around = (latency, latency * 1.2, latency * 1.3, 20, latency * 0.9, latency * 1.1)
            found[name] = RankedLatency(*around, 0.99 if tied else 1.5, 2)
        found = dict(sorted(found.items(), key=lambda item: item[1].latency_us_p50))
        first = next(iter(found), None)  # the one that all are compared with
        return found | ({first: found[first]._replace(slower_low=1, slower_high=1)} if first else {})

    monkeypatch.setattr(select, "rank", rank)
    return table


def test_the_fastest_is_chosen_and_load_takes_it(cli, spoilt, latency):
    latency["tflite-int8 litert 2"] = 5, True
    code, out, err = cli("select", spoilt)
    assert (code, err) == (0, "")
    among = f"of the {2 * IMAGE_PAIRS}, it is the fastest, by 50% at least; next is "
    assert f"Use tflite-int8 with litert, 2 threads: {among}" in out
    assert re.search(r"tflite-int8 +litert +2 +6\.0 +not measured +5\.0 +4\.5–5\.5 +1\.00–1\.00", out)
    assert len(re.findall(r"(?m)^(?:tflite|onnx)-\S+ +\S+ +[12] ", out)) == 2 * IMAGE_PAIRS  # 1 and 2 threads
    model = runtime.load(spoilt, "auto")
    assert (model.variant, model.engine) == ("tflite-int8", "litert")


def test_a_tie_is_said_and_the_smallest_file_taken(cli, spoilt, latency):
    latency |= {"tflite-float32 litert 1": (5, True), "tflite-int8 litert 1": (5.1, True)}
    _, out, _ = cli("select", spoilt)
    assert (
        f"Use tflite-int8 with litert, 1 thread: of the {2 * IMAGE_PAIRS}, it is the smallest of the 2 tied for the "
        "fastest; tied with it: tflite-float32 with litert, 1 thread." in out
    )


def test_of_equal_files_the_fewest_threads_are_taken(cli, spoilt, latency):
    latency |= {"tflite-int8 litert 2": (5, True), "tflite-int8 litert 1": (5.1, True)}
    _, out, _ = cli("select", spoilt)
    assert "Use tflite-int8 with litert, 1 thread: " in out
    assert "it is the one with the fewest threads of the 2 tied for the fastest" in out


@pytest.fixture
def reported(spoilt):
    """The bundle, whose report says what three of its variants lose."""
    rows = [
        measured(variant, metric=metric, engine=engine)
        for variant, engine, metric in (
            ("tflite-int8", "litert", 0.98), ("tflite-float32", "litert", 0.99), ("onnx-float32", "onnxruntime", 0.989),
        )
    ]  # fmt: skip
    replace_file(spoilt, "report.json", rows_to_json(rows).encode())
    return spoilt


@pytest.mark.tflite_runtime
def test_what_was_not_measured_of_an_engine_is_no_reason_without_a_limit(cli, reported, latency):
    latency["tflite-int8 litert 1"] = 5, True
    _, out, _ = cli(
        "select", reported, "--max-size", "7000", "--variant", "tflite-int8", "--engine", "tflite-runtime"
    )
    assert "Use tflite-int8 with tflite-runtime" in out


def test_limits_leave_variants_out_with_the_reason(cli, reported, latency):
    latency["tflite-int8 litert 1"] = 5, True
    _, out, _ = cli("select", reported)
    assert "not considered: tflite-int8 with litert: it loses 1.00 points, more than the 0.3 allowed" in out
    assert "Use tflite-int8" not in out
    _, out, _ = cli("select", reported, "--max-drop", "1")
    assert "Use tflite-int8 with litert" in out
    assert (
        "not considered: onnx-dynamic with onnxruntime: what it loses was not measured, and the drop is limited"
        in out
    )
    code, out, _ = cli("select", reported, "--max-size", "10")
    assert code == 1 and "Use nothing: every file is too large; the nearest is " in out


def test_too_slow_is_no_choice(cli, spoilt, latency):
    latency["tflite-int8 litert 1"] = 5, True
    code, out, _ = cli("select", spoilt, "--max-latency-us", "5.4")
    assert (
        "Use nothing: it is undecided whether any variant is within all limits; the first is tflite-int8 with litert: "
        "its latency_us_p50 is 4.5 to 5.5 µs, and 5.4 are allowed." in out
    )
    code, out, _ = cli("select", spoilt, "--max-latency-us", "4.4")
    assert (
        "Use nothing: every variant is too slow; the nearest is tflite-int8 with litert: its latency_us_p50 is 4.5 to "
        "5.5 µs, more than the 4.4 allowed." in out
    )
    assert code == 1
    assert "Remembered" not in out
    code, out, _ = cli("select", spoilt, "--max-latency-us", "5.5")
    assert code == 0 and "Use tflite-int8" in out


def test_what_fails_its_golden_samples_is_never_chosen(cli, spoilt, latency, golden):
    from tests.bundles import npz

    latency["tflite-int8 litert 1"] = 5, True
    arrays = {
        "inputs/image": golden["images"],
        "outputs/probabilities": golden["probabilities"][:, ::-1].copy(),
    }
    replace_file(spoilt, "golden.npz", npz(**arrays))
    code, out, _ = cli("select", spoilt)
    assert code == 1 and "not considered: tflite-int8 with litert: the largest error is" in out


def test_as_json(cli, spoilt, latency):
    latency["onnx-dynamic onnxruntime 1"] = 5, True
    code, out, _ = cli("select", spoilt, "--json", "--threads", "1")
    found = json.loads(out)
    assert (
        code == 0 and found["selection"]["variant"] == "onnx-dynamic" and found["selection"]["threads"] == 1
    )
    assert (
        sum(row["status"] == "ok" for row in found["rows"]) == IMAGE_PAIRS
        and found["rows"][0]["latency_us_p50"] == 5
    )
    assert json.loads(Path(found["stored"]).read_text())["machine"] == found["machine"]


def test_a_real_measurement_comes_to_a_choice(cli, table_bundle):
    code, out, err = cli("select", table_bundle, "--threads", "1", "--engine", "onnxruntime")
    assert (code, err) == (0, "")
    assert "Use onnx-float32 with onnxruntime, 1 thread: the only one that may be used here." in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--max-drop", "-1"], "--max-drop is -1.0; give a number of at least 0"),
        (["--max-latency-us", "nan"], "--max-latency-us is nan"),
        (["--max-size", "-5"], "--max-size is -5"),
    ],
)
def test_wrong_limits_are_refused(cli, image_bundle, arguments, words):
    code, out, err = cli("select", image_bundle, *arguments)
    assert (code, out) == (2, "") and words in err
