"""The command line: what it lists, what it refuses, and what an interruption leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from runtime.command import run_command
from train.__main__ import main
from train.recipes import APPLICATIONS, ON_REQUEST, RECIPES

pytestmark = pytest.mark.conversion

ROOT = Path(__file__).parents[2]


def start(*arguments: str, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # a shell's background jobs ignore it
        args=[sys.executable, "-m", "train", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_list_names_every_model(capsys):
    assert run_command(main, ["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*RECIPES, *ON_REQUEST, *APPLICATIONS]
    others = [line.split()[0] for line in lines if line.endswith("; not in 'all'")]
    assert others == [*ON_REQUEST, *APPLICATIONS]


HELP = """\
usage: python -m train [options] MODEL [MODEL …]
       python -m train [options] all
       python -m train list
       python -m train [--out OUT] table

Train models of the zoo, a row of a table each.

what to train:
  MODEL  a model of the zoo by its name; several may be given
  all    every model of the zoo but those that 'list' calls not in it
  list   print the models there are; trains nothing
  table  print the table of what was trained, as in docs/results.md; trains nothing

options:
  -h, --help            show this help message and exit
  --data-dir DATA_DIR   folder with the datasets (default: EDGEPROOF_DATA)
  --seed SEED
  --out OUT             folder for the models' folders
  --resume              go on with an interrupted training
  --csv-log             write every epoch's figures to training.csv
  --tensorboard DIR     write logs for TensorBoard
  --distribute          data-parallel, over all devices

the recipe:
  instead of what stands in the model's row

  --optimizer OPTIMIZER
                        SGD, RMSprop, Adam, AdamW, Nadam, …; options as in Adam:beta_1=0.8
  --loss LOSS           mean_squared_error, huber, …; options as in Huber:delta=2
  --activation ACTIVATION
                        relu, selu, tanh, … of the hidden layers
  --initializer INITIALIZER
                        he_normal, lecun_normal, … of the kernels
  --regularizer REGULARIZER
                        l2=0.01, l1=0.001, or both with a comma
  --constraint CONSTRAINT
                        max_norm, non_neg, unit_norm, …
  --monitor MONITOR     the figure that best weights and early stopping go by
  --stop-at STOP_AT     stop at a wanted value, as in val_accuracy=0.9
  --learning-rate LEARNING_RATE
                        the highest rate, if there is a schedule
  --momentum MOMENTUM   of SGD and RMSprop
  --weight-decay WEIGHT_DECAY
                        decoupled weight decay
  --clipnorm CLIPNORM   clip each gradient to this norm
  --clipvalue CLIPVALUE
                        clip each gradient's elements to this value
  --label-smoothing LABEL_SMOOTHING
                        of the categorical cross-entropy
  --dropout DROPOUT     fraction dropped after each hidden layer, where the architecture has it
  --gaussian-dropout GAUSSIAN_DROPOUT
                        noise after each hidden layer: this fraction's standard deviation in
                        dropout
  --epochs EPOCHS       at most so many
  --batch-size BATCH_SIZE
                        samples per step
  --warmup-epochs WARMUP_EPOCHS
                        epochs in which the rate rises, before a cosine schedule
  --patience PATIENCE   early stopping: epochs without improvement
  --reduce-on-plateau REDUCE_ON_PLATEAU
                        halve the rate after so many epochs without improvement
  --nesterov            Nesterov momentum
  --schedule {constant,cosine,step,exponential}
                        how the learning rate falls
  --scaling {none,unit,standard,bins}
                        of the raw input, inside the model
  --metrics METRICS [METRICS ...]
                        Precision, Recall, FBetaScore:beta=2, …
  --no-augmentation     train on the raw inputs alone
"""


def test_help(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert capsys.readouterr().out == HELP


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["mnist-cn"], 2, "error: unknown model 'mnist-cn'; known: mnist-cnn, "),
        (["digits-cnn", "list"], 2, "error: unknown model 'list'; known: "),
        (["digits-cnn", "--epochs", "0"], 2, "error: --epochs 0: give a whole number from 1"),
        (["digits-cnn", "--learning-rate", "-1"], 2, "error: --learning-rate -1.0: give a number from 0"),
        (["digits-cnn", "--optimizer", "Adm"], 2, "error: unknown optimizer 'Adm'; known: Adadelta, "),
        (["mnist-cnn", "--data-dir", "/no/such"], 1, "error: data folder '/no/such' is not a folder"),
    ],
)
def test_mistakes_are_one_line(arguments, code, words, tmp_path, capsys):
    assert run_command(main, [*arguments, "--out", str(tmp_path)]) == code
    error = capsys.readouterr().err
    assert last_line(error).startswith(words)
    assert "Traceback" not in error
    assert not list(tmp_path.rglob("*.keras"))


def test_wrong_usage_exits_with_2(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["digits-cnn", "--schedule", "sometimes"])
    said = capsys.readouterr().err.replace("'", "")  # Python 3.12 and later quote no choices
    assert "choose from constant, cosine, step, exponential" in said


def test_an_unwritable_folder_is_told_before_training(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run_command(main, ["digits-cnn", "--out", str(tmp_path / "file")]) == 1
    error = capsys.readouterr().err
    assert last_line(error).startswith("error: ")
    assert "epoch 1" not in error


def test_ctrl_c_leaves_a_resumable_state_and_resume_ends_the_training(tmp_path, capsys):
    arguments = ("diabetes-mlp", "--epochs", "20", "--out", str(tmp_path))
    process = start(*arguments)
    state = tmp_path / "diabetes-mlp" / "checkpoint" / "last" / "state.json"
    deadline = time.monotonic() + 120
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert "--resume goes on" in error
    assert last_line(error) == "interrupted"
    assert not (tmp_path / "diabetes-mlp" / "model.keras").exists()

    assert run_command(main, [*arguments, "--resume"]) == 0
    assert "diabetes-mlp: resumed after epoch " in capsys.readouterr().err
    training = json.loads((tmp_path / "diabetes-mlp" / "training.json").read_text())
    assert len(training["history"]["loss"]) == 20
    assert not (tmp_path / "diabetes-mlp" / "checkpoint").exists()


def test_flags_stand_in_the_record(tmp_path, capsys):
    flags = "--optimizer SGD --momentum 0.9 --nesterov --learning-rate 0.1 --schedule exponential --epochs 2"
    flags += " --activation tanh --initializer he_normal --constraint max_norm --batch-size 64 --clipnorm 1"
    flags += " --metrics accuracy Precision Recall FBetaScore:beta=2.0 TopKCategoricalAccuracy:k=3"
    arguments = ["digits-cnn", *flags.split(), "--csv-log", "--seed", "3", "--out", str(tmp_path)]
    assert run_command(main, arguments) == 0
    assert capsys.readouterr().out.startswith("digits-cnn: test accuracy 0.")
    training = json.loads((tmp_path / "digits-cnn" / "training.json").read_text())
    recipe = training["recipe"]
    assert (recipe["optimizer"], recipe["momentum"], recipe["nesterov"]) == ("SGD", 0.9, True)
    assert (recipe["activation"], recipe["constraint"], training["seed"]) == ("tanh", "max_norm", 3)
    assert {"val_precision", "val_recall", "val_f_beta_score", "val_top_k_categorical_accuracy"} <= set(
        training["history"]
    )
    assert (tmp_path / "digits-cnn" / "training.csv").read_text().count("\n") == 3
    with np.load(tmp_path / "digits-cnn" / "reference.npz") as reference:
        assert reference["outputs/probabilities"].shape == (360, 10)
