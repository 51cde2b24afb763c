"""Packs a bundle: the variants that passed, golden samples, report and manifest; put in place whole or not at all."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import numpy as np

from data.arrays import npz
from data.original import Original
from data.trained_model import MODEL
from export.checks import drift
from export.checks.gate import spread, tolerance
from export.targets import TARGETS
from runtime.atomic import replace_folder, write_file
from runtime.bundle import manifest as contract
from runtime.bundle.golden import contract_digest
from runtime.bundle.manifest_json import to_json
from runtime.measure.row import REPORT, MeasuredRow, rows_to_json
from runtime.version import __version__

PRODUCERS = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "litert-quantizer", "numpy")


def pack(
    original: Original,
    rows: list[MeasuredRow],
    files: dict[str, Path],
    golden: dict[str, np.ndarray],
    out: Path,
    state: str,
) -> Path | None:
    """Turn the staging folder that holds `files` into the model's bundle; None, and nothing changed, if none passed.

    `golden` holds the variants' own answers as golden.npz does (`Plan.golden`), float32 [32, k]; `state` is what
    the bundle was made from (`export.run.fingerprint`), so that a later run can tell that nothing changed.
    """
    passed = {name: tuple(row.engine for row in rows if row.variant == name and row.passed) for name in files}
    passed = {name: engines for name, engines in passed.items() if engines}
    if not passed:
        return None
    folder = next(iter(files.values())).parent
    _remove_others(folder, {files[name] for name in passed})
    write_file(folder / REPORT, rows_to_json(rows, state=state).encode())
    manifest = _manifest(original, passed, files, folder)
    answers = {name: found for name, found in golden.items() if name.split("/")[1] in passed}
    write_file(folder / manifest.golden, _golden(original, answers, contract_digest(manifest)))
    named = dict(manifest.files) | {manifest.golden: _file_record(folder / manifest.golden)}
    text = to_json(manifest._replace(files=dict(sorted(named.items()))))
    write_file(folder / contract.MANIFEST_NAME, text.encode())
    folder.chmod(0o755)
    target = out / original.name / "bundle"
    replace_folder(folder, target)
    return target


def size_bytes(path: Path) -> int:
    """The size in bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _remove_others(folder: Path, kept: set[Path]) -> None:
    """Remove what was built on the way, or did not pass."""
    import shutil

    for path in folder.iterdir():
        if path not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _golden(original: Original, answers: dict[str, np.ndarray], contract_digest: np.ndarray) -> bytes:
    inputs, outputs = original.golden()
    return npz(inputs=inputs, outputs=outputs, contract=contract_digest, **answers)


def _manifest(
    original: Original, passed: dict[str, tuple[str, ...]], files: dict[str, Path], folder: Path
) -> contract.Manifest:
    record = original.record
    inputs, outputs = (
        {end.name: contract.TensorSpec("float32", (None, *end.shape))}
        for end in (record.input, record.output)
    )
    return contract.Manifest(
        manifest_version=contract.MANIFEST_VERSION,
        producer={"edgeproof": __version__} | {name: version(name) for name in PRODUCERS},
        model=original.name,
        task=record.task,
        labels=record.labels,
        unit=record.unit,
        parameters=record.parameters,
        input=record.input,
        output=record.output,
        original=contract.Original(
            record.sha256[MODEL], record.device, record.metric_name, record.metric_value
        ),
        golden="golden.npz",
        files={
            str(path.relative_to(folder)): _file_record(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
        variants={
            name: contract.Variant(
                name=name,
                format=TARGETS[name].format,
                scheme=TARGETS[name].scheme,
                file=files[name].name,
                engines=engines,
                inputs=inputs,
                outputs=outputs,
                tolerance=tolerance(original, TARGETS[name]),
                converter=f"{TARGETS[name].converter} {version(TARGETS[name].converter)}",
                recorded=drift.limits(TARGETS[name], spread(original)),
            )
            for name, engines in passed.items()
        },
    )


def _file_record(path: Path) -> contract.FileRecord:
    content = path.read_bytes()
    return contract.FileRecord(hashlib.sha256(content).hexdigest(), len(content))
