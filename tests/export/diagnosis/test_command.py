"""The command `python -m export diagnose`: what it prints, what it writes, and what it says of mistakes."""

import shutil

import pytest

from export.__main__ import main
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
