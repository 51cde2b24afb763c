"""python -m export as a user meets it: errors in one line, exit codes, nothing half-written."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from export.__main__ import main
from export.targets import TARGETS
from runtime.command import run_command
from tests.conftest import MODELS, ROOT, run_export


def command(*arguments, cwd=ROOT, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "export", *map(str, arguments)],
        cwd=cwd, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, capture_output=True, text=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def cli(capsys):
    """Runs a command line here, where nothing has to be imported for it; gives its exit code, stdout and stderr."""

    def run(*arguments):
        code = run_command(main, [str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def one_line(said):
    lines = said.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), said
    return lines[0]


HELP = """\
usage: python -m export [options] MODEL [MODEL …]
       python -m export [options] PATH [PATH …]
       python -m export [options] all
       python -m export list
       python -m export diagnose MODEL [--variant V]
       python -m export report FILE.json [FILE.json …] [--html OUT] [--constraints LIMITS]
       python -m export remote [USER@]HOST … BUNDLE
       python -m export keygen PRIVATE PUBLIC
       python -m export sign BUNDLE --key PRIVATE [--version N]

Export trained Keras models to SavedModel, TFLite and ONNX, verify every file
against the original on the engine it will run on, and pack what passed into
artifacts/<model>/bundle.

what to export:
  MODEL  a trained model by its name
  PATH   a model of your own: a .keras, .h5 or .hdf5 file, or a SavedModel folder
  all    every trained model
  list   print the trained models and the targets; builds nothing

other commands (each has --help):
  diagnose  say which layers a quantized file loses accuracy in
  report    put what one or several devices measured on one page, and say which file to ship
  remote    install a bundle on devices over ssh, measure it there, bring the figures home
  keygen    make a pair of keys: one to sign bundles with, one for the devices
  sign      sign a bundle, so that devices can check who made it

options:
  -h, --help            show this help message and exit
  --targets TARGETS     comma-separated; default: all of saved_model, tflite-float32, tflite-
                        float16, tflite-dynamic, tflite-int8, tflite-int8-mixed, tflite-int16x8,
                        onnx-float32, onnx-float16, onnx-dynamic, onnx-int8, onnx-int8-mixed
  --max-drop N          what a quantized file may lose of its metric: percentage points of
                        accuracy, F1 or a metric of your own (default 0.3), percent of an error,
                        or of a metric of your own where lower is better (default 1)
  --metric [OUTPUT=]MODULE:FUNCTION[,lower]
                        a metric of your own, a function f(targets, answers) of all samples that
                        decides in place of the usual one: a fraction, better higher, or with
                        ,lower an error; may be repeated for other outputs
  --repairs NAMES       repairs that may be made, with commas, or none (default:
                        fold,balance,ranges,rounding,bias)
  --strict              refuse what the test data are too few to prove
  --out OUT             where bundles and the report go
  --jobs JOBS           conversions at a time (default: the number of cores)
  --data-dir DATA_DIR   folder with the datasets (default: $EDGEPROOF_DATA, cache, download)
  --force               rebuild even if nothing changed

for a model of your own:
  --calibration DATA    raw inputs to find activation ranges with, for int8 and int16x8
  --test DATA           raw inputs and what the answers should be: what its files lose is measured
                        on them
  --target-column NAME  a column of a .csv file that is what the answers should be; may be
                        repeated
  --task [OUTPUT=]TASK  what an output means: classification, binary, multilabel, regression,
                        reconstruction, tensor (default: guessed, and said)
  --labels [OUTPUT=]a,b,c
                        the names of the classes in the order of the output, or a file with one a
                        line
  --unit [OUTPUT=]UNIT  the unit of a value, or of several, with commas
  --pixels [INPUT=]PIXELS
                        what an image was trained on: 0-255, 0-1, -1-1 or imagenet; the scaling
                        becomes part of every file
  --resize {stretch,crop,pad}
                        how a picture of another size is brought to the image's (default: stretch)
  --shape INPUT=1,SIZE,…
                        sizes that the file leaves open, the batch first; may be repeated
  --vocabulary [INPUT=]FILE
                        the words of a text, one a line, the first of which has the number 2
  --signature NAME      the signature of a SavedModel (default: serving_default)
  --custom-objects MODULE:NAME
                        a layer or function of your own code that it uses; may be repeated
  --name NAME           what the model is called (default: the name of its file)

DATA is an .npz file (arrays named after the inputs, targets for what the
answers should be), an .npy file (one input), a .csv file, a .txt file with one
text a line, or a folder or .zip file of pictures with a sub-folder for each
class. Values are raw: pixels from 0 to 255, unscaled columns, texts or numbers.

examples:
  python -m export list
  python -m export all
  python -m export mnist-cnn --targets tflite-int8,onnx-int8
  python -m export my_model.keras --calibration photos/ --test photos.zip --pixels 0-1 --labels cat,dog
  python -m export my_table.h5 --calibration rows.csv --test rows.csv --target-column price --unit USD

exit code: 0 when every row passed, 1 when one failed (the report says why), 2 for wrong usage
"""
KEYGEN = """\
usage: python -m export keygen [-h] PRIVATE PUBLIC

Make a pair of Ed25519 keys: one to sign bundles with, one for the devices.

positional arguments:
  PRIVATE     where the private key goes
  PUBLIC      where the public key goes

options:
  -h, --help  show this help message and exit
"""


@pytest.mark.parametrize(("arguments", "text"), [(["--help"], HELP), (["keygen", "--help"], KEYGEN)])
def test_help(arguments, text):
    done = command(*arguments, COLUMNS="100")
    assert (done.returncode, done.stdout, done.stderr) == (0, text, "")


def test_a_command_that_is_not_finished_shows_its_usage():
    done = command("sign", "bundle", COLUMNS="100")
    assert done.returncode == 2 and "usage: python -m export sign [-h] --key PRIVATE" in done.stderr
    assert "the following arguments are required: --key" in done.stderr


def test_list_names_models_and_targets(cli):
    code, printed, _ = cli("list")
    assert code == 0
    for name in (*MODELS, *TARGETS):
        assert name in printed


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["mnist-cmm"], ["unknown model 'mnist-cmm'", "mnist-cnn", "python -m train mnist-cmm"]),
        (["mnist-cnn", "--targets", "tflite-int4"], ["unknown target tflite-int4", *TARGETS]),
        (["mnist-cnn", "--targets", ","], ["unknown target", "tflite-int8"]),
        (["mnist-cnn", "--jobs", "0"], ["--jobs is 0", "at least 1"]),
        (["nowhere/model.keras"], ["nowhere/model.keras does not exist"]),
        (
            ["mnist-cnn", "--labels", "a,b"],
            ["--labels is for one model given by its path, not for mnist-cnn"],
        ),
        (["mnist-cnn", "--target-column", "a"], ["--target-column is for one model given by its path"]),
        (["a.keras", "b.keras", "--name", "a"], ["--name is for one model given by its path"]),
        (["artifacts/mnist-cnn"], ["artifacts/mnist-cnn is the folder of the trained model mnist-cnn"]),
        (["docs/images"], ["docs/images is a folder without saved_model.pb; give a SavedModel folder"]),
        (["mnist-cnn", "--max-drop", "nan"], ["--max-drop is nan", "from 0 on"]),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(cli, arguments, expected, tmp_path):
    code, _, said = cli(*arguments, "--out", tmp_path)
    assert code == 2
    line = one_line(said)
    assert all(part in line for part in expected), line
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(
        ROOT / "artifacts" / "diabetes-mlp",
        tmp_path / "diabetes-mlp",
        ignore=shutil.ignore_patterns("bundle"),
    )
    return tmp_path


@pytest.mark.parametrize(
    ("file", "damage", "expected"),
    [
        (
            "model.keras",
            lambda content: content[:-10],
            "model.keras is not the file that training.json was recorded",
        ),
        ("reference.npz", lambda content: content[:50], "reference.npz is not the file"),
        ("golden.npz", None, "golden.npz is missing"),
        ("training.json", lambda content: content[:100], "training.json is not a training record"),
        ("training.json", lambda content: b"{}", "training.json is not a training record"),
        pytest.param(
            "calibration.json",  # read when files are built
            lambda content: content[:100],
            "calibration.json is damaged",
            marks=pytest.mark.conversion,
        ),
    ],
)
def test_a_damaged_model_folder_is_refused_by_the_files_name(copied, file, damage, expected):
    path = copied / "diabetes-mlp" / file
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    # In a process of its own: an error while files are built stops the workers.
    done = run_export("diabetes-mlp", "--targets", "onnx-int8", out=copied)
    assert done.code == 1
    assert expected in done.stdout
    assert not (copied / "diabetes-mlp" / "bundle").exists()


def test_a_damaged_dataset_is_refused_by_the_files_name(cli, tmp_path):
    folder = tmp_path / "data" / "california-housing"
    folder.mkdir(parents=True)
    (folder / "california_housing.csv").write_text("MedInc,HouseAge\n8.3,41\n")
    code, _, said = cli("california-mlp", "--data-dir", tmp_path / "data", "--out", tmp_path / "out")
    assert code == 1
    assert "california_housing.csv: damaged" in one_line(said)


def test_an_output_folder_that_cannot_be_written_is_refused(cli, tmp_path):
    (tmp_path / "file").write_text("in the way")
    code, _, said = cli("diabetes-mlp", "--targets", "onnx-float32", "--out", tmp_path / "file" / "below")
    assert code == 1
    assert "file/below" in one_line(said)


@pytest.mark.conversion
def test_a_failed_row_makes_the_exit_code_1(copied):
    """A model whose reference belongs to other weights: every variant disagrees with it."""
    import hashlib
    import json

    import numpy as np

    folder = copied / "diabetes-mlp"
    golden = dict(np.load(folder / "golden.npz"))
    golden["outputs/value"] += np.float32(50)
    np.savez_compressed(folder / "golden.npz", **golden)
    record = json.loads((folder / "training.json").read_text())
    record["sha256"]["golden.npz"] = hashlib.sha256((folder / "golden.npz").read_bytes()).hexdigest()
    (folder / "training.json").write_text(json.dumps(record))
    done = run_export("diabetes-mlp", "--jobs", "1", "--targets", "onnx-float32", out=copied)
    assert done.code == 1
    assert "above the tolerance" in done.stdout and "1 failed" in done.stdout
    assert [row["status"] for row in done.rows] == ["failed"]
    assert not (folder / "bundle").exists()


@pytest.mark.conversion
@pytest.mark.parametrize("seconds", [1, 2.5, 5])
def test_ctrl_c_is_one_word_and_leaves_nothing_half_written(tmp_path, seconds):
    process = subprocess.Popen(
        [sys.executable, "-m", "export", "digits-cnn", "--out", str(tmp_path)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )  # fmt: skip
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, said = process.communicate(timeout=30)
    # Python ends itself by the signal, which a shell calls 130 too, where Ctrl-C came in an exec of some import.
    assert process.returncode in (130, -signal.SIGINT)
    assert said.strip() == "interrupted"
    assert [path for path in tmp_path.rglob("*") if path.name != "digits-cnn"] == []
