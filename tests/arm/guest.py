"""Runs on a device, and on this machine for comparison: answers every variant with every engine there.

    python guest.py ANSWERS.npz CUTS BUNDLE…

CUTS is a folder with a `<model>.tflite` for each bundle: its int8 variant without the last float operations.
"""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np

import runtime
from runtime.backends import ENGINES, installed
from runtime.bundle.golden import read_golden
from runtime.bundle.manifest import Manifest
from runtime.bundle.reader import open_bundle
from runtime.errors import ParityError
from runtime.loading import load
from runtime.selftest.check import singles
from runtime.selftest.probes import probe_inputs

ALONE = slice(None, None, 4)  # these inputs are answered one by one too
# Networks of which an emulated inference takes tenths of a second: every 32nd input, and no self-test.
SLOW = ("cifar-cnn", "cifar-resnet", "fashion-cnn")


def is_plain(manifest: Manifest) -> bool:
    """Whether a model has one input, an image or a table, and one output."""
    kinds = [record.kind for record in manifest.inputs.values()]
    return kinds in (["image"], ["table"]) and len(manifest.outputs) == 1


def ways(manifest: Manifest) -> tuple[str, ...]:
    """How a model's inputs are asked: as one batch, and some of them alone.

    A model that is not plain is asked in both ways too, but only what it answers alone is compared.
    """
    return ("batch", "alone") if is_plain(manifest) else ("alone",)


def asked(model: str) -> slice:
    """Which of a model's golden inputs, and of the probes behind them, are answered."""
    return slice(None, None, 32 if model in SLOW else 2)  # the self-test, before them, asks for all


def answers(path: str, cuts: Path) -> Iterator[tuple[str, np.ndarray]]:
    """The answers to a model's golden inputs and probes, each with its key: `model variant engine way output`.

    Every model but the slow ones is loaded with its self-test; where it refuses, a line says so instead. Of plain
    models, the whole numbers of their int8 files too, with the key `model integers engine alone logits`.
    """
    bundle = open_bundle(path)
    name = bundle.manifest.model
    golden = read_golden(bundle).inputs
    probes = probe_inputs(golden, bundle.manifest.inputs)
    inputs = {key: np.concatenate([rows, probes[key]])[asked(name)] for key, rows in golden.items()}
    for row in bundle.manifest.variants.values():
        for engine in row.engines:
            if engine == "tensorflow" or not installed(engine):
                continue
            try:
                model = load(path, variant=row.name, engine=engine, self_test=name not in SLOW)
            except ParityError:
                print("refused:", name, row.name, engine)
                continue
            key = f"{name} {row.name} {engine}"
            found = {"alone": singles(model, {given: rows[ALONE] for given, rows in inputs.items()})}
            batch = model.answers(inputs)
            if "batch" in ways(bundle.manifest):
                found["batch"] = batch
            for way, outputs in found.items():
                for output, array in outputs.items():
                    yield f"{key} {way} {output}", array
            if row.name == "tflite-int8" and is_plain(bundle.manifest):
                (raw,) = inputs.values()
                yield f"{name} integers {engine} alone logits", integers(engine, cuts / f"{name}.tflite", raw)


def integers(engine: str, path: Path, inputs: np.ndarray) -> np.ndarray:
    """The int8 tensor with which a cut file ends, [n, …]."""
    interpreter = import_module(ENGINES[engine].backend).import_engine()(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    feed = interpreter.get_input_details()[0]["index"]
    result = interpreter.get_output_details()[0]["index"]
    found = []
    for one in inputs:
        interpreter.set_tensor(feed, one[np.newaxis].astype(np.float32))
        interpreter.invoke()
        found.append(interpreter.get_tensor(result))
    return np.concatenate(found)


if __name__ == "__main__":
    out, cuts, *bundles = sys.argv[1:]
    np.savez(out, **{key: array for path in bundles for key, array in answers(path, Path(cuts))})
    print(runtime.__file__)
