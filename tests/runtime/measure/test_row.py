"""One row from the worker to the page: typed, immutable, written and read by one function each, and specified."""

import json
import math
import pickle
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.bundle.reader import open_bundle
from runtime.errors import BundleError
from runtime.measure import row as module
from runtime.measure.row import MeasuredRow, read_report, rows_from_json, rows_to_json
from runtime.selftest.parity import Parity
from runtime.version import __version__
from tests.bundles import replace_file
from tests.conftest import ROOT
from tests.rows import measured

FULL = measured(
    latency_us=12.5, metric=0.985, reason="a reason", engine_version="2.3.0", metric_drop_low=-0.001,
    metric_drop_high=0.004, flips=12, max_abs_error=0.25, mean_abs_error=0.01, sqnr_db=-3.5, top1_agreement=0.99,
    latency_us_p90=13.0, latency_us_p99=20.0, calls=500, latency_us_low=12.25, latency_us_high=12.75,
    latency_us_p90_low=12.8, latency_us_p90_high=13.5, latency_us_p99_low=18.0, latency_us_p99_high=30.0,
    slower_low=1.0, slower_high=1.5, load_ms=3.5, batch_us_per_row=0.5, output="classes", budget=0.3,
    peak_rss_mib=48.5, energy_mj=1.5, board="Raspberry Pi 4 Model B Rev 1.5", governor="ondemand", clock_mhz_low=600.0,
    clock_mhz_high=1800.0, temperature_c=61.5, throttled="under-voltage", memory_available_mib=700.0, other_load=0.5,
    blocks=20, blocks_repeated=3, blocks_disturbed=1, disturbance="under-voltage",
)  # fmt: skip
LEAST = MeasuredRow("digits", "tflite-int8", "litert", "skipped")
OF_THE_USER = {"metric_name": "r2", "metric_better": "higher"}


def changed(**changes: Any) -> str:
    """The JSON of a row with some values changed, which the writer would refuse."""
    return json.dumps({"rows": [FULL._asdict() | changes]})


def test_every_field_is_written_and_read():
    full = FULL._replace(**OF_THE_USER)
    assert None not in full
    assert rows_from_json(rows_to_json([FULL, full, LEAST])) == [FULL, full, LEAST]
    assert json.loads(rows_to_json([FULL], model="digits")) == {
        "edgeproof": __version__,
        "model": "digits",
        "rows": [FULL._asdict()],
    }
    assert pickle.loads(pickle.dumps(FULL)) == FULL


KINDS = {
    str: st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=50),
    str | None: st.none() | st.text(st.characters(codec="utf-8", categories=["L"]), min_size=1, max_size=50),
    int | None: st.none() | st.integers(1, 1 << 53),
    float | None: st.none() | st.floats(0, 1),
}
ORDERED = {name for names in module._ASCENDING for name in names}


@settings(max_examples=50, deadline=None)
@given(
    st.fixed_dictionaries(
        {name: KINDS[kind] for name, kind in MeasuredRow.__annotations__.items() if name not in ORDERED}
    ),
    st.sampled_from(module.STATUSES),
    st.sampled_from(
        [("accuracy", None), ("f1", None), ("rmse", None), ("r2", "higher"), ("pinball", "lower")]
    ),
)
def test_whatever_can_be_measured_survives_the_way(values, status, metric):
    name, better = metric
    row = MeasuredRow(**values | {"status": status, "metric_name": name, "metric_better": better})
    assert rows_from_json(rows_to_json([row])) == [row]


def test_a_misspelt_field_is_a_type_error_where_it_is_made():
    with pytest.raises(TypeError, match="MeasuredRow takes model, variant, engine, status"):
        MeasuredRow("digits", "tflite-int8", "litert", "ok", latency_us_p5=1.0)
    with pytest.raises(TypeError, match="MeasuredRow takes"):
        FULL._replace(metirc=0.5)
    with pytest.raises(TypeError, match="MeasuredRow takes"):
        MeasuredRow("digits", "tflite-int8", "litert")  # no verdict is no status
    with pytest.raises(AttributeError):
        FULL.metric = 1.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": None}, "'model' must be a string, not null"),
        ({"variant": ""}, "'variant' must be 1 to 1000 printable characters"),
        ({"engine": 3}, "'engine' must be a string, not a number"),
        ({"status": "fine"}, "'status' is 'fine'; known: ok, unproven, failed, skipped"),
        ({"reason": "two\nlines"}, "'reason' must be 1 to 1000 printable characters"),
        ({"size_bytes": 1.5}, "'size_bytes' must be a whole number, not a number"),
        ({"size_bytes": -1}, "'size_bytes' is -1; it must be from 0 to"),
        ({"size_bytes": True}, "'size_bytes' must be a whole number, not true or false"),
        ({"threads": 0}, "'threads' is 0; it must be at least 1"),
        ({"metric": "high"}, "'metric' must be a number, not a string"),
        ({"metric": True}, "'metric' must be a number, not true or false"),
        ({"metric": 1.5}, "'metric' is 1.5; a fraction must be from 0 to 1"),
        ({"metric_original": 99}, "'metric_original' is 99; a fraction must be from 0 to 1"),
        ({"metric_original": -0.5}, "'metric_original' is -0.5; it must be at least 0"),
        ({"metric_name": "mae"}, "'metric_name' is 'mae'; known: accuracy, f1, rmse"),
        ({"metric_name": None}, "'metric_name' is 'None'; known: accuracy, f1, rmse"),
        ({"metric_name": "mae", "metric_better": "up"}, "'metric_better' is 'up'; known: higher, lower"),
        ({"metric_better": "higher"}, "'metric_better' is for a metric of the user's own, not for accuracy"),
        (OF_THE_USER | {"metric": 1.5}, "'metric' is 1.5; a fraction must be from 0 to 1"),
        (
            {"metric_name": "mae", "metric_better": "lower", "metric": -0.5},
            "'metric' is -0.5; it must be at least 0",
        ),
        ({"top1_agreement": 1.01}, "'top1_agreement' is 1.01; a fraction must be from 0 to 1"),
        ({"max_abs_error": -1}, "'max_abs_error' is -1; it must be at least 0"),
        ({"latency_us_p50": -0.5}, "'latency_us_p50' is -0.5; it must be at least 0"),
        ({"latency_us_p99": 12}, "latency_us_p50, latency_us_p90, latency_us_p99 must not descend"),
        ({"latency_us_low": 12.6}, "latency_us_low, latency_us_p50, latency_us_high must not descend"),
        ({"slower_low": 2}, "slower_low, slower_high must not descend"),
        ({"temperature_c": "hot"}, "'temperature_c' must be a number, not a string"),
        ({"throttled": False}, "'throttled' must be a string, not true or false"),
        ({"clock_mhz_low": 2000}, "clock_mhz_low, clock_mhz_high must not descend"),
        ({"blocks_disturbed": 21}, "blocks_disturbed, blocks must not descend"),
        ({"peak_rss_mib": -1}, "'peak_rss_mib' is -1; it must be at least 0"),
        ({"metric_drop_low": 1}, "metric_drop_low, metric_drop_high must not descend"),
        ({"load_ms": 10**400}, "'load_ms' must be a finite number"),
    ],
)
def test_nonsense_is_refused(changes, words):
    with pytest.raises(BundleError, match=f"a place: row 0: .*{re.escape(words)}"):
        rows_from_json(changed(**changes), "a place")


def test_a_metric_of_the_user_may_be_negative_where_higher_is_better_and_of_any_size_where_lower_is():
    r2 = FULL._replace(**OF_THE_USER, metric=-0.5, metric_original=-0.25)
    pinball = FULL._replace(metric_name="pinball", metric_better="lower", metric=70.0, metric_original=64.0)
    assert rows_from_json(rows_to_json([r2, pinball])) == [r2, pinball]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_neither_written_nor_read(value):
    with pytest.raises(BundleError, match="row 0: 'max_abs_error' must be a finite number"):
        rows_to_json([FULL._replace(max_abs_error=value)])
    with pytest.raises(BundleError, match=r"not valid JSON .* is not a JSON number"):
        rows_from_json(changed(max_abs_error=value))


def test_the_writer_refuses_what_the_reader_would():
    with pytest.raises(BundleError, match="row 1: 'latency_us_p50' is -1; it must be at least 0"):
        rows_to_json([FULL, LEAST._replace(latency_us_p50=-1.0)])


@pytest.mark.parametrize(
    "writer", [{}, {"edgeproof": __version__}, {"edgeproof": "0.0.9"}, {"edgeproof": "x.1"}]
)
def test_a_misspelt_key_is_refused(writer):
    values = FULL._asdict()
    values["latncy_us_low"] = values.pop("latency_us_low")
    with pytest.raises(BundleError) as refused:
        rows_from_json(json.dumps(writer | {"rows": [LEAST._asdict(), values]}), "pi.json")
    assert str(refused.value) == (
        "pi.json: row 1: 'latncy_us_low' is no key of a row; remove it, or correct its spelling (docs/bundle.md)"
    )


def test_a_newer_version_may_know_more_keys():
    major = int(__version__.partition(".")[0]) + 1
    for newer in (f"{__version__}.1", f"{major}.0.0", f"{major}0"):
        report = {"edgeproof": newer, "rows": [FULL._asdict() | {"joules": 3}]}
        assert rows_from_json(json.dumps(report)) == [FULL]


def test_what_the_first_reports_lack_was_not_measured():
    values = FULL._asdict()
    for name in module._ADDED_LATER:
        del values[name]
    (row,) = rows_from_json(json.dumps({"state": "x", "rows": [values]}))
    assert row == FULL._replace(**dict.fromkeys(module._ADDED_LATER))


@pytest.mark.parametrize("name", [name for name in FULL._fields if name not in module._ADDED_LATER])
def test_a_key_that_every_report_has_may_not_be_missing(name):
    values = FULL._asdict()
    del values[name]
    with pytest.raises(BundleError, match=rf"report\.json: row 0: the key '{name}' is missing"):
        rows_from_json(json.dumps({"rows": [values]}))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not valid JSON"),
        ("[]", "must be an object, not a list"),
        ('{"rows": {}}', "'rows' must be a list"),
        ('{"rows": [3]}', "row 0: must be an object, not a number"),
        ("{}", "the key 'rows' is missing"),
    ],
)
def test_what_is_no_report_is_refused(content, words):
    with pytest.raises(BundleError, match=words):
        rows_from_json(content)


def test_a_bundle_without_a_report_has_no_rows(image_bundle):
    assert read_report(open_bundle(image_bundle)) == []


def test_a_report_is_read_as_one_of_the_bundles_files(spoilt):
    replace_file(spoilt, "report.json", rows_to_json([FULL]).encode())
    assert read_report(open_bundle(spoilt)) == [FULL]
    replace_file(spoilt, "report.json", changed(metric="high").encode())
    with pytest.raises(BundleError, match=r"bundle/report\.json: row 0: 'metric' must be a number"):
        read_report(open_bundle(spoilt))


def test_a_reason_is_one_printable_line():
    row = LEAST.with_verdict("failed", " two\nlines \x1b[31mand\tmore" + "x" * 2000)
    assert (
        row.status == "failed"
        and row.reason.startswith("two lines ?[31mand more")
        and len(row.reason) == 1000
    )
    assert rows_from_json(rows_to_json([row])) == [row]
    assert FULL.with_verdict("ok").reason is None


def test_parity_as_a_row_holds_it():
    found = Parity(0.5, 0.25, 20.0, 0.75)
    row = LEAST.with_parity(found)
    assert (row.max_abs_error, row.mean_abs_error, row.sqnr_db, row.top1_agreement) == found
    equal = LEAST.with_parity(Parity(0.0, 0.0, math.inf, None))
    assert equal.sqnr_db is None and rows_from_json(rows_to_json([equal])) == [equal]


def test_the_metric_of_another_row_comes_with_all_that_belongs_to_it():
    row = LEAST.with_metric_of(FULL)
    names = {name for name, old, new in zip(LEAST._fields, LEAST, row, strict=True) if old != new}
    assert names == {
        "output", "budget", "metric_name", "metric", "metric_original", "metric_drop_low", "metric_drop_high", "flips",
        "samples", "split",
    }  # fmt: skip
    assert LEAST.with_metric_of(FULL._replace(**OF_THE_USER)).metric_better == "higher"
    assert LEAST.with_metric_of(None) == LEAST.with_metric_of(FULL.with_verdict("failed")) == LEAST


def test_the_specification_has_every_key_with_its_type():
    """docs/bundle.md: | `key` | type | unit | meaning |, in the order of the fields."""
    text = (ROOT / "docs" / "bundle.md").read_text()
    section = text.split("## report.json")[1].split("\n## ")[0]
    specified = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, flags=re.MULTILINE))
    types = {
        str: "string",
        str | None: "string or null",
        int | None: "whole number or null",
        float | None: "number or null",
    }
    assert specified == {name: types[kind] for name, kind in MeasuredRow.__annotations__.items()}
    assert list(specified) == list(MeasuredRow._fields)
    may_be_missing = re.search(r"MAY be missing, which is `null`: (.*?)\.\n", section, flags=re.DOTALL)
    assert set(re.findall(r"`(\w+)`", may_be_missing[1])) == module._ADDED_LATER


def test_loading_a_model_imports_nothing_that_measures_or_chooses(image_bundle):
    """A cold start pays for what it uses; only the commands need rows."""
    program = "import runtime, sys; runtime.load(sys.argv[1]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, str(image_bundle)], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "runtime.selftest.check" in loaded
    assert not {name for name in loaded if name.startswith(("runtime.measure", "runtime.choose"))}
