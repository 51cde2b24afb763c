"""`python -m runtime`: every command, on sound bundles and on mistakes."""

import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime import backends
from runtime.__main__ import COMMANDS, main
from runtime.command import run_command
from runtime.commands.arguments import quiet_engines
from runtime.measure.sensors import Sensors
from tests.bundles import IMAGE_PAIRS, MODELS, npz, replace_file
from tests.conftest import NO_TFLITE_RUNTIME


@pytest.fixture
def cli(capfd):
    """Runs a command line; gives its exit code, stdout and stderr, those of the engines included."""

    def run(*arguments):
        try:
            code = run_command(main, [str(argument) for argument in arguments])
        except SystemExit as exit_:  # argparse
            code = exit_.code
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def labelled(tmp_path, golden):
    """Labelled data for the classifier: inputs, and targets of which the original gets 24 of 32 right."""
    targets = golden["probabilities"].argmax(1)
    targets[:8] = (targets[:8] + 1) % 3
    np.save(tmp_path / "inputs.npy", golden["images"])
    np.save(tmp_path / "targets.npy", targets)
    return "--inputs", tmp_path / "inputs.npy", "--targets", tmp_path / "targets.npy"


def test_info_tells_what_there_is(cli, image_bundle):
    code, out, err = cli("info", image_bundle)
    assert (code, err) == (0, "")
    assert "tiny-image, a classification with 2,400 parameters" in out
    assert "images 8x8x1, uint8 pixels from 0 to 255; other sizes are stretched" in out
    assert "probabilities of 3 labels: circle, square, star" in out and "accuracy 0.9 on a test" in out
    here, version = ("", "") if NO_TFLITE_RUNTIME else (", tflite-runtime", r", tflite-runtime [\d.]+")
    assert re.search(rf"tflite-int8 +6\.0 +0\.05 +litert, tflite-runtime +litert{here}", out)
    assert re.search(rf"engines here: litert [\d.]+{version}, onnxruntime [\d.]+", out)


def test_info_of_a_table_names_columns_and_unit(cli, table_bundle):
    _, out, _ = cli("info", table_bundle)
    assert "rows of 3: depth, width, height" in out and "value in cm³" in out


def test_info_prints_the_manifest_as_json(cli, image_bundle):
    code, out, _ = cli("info", image_bundle, "--json")
    found = json.loads(out)
    assert code == 0 and found["model"] == "tiny-image" and set(found["engines"]) == set(backends.ENGINES)


def test_info_imports_no_engine_and_works_without_one(image_bundle):
    program = (
        "import sys; from runtime.__main__ import main; import runtime.backends as b; b.find_spec = lambda n: None;"
        f"main(['info', {str(image_bundle)!r}]); "
        "assert not {'ai_edge_litert', 'tflite_runtime', 'onnxruntime'} & set(sys.modules)"
    )
    out = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert "engines here: none; pip install ai-edge-litert or onnxruntime" in out
    assert "no: no engine for it" in out


def test_verify_says_what_may_be_used(cli, image_bundle):
    code, out, err = cli("verify", image_bundle)
    assert (code, err) == (0, "")
    assert len(re.findall(r" ok ", out)) == IMAGE_PAIRS
    both = "litert" if NO_TFLITE_RUNTIME else "litert or tflite-runtime"
    assert f"tflite-int8 with {both}; onnx-float32 with onnxruntime" in out


def test_verify_as_json(cli, table_bundle):
    code, out, _ = cli("verify", table_bundle, "--json", "--engine", "onnxruntime")
    (row,) = json.loads(out)["rows"]
    assert code == 0 and row["variant"] == "onnx-float32" and row["status"] == "ok"
    assert row["max_abs_error"] < 1e-5 and row["top1_agreement"] is None


def test_verify_fails_where_a_variant_disagrees(cli, spoilt, golden):
    wrong = golden["probabilities"][:, [1, 0, 2]]
    arrays = {"inputs/image": golden["images"], "outputs/probabilities": wrong}
    replace_file(spoilt, "golden.npz", npz(**arrays))
    code, out, err = cli("verify", spoilt, "--variant", "tflite-int8", "--engine", "litert")
    assert (code, err) == (1, "")
    assert re.search(
        r"tflite-int8 +litert +failed .*the largest error is 0\.\d+, above the tolerance of 0\.05", out
    )
    assert "May be used here: none." in out


def test_verify_fails_where_a_file_is_damaged(cli, spoilt):
    content = bytearray((spoilt / "onnx-float32.onnx").read_bytes())
    content[1000] ^= 1
    (spoilt / "onnx-float32.onnx").write_bytes(content)
    code, out, _ = cli("verify", spoilt)
    assert code == 1
    assert "damaged: " in out and "onnx-float32.onnx: damaged, its SHA-256 is not the manifest's" in out
    assert re.search(r"onnx-float32 +onnxruntime +failed", out) and re.search(r"tflite-int8 +litert +ok", out)


@pytest.mark.tflite_runtime
def test_verify_goes_on_where_one_engine_is_broken(cli, image_bundle, monkeypatch):
    monkeypatch.setattr(
        "runtime.verdicts.probe", lambda name: "it is broken" if name == "tflite-runtime" else None
    )
    code, out, _ = cli("verify", image_bundle)
    assert code == 0 and re.search(r"tflite-int8 +tflite-runtime +skipped .* it is broken", out)


def test_verify_without_any_engine_prints_the_pip_lines(cli, image_bundle, monkeypatch):
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    for command in ("verify", "bench", "compare"):
        code, out, err = cli(command, image_bundle)
        assert (code, out) == (1, "")
        assert (
            err.count("\n") == 1 and "pip install ai-edge-litert" in err and "pip install onnxruntime" in err
        )


def test_predict_prints_labels_with_probabilities(cli, image_bundle, tmp_path, golden):
    Image.fromarray(golden["images"][0, ..., 0]).save(tmp_path / "a.png")
    np.save(tmp_path / "two.npy", golden["images"][:2])
    code, out, err = cli(
        "predict", image_bundle, tmp_path / "a.png", tmp_path / "two.npy", "--variant", "onnx-float32"
    )
    assert (code, err) == (0, "")
    best = golden["probabilities"][0].max()
    assert out.splitlines()[0] == f"{tmp_path}/a.png: circle {best:.2%}, star 35.27%, square 27.49%"
    assert [line.split(": ")[0] for line in out.splitlines()[1:]] == [
        f"{tmp_path}/two.npy[{n}]" for n in (0, 1)
    ]


def test_predict_converts_images_and_says_so(cli, image_bundle, tmp_path):
    Image.new("RGB", (20, 20), "white").save(tmp_path / "a.png")
    code, out, err = cli("predict", image_bundle, tmp_path / "a.png", "--invert", "--top", "1")
    assert code == 0 and out.count("%") == 1
    assert "note: " in err and "resized from 20x20 to 8x8" in err


def test_a_folder_of_pictures_is_answered_and_scored(cli, image_bundle, tmp_path, golden):
    answers = [("circle", "square", "star")[place] for place in golden["probabilities"].argmax(axis=1)]
    for number, (image, label) in enumerate(zip(golden["images"], answers, strict=True)):
        (tmp_path / label).mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(tmp_path / label / f"{number}.png")
    code, out, err = cli("predict", image_bundle, tmp_path, "--top", "1", "--variant", "onnx-float32")
    assert (code, err) == (0, "") and len(out.splitlines()) == len(answers)
    for line in out.splitlines():
        path, said = line.split(": ")
        assert Path(path).is_file() and Path(path).parent.name == said.split()[0]
    code, out, _ = cli("compare", image_bundle, "--inputs", tmp_path, "--calls", "20", "--json")
    scores = {row["metric"] for row in json.loads(out)["rows"] if row["variant"] == "onnx-float32"}
    assert code == 0 and scores == {1.0}


def test_predict_prints_values_with_units(cli, table_bundle, tmp_path, golden):
    (tmp_path / "a.csv").write_text("height,width,depth\n3,2,1\n")
    code, out, _ = cli("predict", table_bundle, tmp_path / "a.csv")
    assert code == 0 and re.fullmatch(r".*a\.csv: -?\d+\.\d+ \(cm³\)\n", out)
    _, out, _ = cli("predict", table_bundle, tmp_path / "a.csv", "--json")
    (answer,) = json.loads(out)["predictions"]
    assert answer["unit"] == "cm³" and len(answer["values"]) == 1
    _, straight, _ = cli("predict", table_bundle, "--values", "1 2 3")
    assert straight == f"1 2 3: {answer['values'][0]:.6g} (cm³)\n"


def test_predict_names_the_file_with_a_wrong_value(cli, table_bundle, tmp_path):
    (tmp_path / "a.csv").write_text("1,2,3\n1,nan,3\n")
    code, out, err = cli("predict", table_bundle, tmp_path / "a.csv", "--values", "-1 2 3")
    assert (code, out) == (1, "") and err.count("\n") == 1
    assert f"error: {tmp_path / 'a.csv'}: " in err and "row 1, column width is NaN" in err


def test_predict_as_json(cli, image_bundle):
    _, out, _ = cli("predict", image_bundle, image_bundle / "golden.npz", "--json")
    found = json.loads(out)
    assert (
        len(found["predictions"]) == 32
        and found["variant"] == "tflite-float32"
        and found["engine"] == "litert"
    )
    assert [label["label"] for label in found["predictions"][0]["labels"]] == ["circle", "star", "square"]


def test_bench_measures_every_variant(cli, image_bundle):
    code, out, err = cli("bench", image_bundle, "--calls", "20", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "") and len(found["rows"]) == IMAGE_PAIRS
    for row in found["rows"]:
        assert 0 < row["latency_us_p50"] <= row["latency_us_p90"] <= row["latency_us_p99"]
        assert row["calls"] == 20 and row["load_ms"] > 0 and row["batch_us_per_row"] > 0
    code, out, _ = cli("bench", image_bundle, "--calls", "20", "--variant", "onnx-float32")
    assert code == 0 and "20 calls each, interleaved, warm-up excluded, 1 thread; onnxruntime" in out


def test_compare_without_labelled_data_says_so(cli, image_bundle):
    code, out, err = cli("compare", image_bundle, "--calls", "20")
    assert (code, err) == (0, "")
    assert "accuracy: not measured: give --inputs and --targets" in out
    last = out.splitlines()[-1]
    assert re.match(
        rf"Ship (tflite|onnx)-\w+\.(tflite|onnx) with [\w-]+: of the {IMAGE_PAIRS}, it is the ", last
    )
    assert "accuracy not measured, largest error" in last


def test_compare_measures_the_metric(cli, image_bundle, labelled):
    code, out, _ = cli("compare", image_bundle, *labelled, "--calls", "20", "--json")
    found = json.loads(out)
    rows = [row for row in found["rows"] if row["status"] != "skipped"]
    assert code == 0 and len(found["rows"]) == 8 and len(rows) == IMAGE_PAIRS
    for row in rows:
        assert row["status"] == "ok" and row["metric_original"] == 0.9
        assert abs(row["metric"] - 0.75) <= (0 if "float32" in row["variant"] else 0.07)
        assert row["size_bytes"] == (image_bundle / row["file"]).stat().st_size
    code, out, _ = cli("compare", image_bundle, *labelled, "--calls", "20")
    assert "accuracy: on 32 rows; the original has 90.00% on its test split." in out and "75.00%" in out


def test_compare_takes_targets_from_a_column(cli, table_bundle, tmp_path, golden):
    lines = ["price,depth,width,height"]
    for row, value in zip(golden["rows"], golden["values"], strict=True):
        lines.append(",".join(map(repr, [float(value[0]) + 2, *map(float, row)])))
    (tmp_path / "a.csv").write_text("\n".join(lines))
    code, out, _ = cli(
        "compare", table_bundle, "--inputs", tmp_path / "a.csv", "--target-column", "price", "--json"
    )
    found = [round(row["metric"], 4) for row in json.loads(out)["rows"] if row["status"] != "skipped"]
    assert code == 0 and found == ([2, 2] if NO_TFLITE_RUNTIME else [2, 2, 2])


def test_compare_fails_where_a_variant_fails_and_ships_another(cli, spoilt):
    replace_file(spoilt, "tflite-int8.tflite", (MODELS / "table-float32.tflite").read_bytes())
    code, out, _ = cli("compare", spoilt, "--calls", "20")
    assert code == 1
    assert "failed: tflite-int8 with litert: tflite-int8.tflite: its inputs are" in out
    assert out.splitlines()[-1].startswith("Ship ") and "Ship tflite-int8" not in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "no command; known: info, verify, predict, bench, compare"),
        (["infro"], 2, "unknown command 'infro'; known: info"),
        (["info", "absent"], 1, "absent: does not exist"),
        (
            ["verify", "BUNDLE", "--variant", "tflite-int4"],
            2,
            "unknown variant 'tflite-int4'; this bundle can load:",
        ),
        (["verify", "BUNDLE", "--variant", "saved_model"], 2, "unknown variant 'saved_model'"),
        (["verify", "BUNDLE", "--engine", "tensorrt"], 2, "unknown engine 'tensorrt'; known: litert"),
        (
            ["verify", "BUNDLE", "--variant", "onnx-float32", "--engine", "litert"],
            2,
            "onnx-float32 is not for litert",
        ),
        (["verify", "BUNDLE", "--threads", "0"], 2, "threads is 0; give a whole number from 1 to 1024"),
        (["predict", "BUNDLE", "absent.png"], 1, "absent.png: does not exist"),
        (["predict", "BUNDLE", "a.doc"], 1, "a.doc: unknown kind of file; known: .npy, .npz, .csv"),
        (["predict", "BUNDLE", "a.npy", "--top", "0"], 2, "--top is 0"),
        (["predict", "BUNDLE"], 2, "nothing to answer; give a FILE, --values or --text"),
        (["predict", "BUNDLE", "--text", "a"], 2, "--text a: the input image takes no text"),
        (
            ["predict", "BUNDLE", "--values", "1 2"],
            1,
            "--values 1 2: 1 line of 2 numbers; the input image takes 64",
        ),
        (
            ["predict", "BUNDLE", "a.npy", "--variant", "x"],
            2,
            "unknown variant 'x'; this bundle has: tflite-float32",
        ),
        (["bench", "BUNDLE", "--calls", "0"], 2, "--calls is 0"),
        (
            ["compare", "BUNDLE", "--inputs", "a.npy"],
            2,
            "give --inputs with either --targets FILE or --target-column",
        ),
        (["compare", "BUNDLE", "--targets", "a.npy"], 2, "targets without --inputs"),
    ],
)
def test_mistakes_are_one_line(cli, image_bundle, arguments, code, words):
    found, out, err = cli(*(image_bundle if argument == "BUNDLE" else argument for argument in arguments))
    assert (found, out) == (code, "") and words in err
    assert err.startswith("error: ") and err.count("\n") == 1


def test_inputs_and_targets_must_belong_together(cli, image_bundle, labelled, tmp_path):
    np.save(tmp_path / "targets.npy", np.zeros(31))
    code, _, err = cli("compare", image_bundle, *labelled)
    assert code == 1 and "32 inputs but 31 targets" in err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(cli, command):
    code, out, _ = cli(command, "--help")
    assert code == 0 and f"example:\n  python -m runtime {command} artifacts/" in out
    assert max(map(len, out.splitlines())) <= 100
    if command != "doctor":  # it works without one
        code, out, err = cli(command)
        assert code == 2 and "BUNDLE" in err


def test_what_engines_print_is_kept_off_the_terminal_wherever_pythons_stderr_leads(capfd, monkeypatch):
    # Under pytest's capture too, sys.stderr is another file than the one that engines write to.
    for stderr in (sys.stderr, io.StringIO(), None):
        monkeypatch.setattr(sys, "stderr", stderr)
        with quiet_engines():
            os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        os.write(2, b"error: what a user must see\n")
        assert capfd.readouterr().err == "error: what a user must see\n"


def test_help_and_version(cli):
    code, out, _ = cli("--help")
    assert code == 0 and all(f"  {command} " in out for command in COMMANDS)
    code, out, _ = cli("--version")
    assert code == 0 and re.fullmatch(r"edgeproof \d+\.\d+\.\d+\n", out)


def test_the_module_runs_as_a_program(table_bundle):
    done = subprocess.run(
        [sys.executable, "-m", "runtime", "verify", str(table_bundle)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and done.stderr == "" and "May be used here" in done.stdout


def test_threads_are_swept_where_several_are_given(cli, image_bundle):
    arguments = ("--variant", "onnx-float32", "--threads", "1,2", "--calls", "20", "--no-memory")
    for command in ("bench", "compare"):
        code, out, err = cli(command, image_bundle, *arguments, "--json")
        rows = json.loads(out)["rows"]
        assert (code, err) == (0, "") and [row["threads"] for row in rows] == [1, 2]
        assert all(row["latency_us_p50"] > 0 and row["peak_rss_mib"] is None for row in rows)
        code, out, _ = cli(command, image_bundle, *arguments)
        assert code == 0 and re.search(r"(?m)^variant +engine +threads ", out) and "1, 2 threads; " in out
    code, out, err = cli("bench", image_bundle, "--threads", "1,two")
    assert code == 2 and "--threads: invalid" in err


def test_rows_say_under_which_conditions_they_were_measured(cli, image_bundle):
    arguments = ("--variant", "onnx-float32", "--calls", "40")
    code, out, _ = cli("compare", image_bundle, *arguments, "--json")
    (row,) = json.loads(out)["rows"]
    assert code == 0 and row["board"] and row["blocks"] == 8 and row["peak_rss_mib"] > 20
    assert row["energy_mj"] is None or row["energy_mj"] > 0
    _, out, _ = cli("compare", image_bundle, *arguments)
    assert re.search(r"(?m)^Machine: clock .*; throttled: .*; other load: ", out) and "peak MiB" in out


def test_a_row_that_was_disturbed_is_called_so(cli, image_bundle, monkeypatch):
    reading = Sensors().read()
    monkeypatch.setattr(
        "runtime.measure.sensors.Sensors.read",
        lambda self: reading._replace(limits=frozenset({"under-voltage"}), at_ns=time.perf_counter_ns()),
    )
    monkeypatch.setattr("runtime.measure.watch._COOLING_S", 0.01)
    code, out, _ = cli("compare", image_bundle, "--variant", "onnx-float32", "--calls", "40", "--no-memory")
    assert code == 0
    line = (
        "disturbed: onnx-float32 with onnxruntime: 8 of 8 blocks, by under-voltage, also when measured again"
    )
    assert line in out and "throttled: under-voltage" in out
