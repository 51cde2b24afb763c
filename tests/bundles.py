"""Builds small, valid bundles from the committed tiny models, for tests that run or spoil them."""

import io
from hashlib import sha256
from pathlib import Path

import numpy as np

from runtime.backends import installed, no_wheel, open_backend
from runtime.bundle.golden import contract_digest
from runtime.bundle.manifest import (
    DriftLimits,
    FileRecord,
    InputRecord,
    Manifest,
    Original,
    OutputRecord,
    TensorSpec,
    Tolerance,
    Variant,
)
from runtime.bundle.manifest_json import to_json
from runtime.bundle.reader import read_manifest
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
RECORDED = {
    "float32": DriftLimits(1e-5, 1e-5, "the same arithmetic in another order"),
    "dynamic": DriftLimits(2e-2, 1e-5, "rounding between two steps"),
    "int8": DriftLimits(2e-2, 1e-5, "rounding between two steps"),
}
IMAGE = InputRecord("image", "image", (8, 8, 1), "uint8", 0, 255)
TABLE = InputRecord("table", "rows", (3,), "float", columns=("depth", "width", "height"))
LABELS = ("circle", "square", "star")


def golden() -> dict[str, np.ndarray]:
    """Inputs and the original's outputs of both tiny models."""
    with np.load(MODELS / "golden.npz") as arrays:
        return dict(arrays)


def image_bundle(folder: Path) -> Path:
    """A classifier of 8x8 images: five variants on three engines."""
    names = ("tflite-float32", "tflite-dynamic", "tflite-int8", "onnx-float32", "onnx-dynamic")
    arrays = golden()
    return _write(folder, "image", names, arrays["images"], arrays["probabilities"])


def table_bundle(folder: Path) -> Path:
    """A regressor of rows with three columns."""
    arrays = golden()
    return _write(folder, "table", ("tflite-float32", "onnx-float32"), arrays["rows"], arrays["values"])


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


def _write(folder: Path, kind: str, names: tuple[str, ...], inputs: np.ndarray, outputs: np.ndarray) -> Path:
    classifier = kind == "image"
    given = IMAGE if classifier else TABLE
    made = OutputRecord("probabilities", (3,)) if classifier else OutputRecord("value", (1,))
    contents, variants, recorded = {}, {}, {}
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
            inputs={given.name: TensorSpec("float32", (None, *given.shape))},
            outputs={made.name: TensorSpec("float32", (None, *made.shape))},
            tolerance=TOLERANCES[scheme],
            converter="tests",
            recorded=RECORDED[scheme],
        )
        for engine in engines:
            if not installed(engine):  # a 32-bit system has not all of them
                continue
            backend = open_backend(engine, contents[file])
            key = name if engine == engines[0] else f"{name}/{engine}"
            for what, rows in (("outputs", inputs), ("probes", probe_inputs(inputs, given))):
                answers = [backend.infer(rows[row : row + 1]) for row in range(len(rows))]
                recorded[f"{what}/{key}"] = np.concatenate(answers)
    manifest = Manifest(
        manifest_version=1,
        producer={"edgeproof": "0.1.0"},
        model=f"tiny-{kind}",
        task="classification" if classifier else "regression",
        labels=LABELS if classifier else None,
        unit=None if classifier else "cm³",
        parameters=2400,
        input=given,
        output=made,
        original=Original("0" * 64, "a test", "accuracy" if classifier else "rmse", 0.9),
        golden="golden.npz",
        files={},
        variants=variants,
    )
    contents["golden.npz"] = npz(
        inputs=inputs, outputs=outputs, contract=contract_digest(manifest), **recorded
    )
    folder.mkdir()
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    manifest = manifest._replace(files={name: _record(content) for name, content in contents.items()})
    (folder / "manifest.json").write_text(to_json(manifest))
    return folder
