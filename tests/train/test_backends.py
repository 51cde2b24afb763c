"""The same training on every Keras backend that is installed, and on two devices."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from train import device

pytestmark = pytest.mark.conversion
ROOT = Path(__file__).parents[2]
BACKENDS = [name for name in ("tensorflow", "jax", "torch") if find_spec(name)]

TWO_DEVICES = """
import sys, json, pathlib
from train import device; device.prepare()
import keras
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import numpy as np, data
from dataclasses import replace
from train.data_parallel import scope
from train.fit import Run, fit
from train.recipes import find
digits = data.load("digits")
first = lambda arrays: {name: values[:256] for name, values in arrays.items()}
digits = replace(digits, train=data.Split(first(digits.train.inputs), first(digits.train.targets)))
recipe = replace(find("digits-cnn"), epochs=2, augmentation=(), optimizer="SGD", learning_rate=0.1)
one = fit(recipe, digits, Run(seed=1, state=pathlib.Path(sys.argv[1]) / "one")).model.get_weights()
with scope(True):
    devices = keras.distribution.list_devices()
    two = fit(recipe, digits, Run(seed=1, state=pathlib.Path(sys.argv[1]) / "two")).model.get_weights()
print(json.dumps([len(devices), max(float(np.abs(a - b).max()) for a, b in zip(one, two))]))
"""


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess:
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_epochs_on_every_backend(backend, tmp_path):
    command = [sys.executable, "-m", "train", "digits-cnn", "--epochs", "2", "--out", str(tmp_path)]
    run(command, KERAS_BACKEND=backend)
    training = json.loads((tmp_path / "digits-cnn" / "training.json").read_text())
    assert training["backend"] == backend
    assert training["history"]["loss"][1] < training["history"]["loss"][0]


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "torch"])
def test_two_devices_train_the_same_as_one(backend, tmp_path):
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"} if backend == "jax" else {}
    done = run([sys.executable, "-c", TWO_DEVICES, str(tmp_path)], KERAS_BACKEND=backend, **flags)
    devices, difference = json.loads(done.stdout.strip().splitlines()[-1])
    assert devices == 2
    assert difference < 1e-5


def test_a_device_without_nvidia_smi_has_a_name(monkeypatch):
    monkeypatch.setattr(device, "_accelerated", lambda: True)
    monkeypatch.setenv("PATH", "")
    assert device.device_name() == "GPU"
