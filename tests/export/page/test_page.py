"""What the page says: the rule's own answer for every model and device, everything escaped, within its size."""

import html
import json
import re

import pytest

from export import report_files
from export.__main__ import main
from export.checks import flips
from export.page import chart, fresh
from export.page.devices import slower
from export.page.layers import layers
from export.page.measured import Measured, read, read_all
from export.page.samples import samples
from export.page.table import VERDICTS, Answered, lost, tables
from export.page.write import write
from runtime.choose.limits import Limits
from runtime.choose.rule import choose, ship_line
from runtime.command import run_command
from runtime.errors import DataError
from runtime.measure.row import STATUSES, rows_from_json, rows_to_json
from tests import bundles
from tests.export.page import pages
from tests.rows import measured


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """The sections and the text of a page with everything."""
    folder = tmp_path_factory.mktemp("page")
    sections = pages.full_page(folder / "report.html", folder / "artifacts")
    return sections, (folder / "report.html").read_text()


def plain(text):
    """The text of a page without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_the_recommendation_is_that_of_the_one_rule(full):
    sections, text = full
    limits, said = Limits(drop=0.5, size_bytes=190_000), plain(text)
    for section in sections:
        for answer in section.answers:
            choice = choose(answer.rows, limits)
            assert answer.choice == choice
            assert f"{choice.why[0].upper()}{choice.why[1:]}." in said
            if choice.row:
                assert f"★ Ship {choice.row.file} with {choice.row.engine}" in said
    nothing = [section.model for section in sections if section.answers[0].choice.row is None]
    assert nothing == ["unlabelled", "hopeless"] and said.count("✗ Ship nothing") == 2
    # A limit on what was not measured is not kept.
    assert "what it loses was not measured, and the drop is limited" in said


def test_nothing_of_a_model_is_markup(full):
    _, text = full
    assert "<script>alert" not in text and "<b>why</b>" not in text
    assert html.escape(pages.NASTY, quote=True).replace("&#x27;", "&#39;") in text


def test_what_is_asked_of_nobody(full):
    _, text = full
    assert not re.findall(r"(?:src|href)=[\"']?(?!#|data:)[^\"' >]+", text)
    assert "url(" not in text and "@import" not in text and "default-src 'none'" in text
    names = re.findall(r'\sid="?([^" >]+)', text)
    assert len(names) == len(set(names))
    linked = set(re.findall(r'(?:href="#|labelledby=")([^"]+)"', text))
    linked |= set(re.findall(r"href=#(\w+)", text))
    assert {word for target in linked for word in target.split()} <= set(names)


def test_every_verdict_is_said_by_a_sign_and_a_word():
    assert set(VERDICTS) == set(STATUSES)
    signs, words = zip(*(text.split() for text in VERDICTS.values()), strict=True)
    assert len(set(signs)) == len(signs) and list(words) == list(VERDICTS)
    assert len(set(chart.MARKERS.values())) == len(chart.MARKERS)


@pytest.mark.parametrize("devices", [["host"], ["host", "pi4", "pi5"]])
def test_twenty_models_stay_within_half_a_megabyte(tmp_path, devices):
    names = [f"model-{number}" for number in range(20)]
    measured = []
    for number, device in enumerate(devices):
        found = [row for name in names for row in pages.rows(name, slower=1 + 3 * number)]
        assert len(found) == 20 * 15
        facts = {"peak_rss_mib": 50.5 + number, "energy_mj": 1.25, "blocks_disturbed": number}
        # What a file loses is the same on all of them, as where a device takes it from the bundle's report.
        measured.append(Measured(device, [row._replace(**facts) for row in found] if number else found))
    for name in names[:14]:
        pages.kept_flips(tmp_path / name)
    write(measured, tmp_path / "report.html", tmp_path)
    size = (tmp_path / "report.html").stat().st_size
    assert size <= 500_000


def test_what_a_row_loses_in_words():
    row = measured("tflite-a", metric=0.9895, metric_drop_low=-0.0003, metric_drop_high=0.0013)
    assert (
        lost(row, [row]) == "0.05 points (−0.03 to 0.13)"
        and lost(row, [row], unit=False) == "0.05 (−0.03 to 0.13)"
    )
    assert lost(row._replace(metric_drop_low=None), [row]) == "0.05 points"
    assert lost(row._replace(metric=None), [row]) == "–"


def test_samples_that_the_recommended_variant_flips_come_first():
    one, two, three = (flips.Flip(number, "kind", "cat", "cat", "dog", "AAAA") for number in (1, 2, 3))
    found = samples(
        {
            ("tflite-int8", "litert"): [two],
            ("tflite-int8", "tflite-runtime"): [two, one],
            ("onnx-int8", "onnxruntime"): [
                one,
                three._replace(new="cow"),
                three._replace(sample=9, picture=None),
            ],
        },
        measured("tflite-int8"),
    )
    assert [(each.flip.sample, each.chosen) for each in found] == [(2, True), (1, False), (3, False)]
    assert found[1].new == {"dog": ["tflite-int8", "onnx-int8"]} and found[2].new == {"cow": ["onnx-int8"]}


def test_devices_are_compared_file_by_file():
    host = [measured("tflite-a", 10.0), measured("tflite-b", 20.0), measured("tflite-c", 1.0)]
    device = [
        measured("tflite-a", 40.0), measured("tflite-a", 30.0, threads=4), measured("tflite-c", 2.0),
        measured("tflite-b", None, status="failed"),
    ]  # fmt: skip
    assert slower(host, device) == "3 (2 to 4)" and slower(host, host) == "1"
    assert slower(host, device[3:]) == ""


def test_what_devices_agree_on_is_said_once_and_the_rest_side_by_side():
    host = [measured("tflite-a", 10.0, 100, 0.99), measured("tflite-b", 20.0, 200, 0.98)]
    device = [
        measured("tflite-a", 40.0, 100, 0.99, peak_rss_mib=50.0),
        measured("tflite-b", None, 200, 0.98, status="failed"),
        measured("tflite-c", 50.0, 300),
    ]
    said = {name: Answered(rows, choose(rows), {}) for name, rows in (("host", host), ("pi", device))}
    alike, own = tables(said)
    assert [column.heading for column in alike.columns][:4] == ["variant", "engine", "KiB", "accuracy"]
    assert [[cell.text for cell in line.cells][:4] for line in alike.lines] == [
        ["tflite-a", "litert", "0.1", "99.00%"], ["tflite-b", "litert", "0.2", "98.00%"],
        ["tflite-c", "litert", "0.3", "–"],
    ]  # fmt: skip
    assert own.groups == {"": 2, "host": 3, "pi": 4}
    assert [column.heading for column in own.columns] == [
        "variant", "engine", "verdict", "choice", "p50 µs", "verdict", "choice", "p50 µs", "MiB",
    ]  # fmt: skip
    assert [[cell.text for cell in line.cells][2:] for line in own.lines] == [
        ["✓ ok", "★ ship", "10.0", "✓ ok", "★ ship", "40.0", "50"],
        ["✓ ok", "out: drop", "20.0", "✗ failed", "out: verdict", "–", "–"],
        ["–", "–", "–", "✓ ok", "", "50.0", "–"],
    ]
    assert [line.kind for line in own.lines] == ["ship-row", "", ""]


def test_an_export_writes_the_page_once(tmp_path):
    rows = pages.rows("digits")
    report_files.write(rows, tmp_path, "python -m export digits")
    path = tmp_path / "report.html"
    first = path.stat().st_mtime_ns
    assert "python -m export digits" in path.read_text()
    kept = read(tmp_path / "report.json")
    assert kept.rows == rows and kept.command == "python -m export digits" and kept.processor
    report_files.write(rows, tmp_path, "python -m export digits")
    assert path.stat().st_mtime_ns == first, "nothing changed, and it was written again"
    report_files.write([rows[0]._replace(metric=0.5), *rows[1:]], tmp_path, "python -m export digits")
    changed = path.stat().st_mtime_ns
    assert changed != first
    pages.kept_flips(tmp_path / "digits")
    fresh.write(
        fresh.of_an_export([rows[0]._replace(metric=0.5), *rows[1:]], "python -m export digits"), tmp_path
    )
    assert path.stat().st_mtime_ns != changed, "a flipped sample was added"


def test_the_command_says_what_to_ship_and_where_the_page_is(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, times in (("host", 1), ("pi4", 5)):
        (tmp_path / f"{name}.json").write_text(rows_to_json(pages.rows("digits", slower=times)))
    assert run_command(main, ["report", "host.json", "pi4.json", "--html", "both.html"]) == 0
    out = capsys.readouterr().out.splitlines()
    for line, times, name in zip(out, (1, 5), ("host", "pi4"), strict=False):
        assert line == f"digits on {name}: {ship_line(choose(pages.rows('digits', slower=times)))}"
    assert re.fullmatch(r"both\.html: 1 models, 30 rows, \d+ kB", out[-1])
    assert run_command(main, ["report", "host.json", "--constraints", "size<=1kB"]) == 1
    assert capsys.readouterr().out.startswith(
        "digits: Ship nothing: every file is too large; the nearest is "
    )
    assert "size&lt;=1kB" in (tmp_path / "report.html").read_text()
    assert run_command(main, ["report", "host.json", "--html", "no/page.html"]) == 2
    line = "error: there is no folder no for the page; make it, or name another place with --html\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "a.json: No such file or directory; give a report.json, or what `compare --json`"),
        ("{", "a.json"),
        ('{"rows": []}', "a.json has no rows; export a model first"),
        ('{"rows": [{"model": 3}]}', "a.json: row 0"),
    ],
)
def test_a_file_without_rows_is_one_line(tmp_path, capsys, monkeypatch, content, says):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "a.json").write_text(content)
    assert run_command(main, ["report", "a.json"]) in (1, 2)
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1 and not (tmp_path / "report.html").exists()


def test_two_devices_of_one_name_are_refused(tmp_path, capsys):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "pi4.json").write_text(rows_to_json(pages.rows("digits")))
    with pytest.raises(Exception, match="two files are called pi4"):
        read_all([tmp_path / "a/pi4.json", tmp_path / "b/pi4.json"])


def test_what_a_file_says_of_its_machine_is_short_text(tmp_path):
    machine = {"cpu": "x" * 500, "cores": 4, "nested": {"no": 1}, "engines": ["no"]}
    path = tmp_path / "pi.json"
    path.write_text(
        json.dumps({"machine": machine, "command": ["no"], **json.loads(rows_to_json(pages.rows("a")))})
    )
    found = read(path)
    assert found.machine == {"cpu": "x" * 200, "cores": "4"} and found.command is None
    assert found.rows == rows_from_json(path.read_text())


def test_the_layers_that_cost_most_are_those_of_the_recommended_variant(tmp_path, full):
    pages.kept_diagnosis(tmp_path / "digits")
    content = json.loads((tmp_path / "digits/diagnosis/tflite-int8.json").read_text()) | {
        "variant": "onnx-int8"
    }
    (tmp_path / "digits/diagnosis/onnx-int8.json").write_text(json.dumps(content))
    (tmp_path / "digits/diagnosis/layers.json").write_text('{"version": 1}')
    (tmp_path / "digits/diagnosis/broken.json").write_text("{")
    for variant in ("onnx-int8", "tflite-int8"):
        found = layers(tmp_path, "digits", measured(variant))
        assert found == (
            variant,
            [("conv2d", "Conv2D", 0.78), ("dense", "Dense", 0.2)],
            "keep conv2d in a higher scheme",
        )
    assert layers(tmp_path, "digits", measured("tflite-float32")).variant == "onnx-int8"
    assert layers(tmp_path, "another", None) is None and layers(None, "digits", None) is None
    assert "Layers that cost tflite-int8 most Keep conv2d in a higher scheme." in plain(full[1])


def test_where_the_layers_are_not_known_the_page_names_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, command in (
        ("artifacts", "diagnose digits"),
        ("my files", "diagnose digits --out &#39;my files&#39;"),
    ):
        folder = tmp_path / name
        (folder / "digits").mkdir(parents=True)
        bundles.image_bundle(folder / "digits" / "bundle")
        measured_here = [Measured("host", pages.rows("digits"))]
        sections = write(measured_here, tmp_path / "report.html", folder.relative_to(tmp_path))
        assert sections[0].layers is None
        assert f"<code>python -m export {command}</code> finds out." in (tmp_path / "report.html").read_text()
        pages.kept_diagnosis(folder / "digits")
        write(measured_here, tmp_path / "report.html", folder.relative_to(tmp_path))
        assert "export diagnose" not in (tmp_path / "report.html").read_text()
    write(measured_here, tmp_path / "report.html", None)  # no bundle, nothing to look at
    assert "export diagnose" not in (tmp_path / "report.html").read_text()


def test_damaged_flips_are_one_line(tmp_path):
    (tmp_path / "flips.json").write_text('{"flips": [{"sample": "x"}]}')
    with pytest.raises(
        DataError, match=r"flips\.json is damaged .*; remove it, and export the model with --force"
    ):
        flips.read(tmp_path)


def test_rows_of_some_samples_are_not_said_to_be_the_originals(tmp_path):
    """The original's metric is of all test samples, of which a slow file is asked about a part."""
    rows = [
        measured("tflite-float32", 30.0, metric=0.99, samples=2500),
        measured("tflite-int8", 20.0, metric=0.99, samples=1250),
    ]
    (tmp_path / "report.json").write_text(rows_to_json(rows))
    assert (
        run_command(main, ["report", str(tmp_path / "report.json"), "--html", str(tmp_path / "page.html")])
        == 0
    )
    said = plain((tmp_path / "page.html").read_text())
    assert "The original has accuracy 99.00% on the test samples." in said
    assert "compared on 1,250 samples" in said and "of 2,500" not in said
