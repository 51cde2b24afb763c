"""The command `python -m export diagnose`: what it prints, what it writes, and what it says of mistakes."""

import json
import shutil
import xml.etree.ElementTree as ElementTree

import onnx
import pytest

from export.__main__ import main
from export.formats.tflite_graph import graphs, name_of
from runtime.bundle import manifest_json
from runtime.bundle.manifest import MANIFEST_NAME
from runtime.command import run_command
from tests.conftest import ROOT
from tests.export.test_command import command

HELP = """\
usage: python -m export diagnose [-h] [--variant V[,V…]] [--out OUT] [--name NAME]
                                 [--data-dir DATA_DIR]
                                 MODEL

Say where the quantized files of an exported model lose accuracy: each Keras
layer under its own name, what it loses by itself, how much of the loss of the
answers that makes, and how well its values fit their range. Writes pictures,
figures and node data for Model Explorer to artifacts/<model>/diagnosis/.

positional arguments:
  MODEL                an exported model by its name, or the path that it was exported from

options:
  -h, --help           show this help message and exit
  --variant V[,V…]     which variants (default: all quantized ones of the bundle)
  --out OUT            where the bundle is, and the diagnosis goes
  --name NAME          what a model given by its path is called (default: the name of its file)
  --data-dir DATA_DIR  folder with the datasets (default: $EDGEPROOF_DATA, cache, download)

examples:
  python -m export diagnose mnist-cnn
  python -m export diagnose mnist-cnn --variant tflite-int8,onnx-int8
  python -m export diagnose my_model.keras --out artifacts
"""


def test_help():
    done = command("diagnose", "--help", COLUMNS="100")
    assert (done.returncode, done.stdout, done.stderr) == (0, HELP, "")


@pytest.fixture
def folder(exported, tmp_path):
    """A folder with the bundle of digits-cnn alone."""
    shutil.copytree(exported.out / "digits-cnn" / "bundle", tmp_path / "digits-cnn" / "bundle")
    return tmp_path


@pytest.mark.timeout(1200)
def test_each_layer_is_shown_under_its_keras_name(folder):
    done = command("diagnose", "digits-cnn", "--variant", "tflite-int8,onnx-int8", "--out", str(folder))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.count("digits-cnn tflite-int8: answers ") == 1
    layers = [layer["config"]["name"] for layer in keras_layers() if layer["class_name"] != "InputLayer"]
    for name in layers:
        assert done.stdout.count(f"│ {name} ") == 2, name
    assert "  onnx-int8: " in done.stdout  # what to do
    written = folder / "digits-cnn" / "diagnosis"
    assert sorted(path.name for path in written.iterdir()) == sorted(
        ["layers.json"]
        + [f"{variant}{end}" for variant in ("tflite-int8", "onnx-int8") for end in (
            ".json", ".svg", ".share.json", ".own-sqnr.json"
        )]
    )  # fmt: skip
    for variant in ("tflite-int8", "onnx-int8"):
        figures = json.loads((written / f"{variant}.json").read_text())
        measured = [row for row in figures["rows"] if row["into"] is None]
        assert {row["name"] for row in figures["rows"]} >= set(layers)
        assert sum(row["share"] for row in measured) == pytest.approx(1)
        assert all(0 <= row["used"] <= 1 for row in measured if row["used"] is not None)
        assert ElementTree.parse(written / f"{variant}.svg").getroot().tag.endswith("svg")
    check_node_data(folder / "digits-cnn")


def keras_layers():
    import zipfile

    with zipfile.ZipFile(ROOT / "artifacts/digits-cnn/model.keras") as file:
        return json.loads(file.read("config.json"))["config"]["layers"]


def check_node_data(folder):
    """Every key is what Model Explorer looks for: a graph of the file, and a tensor or a node in it."""
    content = (folder / "bundle" / "onnx-int8.onnx").read_bytes()
    graph = onnx.load_from_string(content).graph
    known = {
        "onnx-int8": (graph.name, {node.name for node in graph.node} | {value.name for value in graph.input}),
        "tflite-int8": (
            "main",
            {
                name_of(tensor)
                for graph in graphs(folder / "bundle" / "tflite-int8.tflite")
                for operator in graph.operators
                for tensor in (*operator.outputs, *operator.inputs)
            },
        ),
    }
    for variant, (name, nodes) in known.items():
        for what in ("share", "own-sqnr"):
            data = json.loads((folder / "diagnosis" / f"{variant}.{what}.json").read_text())
            assert list(data) == [name]
            results = data[name]["results"]
            assert results and set(results) <= nodes
            assert all(type(result["value"]) is float for result in results.values())
            assert [stop["stop"] for stop in data[name]["gradient"]] == [0, 1]


@pytest.mark.timeout(1200)
def test_the_map_is_used_again_and_made_anew_for_another_file(folder):
    written = folder / "digits-cnn" / "diagnosis" / "layers.json"
    arguments = ("diagnose", "digits-cnn", "--variant", "tflite-float16", "--out", str(folder))
    written.parent.mkdir()
    written.write_text("{}")  # damaged: made anew
    assert command(*arguments).returncode == 0
    entries = json.loads(written.read_text())
    entries["files"]["tflite"]["calls"][0]["name"] = "renamed"
    written.write_text(json.dumps(entries))
    assert "renamed" in command(*arguments).stdout
    entries["files"]["tflite"]["sha256"] = "0" * 64
    written.write_text(json.dumps(entries))
    assert "renamed" not in command(*arguments).stdout
    assert json.loads(written.read_text())["files"]["tflite"]["calls"][0]["name"] != "renamed"


def failed(capsys, *arguments):
    """The exit code and the one line on stderr."""
    code = run_command(main, ["diagnose", *map(str, arguments)])
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    return code, said.err.removeprefix("error: ").strip()


def test_an_unknown_model(capsys, tmp_path):
    code, said = failed(capsys, "no-such", "--out", tmp_path)
    assert code == 2 and said.startswith("unknown model 'no-such'; known: ")


def test_a_path_that_is_not_there(capsys, tmp_path):
    code, said = failed(capsys, tmp_path / "no.keras", "--out", tmp_path)
    assert (code, said) == (
        2,
        f"{tmp_path}/no.keras does not exist; give the path of a model that was exported, or the name of a trained "
        "model",
    )


def test_no_bundle(capsys, tmp_path):
    code, said = failed(capsys, "digits-cnn", "--out", tmp_path)
    assert (code, said) == (
        1,
        f"{tmp_path}/digits-cnn/bundle is not there; export the model first: python -m export digits-cnn",
    )


def test_an_unknown_variant(capsys, folder):
    code, said = failed(capsys, "digits-cnn", "--out", folder, "--variant", "tflite-int4")
    assert (code, said) == (
        2,
        f"{folder}/digits-cnn/bundle has no quantized variant tflite-int4; it has tflite-float16, tflite-dynamic, "
        "tflite-int8, tflite-int16x8, onnx-float16, onnx-dynamic, onnx-int8; others are made by python -m export "
        "digits-cnn",
    )
    code, said = failed(capsys, "digits-cnn", "--out", folder, "--variant", ",")
    assert code == 2 and "has no quantized variant (none was named); it has " in said


def test_a_variant_without_the_file_that_it_is_compared_with(capsys, folder):
    bundle = folder / "digits-cnn" / "bundle"
    manifest = manifest_json.from_json((bundle / MANIFEST_NAME).read_bytes())
    variants, files = dict(manifest.variants), dict(manifest.files)
    file = variants.pop("onnx-float32").file
    del files[file]
    (bundle / file).unlink()
    (bundle / MANIFEST_NAME).write_text(
        manifest_json.to_json(manifest._replace(variants=variants, files=files))
    )
    code, said = failed(capsys, "digits-cnn", "--out", folder, "--variant", "onnx-int8")
    assert code == 2 and said.endswith(
        "has no onnx-float32, which onnx-int8 is compared with; export both: python -m export digits-cnn "
        "--targets onnx-float32,onnx-int8"
    )


def test_another_file_than_the_one_exported(capsys, tmp_path):
    trained = ROOT / "artifacts" / "digits-cnn"
    shutil.copytree(trained, tmp_path / "mine", ignore=shutil.ignore_patterns("bundle", "diagnosis"))
    (tmp_path / "mine.keras").write_bytes(b"another")
    code, said = failed(capsys, tmp_path / "mine.keras", "--out", tmp_path)
    assert (code, said) == (
        2,
        f"{tmp_path}/mine.keras is not the model that {tmp_path}/mine was made of; export it again, or give --name",
    )
    shutil.copyfile(trained / "model.keras", tmp_path / "mine.keras")
    code, said = failed(capsys, tmp_path / "mine.keras", "--out", tmp_path)
    assert code == 1 and said.startswith(f"{tmp_path}/mine/bundle is not there")
