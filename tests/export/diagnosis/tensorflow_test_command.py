"""The command `python -m export diagnose` at work: what it prints and writes, and when it looks for layers anew."""

import json
import shutil
import xml.etree.ElementTree as ElementTree
import zipfile

import onnx
import pytest

from export.formats.tflite_graph import graphs, name_of
from tests.conftest import ROOT
from tests.export.test_command import cli

__all__ = ["cli"]


@pytest.fixture
def folder(exported, tmp_path, monkeypatch):
    """A folder with the bundle of digits-cnn alone; tables are as wide as a page."""
    monkeypatch.setenv("COLUMNS", "120")
    shutil.copytree(exported.out / "digits-cnn" / "bundle", tmp_path / "digits-cnn" / "bundle")
    return tmp_path


def test_each_layer_is_shown_under_its_keras_name(cli, folder):
    code, said, wrong = cli("diagnose", "digits-cnn", "--variant", "tflite-int8,onnx-int8", "--out", folder)
    assert (code, wrong) == (0, "")
    assert said.count("digits-cnn tflite-int8: answers ") == 1
    layers = [layer["config"]["name"] for layer in keras_layers() if layer["class_name"] != "InputLayer"]
    for name in layers:
        assert said.count(f"│ {name} ") == 2, name
    assert "  onnx-int8: " in said  # what to do
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


def test_the_map_is_used_again_and_made_anew_for_another_file(cli, folder):
    written = folder / "digits-cnn" / "diagnosis" / "layers.json"
    arguments = ("diagnose", "digits-cnn", "--variant", "tflite-float16", "--out", folder)
    written.parent.mkdir()
    written.write_text("{}")  # damaged: made anew
    assert cli(*arguments)[0] == 0
    entries = json.loads(written.read_text())
    entries["files"]["tflite"]["calls"][0]["name"] = "renamed"
    written.write_text(json.dumps(entries))
    assert "renamed" in cli(*arguments)[1]
    entries["files"]["tflite"]["sha256"] = "0" * 64
    written.write_text(json.dumps(entries))
    assert "renamed" not in cli(*arguments)[1]
    assert json.loads(written.read_text())["files"]["tflite"]["calls"][0]["name"] != "renamed"
