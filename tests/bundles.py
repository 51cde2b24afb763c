"""Builds small, valid bundles from the committed tiny models, for tests that run or spoil them."""

import io
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np

from runtime.backends import Backend, installed, no_wheel, open_backend
from runtime.bundle.golden import PROBED, RECORDED, contract_digest, kept
from runtime.bundle.manifest import (
    MANIFEST_VERSION,
    DriftLimits,
    FileRecord,
    InputRecord,
    Manifest,
    OriginalRecord,
    OutputRecord,
    Score,
    Tolerance,
    Variant,
)
from runtime.bundle.manifest_json import to_json
from runtime.bundle.reader import read_manifest
from runtime.measure.metric import metric_name
from runtime.selftest.probes import probe_inputs

MODELS = Path(__file__).parent / "runtime" / "models"
TFLITE, ONNX = ("litert", "tflite-runtime"), ("onnxruntime",)
# How many of the image bundle's pairs of variant and engine can run with this Python: 8, or 5 without tflite-runtime.
IMAGE_PAIRS = 3 * sum(no_wheel(engine) is None for engine in TFLITE) + 2
TOLERANCES = {
    "float32": Tolerance(1e-5, "float32 all the way"),
    "dynamic": Tolerance(0.05, "int8 weights"),
    "int8": Tolerance(0.05, "int8 weights and activations"),
}
DRIFT = {
    "float32": DriftLimits(1e-5, 1e-5, "the same arithmetic in another order"),
    "dynamic": DriftLimits(2e-2, 1e-5, "rounding between two steps"),
    "int8": DriftLimits(2e-2, 1e-5, "rounding between two steps"),
}
IMAGE = InputRecord("image", "image", (8, 8, 1), "uint8", 0, 255, resize="stretch")
TABLE = InputRecord("table", "rows", (3,), "float", columns=("depth", "width", "height"))
LABELS = ("circle", "square", "star")
PROBABILITIES = OutputRecord("probabilities", (3,), "classification", labels=LABELS)
VALUE = OutputRecord("value", (1,), "regression", units=("cm³",))
WORDS = ("a", "big", "small", "round", "square", "thing")
# Every kind of input and every dtype of the model of several inputs and outputs.
SEVERAL_INPUTS = (
    InputRecord("image", "picture", (4, 4, 1), "uint8", 0, 255, resize="pad"),
    InputRecord("text", "words", (5,), "int32", 0, 7, vocabulary="vocabulary.txt"),
    InputRecord("sequence", "steps", (4, 2), "float"),
    InputRecord("tensor", "count", (), "int64", 0, 9),
    InputRecord("tensor", "mask", (4,), "bool"),
    InputRecord("tensor", "code", (2,), "uint8"),
)
SEVERAL_OUTPUTS = (
    OutputRecord("kind", (3,), "classification", labels=LABELS),
    OutputRecord("level", (2,), "regression", columns=("height", "width"), units=("cm", None)),
    OutputRecord("next_count", (), "tensor", "int64"),
    OutputRecord("unmasked", (4,), "tensor", "bool"),
    OutputRecord("last_word", (1,), "tensor", "int32"),
    OutputRecord("copied", (2,), "tensor", "uint8"),
)


def golden() -> dict[str, np.ndarray]:
    """Inputs and the original's outputs of both tiny models."""
    with np.load(MODELS / "golden.npz") as arrays:
        return dict(arrays)


def several_golden() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Inputs of the model of several inputs and outputs, and the original's outputs, by name."""
    with np.load(MODELS / "several.npz") as arrays:
        found = dict(arrays)
    inputs, outputs = (
        {name.partition("/")[2]: array for name, array in found.items() if name.startswith(side)}
        for side in ("inputs/", "outputs/")
    )
    return inputs, outputs


def image_bundle(folder: Path) -> Path:
    """A classifier of 8x8 images: five variants on three engines."""
    names = ("tflite-float32", "tflite-dynamic", "tflite-int8", "onnx-float32", "onnx-dynamic")
    arrays = golden()
    samples = {"image": arrays["images"]}, {"probabilities": arrays["probabilities"]}
    return _write(folder, "image", names, (IMAGE,), (PROBABILITIES,), *samples)


def table_bundle(folder: Path) -> Path:
    """A regressor of rows with three columns."""
    arrays = golden()
    samples = {"rows": arrays["rows"]}, {"value": arrays["values"]}
    return _write(folder, "table", ("tflite-float32", "onnx-float32"), (TABLE,), (VALUE,), *samples)


def several_bundle(folder: Path) -> Path:
    """A model of six inputs and six outputs, which cover all kinds and dtypes, with a loop inside."""
    names = ("tflite-float32", "onnx-float32")
    vocabulary = {"vocabulary.txt": "".join(f"{word}\n" for word in WORDS).encode()}
    return _write(folder, "several", names, SEVERAL_INPUTS, SEVERAL_OUTPUTS, *several_golden(), vocabulary)


def npz(**arrays: np.ndarray) -> bytes:
    """The bytes of an .npz file."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def replace_file(bundle: Path, name: str, content: bytes) -> None:
    """Puts other bytes into a bundle, and their digest into its manifest, as an attacker would."""
    (bundle / name).write_bytes(content)
    change_manifest(bundle, files=dict(read_manifest(bundle).files) | {name: _record(content)})


def change_manifest(bundle: Path, **changes: object) -> None:
    """Writes other values into a bundle's manifest, with a checksum that fits them."""
    (bundle / "manifest.json").write_text(to_json(read_manifest(bundle)._replace(**changes)))


def _record(content: bytes) -> FileRecord:
    return FileRecord(sha256(content).hexdigest(), len(content))


def _write(
    folder: Path,
    kind: str,
    names: tuple[str, ...],
    inputs: tuple[InputRecord, ...],
    outputs: tuple[OutputRecord, ...],
    golden_inputs: dict[str, np.ndarray],
    golden_outputs: dict[str, np.ndarray],
    more_files: dict[str, bytes] | None = None,
) -> Path:
    taken, made = ({record.name: record for record in records} for records in (inputs, outputs))
    contents, variants = dict(more_files or {}), {}
    arrays = {f"inputs/{name}": rows for name, rows in golden_inputs.items()}
    arrays |= {f"outputs/{name}": kept(rows) for name, rows in golden_outputs.items()}
    for name in names:
        form, scheme = name.split("-")
        file = f"{name}.{form}"
        contents[file] = (MODELS / f"{kind}-{scheme}.{form}").read_bytes()
        engines = TFLITE if form == "tflite" else ONNX
        variants[name] = Variant(
            name=name,
            format=form,
            scheme=scheme,
            file=file,
            engines=engines,
            inputs={name: record.tensor for name, record in taken.items()},
            outputs={name: record.tensor for name, record in made.items()},
            tolerances=dict.fromkeys(made, TOLERANCES[scheme]),
            recorded=dict.fromkeys(made, DRIFT[scheme]),
            converter="tests",
        )
        for engine in engines:
            if not installed(engine):  # a 32-bit system has not all of them
                continue
            backend = open_backend(engine, contents[file])
            for group, raw in ((RECORDED, golden_inputs), (PROBED, probe_inputs(golden_inputs, taken))):
                for output, rows in one_by_one(backend, raw).items():
                    key = f"{group}{name}/{output}" + ("" if engine == engines[0] else f"/{engine}")
                    arrays[key] = kept(rows)
    manifest = Manifest(
        manifest_version=MANIFEST_VERSION,
        producer={"edgeproof": "0.1.0"},
        model=f"tiny-{kind}",
        parameters=2400,
        inputs=taken,
        outputs=made,
        original=OriginalRecord("0" * 64, "a test", scores(outputs)),
        golden="golden.npz",
        files={},
        variants=variants,
    )
    contents["golden.npz"] = npz(contract=contract_digest(manifest), **arrays)
    folder.mkdir()
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    manifest = manifest._replace(files={name: _record(content) for name, content in contents.items()})
    (folder / "manifest.json").write_text(to_json(manifest))
    return folder


def one_by_one(backend: Backend, raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The answers to raw rows, one row a call, [n, …] by output."""
    count = len(next(iter(raw.values())))
    answers = [
        backend.infer({name: rows[row : row + 1] for name, rows in raw.items()}) for row in range(count)
    ]
    return {name: np.concatenate([answer[name] for answer in answers]) for name in backend.outputs}


def scores(outputs: tuple[OutputRecord, ...]) -> dict[str, Score]:
    """What an original might score on its own test split."""
    names = {record.name: metric_name(record.task) for record in outputs}
    return {output: Score(name, 0.9) for output, name in names.items() if name is not None}
