"""Whoever asks which file to ship hears the same: export's last line, compare, select, and whoever reads the rows."""

import json
import random
import re
import shutil

import pytest

from export import report
from export.__main__ import main as export
from runtime.__main__ import main
from runtime.bundle.reader import open_bundle
from runtime.choose.constraints import parse_limits
from runtime.choose.limits import SAME_WIDTH, TIE_WIDTH
from runtime.choose.rule import choose, ship_line
from runtime.command import run_command
from runtime.commands import compare, select
from runtime.measure.ranking import RankedLatency
from runtime.measure.row import read_report, rows_from_json, rows_to_json
from runtime.measure.timing import Latency
from tests import bundles
from tests.bundles import replace_file
from tests.rows import measured

TFLITE = ("tflite-float32", "tflite-dynamic", "tflite-int8")
PAIRS = [(variant, engine) for variant in TFLITE for engine in ("litert", "tflite-runtime")]
PAIRS += [(variant, "onnxruntime") for variant in ("onnx-float32", "onnx-dynamic")]


@pytest.fixture(scope="module")
def image_bundle(tmp_path_factory):
    return bundles.image_bundle(tmp_path_factory.mktemp("bundles") / "tiny-image")


@pytest.fixture
def bundle(image_bundle, tmp_path, monkeypatch):
    """A copy of a bundle, to put reports into, on a device that remembers nothing."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("runtime.verdicts.probe", lambda engine: None)  # it starts a process for each engine
    return shutil.copytree(image_bundle, tmp_path / "bundle")


def table(seed, sizes=None):
    """Rows of a bundle's pairs: about as fast as each other, some failed, some losing too much."""
    chance = random.Random(seed)
    rows = []
    for variant, engine in PAIRS:
        latency = chance.choice([10.0, 10.25, 10.5, 10.75])
        rows.append(
            measured(
                variant, latency, sizes[variant] if sizes else chance.choice([50, 100, 200]),
                chance.choice([None, 0.99, 0.988, 0.986, 0.98]), engine=engine, model="tiny-image",
                latency_us_p90=latency, latency_us_p99=latency,
                status=chance.choice(["ok"] * 5 + ["unproven", "failed"]),
            )
        )  # fmt: skip
    return rows


def answer(row):
    return row and (row.variant, row.engine)


def run(capfd, *arguments):
    run_command(main, [str(argument) for argument in arguments])
    return capfd.readouterr().out


@pytest.mark.parametrize("seed", range(10))
def test_the_same_rows_give_one_answer(bundle, seed, capfd, monkeypatch):
    rows = table(seed)
    monkeypatch.setattr(compare, "_measured", lambda *given: ([[row] for row in rows], {}))
    monkeypatch.setattr(select, "_measured", lambda *given: rows)
    page = choose(rows_from_json(rows_to_json(rows))).row
    compared = json.loads(run(capfd, "compare", bundle, "--json"))["ship"]
    selected = json.loads(run(capfd, "select", bundle, "--json"))["selection"]
    assert (compared["variant"], compared["engine"]) == answer(page)
    assert (selected["variant"], selected["engine"]) == answer(page)
    last = f"Ship {page.file} with {page.engine}: "
    assert run(capfd, "compare", bundle).splitlines()[-1].startswith(last)
    assert f"\n- {last}" in report.markdown(rows)
    capfd.readouterr()
    report.show(rows, report.Console(width=200))
    assert re.search(rf"^ *{re.escape(last)}", capfd.readouterr().out, flags=re.MULTILINE)


def test_the_same_rows_that_leave_nothing_leave_it_for_all(bundle, capfd, monkeypatch):
    rows = [row._replace(metric=0.98) for row in table(0)]
    monkeypatch.setattr(compare, "_measured", lambda *given: ([[row] for row in rows], {}))
    monkeypatch.setattr(select, "_measured", lambda *given: rows)
    why = choose(rows).why
    assert choose(rows).row is None and why.startswith("every variant loses too much")
    assert run(capfd, "compare", bundle).splitlines()[-1] == f"Ship nothing: {why}."
    assert run(capfd, "select", bundle).splitlines()[-1] == f"Use nothing: {why}."
    assert f"\n- Ship nothing: {why}." in report.markdown(rows)


@pytest.mark.parametrize("text", ["drop<=0.1", "size<=60", "size<=60B drop<=0.1", "latency_us_p99<=10.25"])
def test_the_same_constraints_give_one_answer(bundle, text, capfd, monkeypatch, tmp_path):
    rows = table(3)
    monkeypatch.setattr(compare, "_measured", lambda *given: ([[row] for row in rows], {}))
    monkeypatch.setattr(select, "_measured", lambda *given: rows)
    choice = choose(rows, parse_limits(text))
    assert choice != choose(rows)
    compared = json.loads(run(capfd, "compare", bundle, "--json", "--constraints", text))
    selected = json.loads(run(capfd, "select", bundle, "--json", "--constraints", text))
    assert compared["why"] == selected["why"] == choice.why
    path = tmp_path / "pi.json"
    path.write_text(rows_to_json(rows))
    code = run_command(export, ["report", str(path), "--constraints", text])
    assert code == (0 if choice.row else 1)
    assert capfd.readouterr().out.splitlines()[0] == f"tiny-image: {ship_line(choice)}"


def test_limits_are_given_in_one_way(bundle, capfd):
    for command in ("compare", "select"):
        assert run_command(main, [command, str(bundle), "--constraints", "drop<=-0"]) == 2
        assert "cannot read 'drop<=-0'" in capfd.readouterr().err
    assert run_command(main, ["select", str(bundle), "--constraints", "drop<=1", "--max-size", "5"]) == 2
    assert "both --constraints and --max-size are given" in capfd.readouterr().err


@pytest.mark.tflite_runtime
@pytest.mark.parametrize("seed", range(4))
def test_commands_that_measure_the_same_give_one_answer(bundle, seed, capfd, monkeypatch):
    """Nothing is taken for granted here but the clock: the report, the verdicts and the sizes are the bundle's own."""
    manifest = open_bundle(bundle).manifest
    sizes = {name: manifest.files[row.file].size_bytes for name, row in manifest.variants.items()}
    rows = [row.with_verdict("ok") for row in table(seed, sizes)]
    replace_file(bundle, "report.json", rows_to_json(rows).encode())
    latencies = {f"{row.variant} {row.engine}": row.latency_us_p50 for row in rows}

    width = (1 + TIE_WIDTH) / (1 + SAME_WIDTH)  # the ratios tell apart what single latencies do

    def rank(calls, watch):
        fastest = min(latencies[name.removesuffix(" 1")] for name in calls)
        return {
            name: RankedLatency(us, us, us, 20, us, us, us / fastest, us / fastest * width)
            for name in calls
            for us in [latencies[name.removesuffix(" 1")]]
        }

    def measure(calls, count, watch):
        return {name: Latency(*[latencies[name.removesuffix(" 1")]] * 3, 20) for name in calls}

    monkeypatch.setattr(compare, "measure", measure)
    monkeypatch.setattr(compare, "peak_rss_mib", lambda *given: None)  # it starts a process for each
    monkeypatch.setattr(select, "rank", rank)
    page = choose(read_report(open_bundle(bundle))).row
    compared = json.loads(run(capfd, "compare", bundle, "--json"))
    selected = json.loads(run(capfd, "select", bundle, "--json", "--threads", "1"))
    assert (compared["ship"]["variant"], compared["ship"]["engine"]) == answer(page)
    assert (selected["selection"]["variant"], selected["selection"]["engine"]) == answer(page)
    assert answer(choose(rows_from_json(json.dumps(compared))).row) == answer(page)
    assert answer(choose(rows_from_json(json.dumps(selected))).row) == answer(page)
    refused = {(out["variant"], out["engine"]) for out in selected["refused"]}
    assert refused == {answer(out.row) for out in choose(rows).excluded}
    assert refused and answer(page) not in refused
