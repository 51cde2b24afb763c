"""Packs a bundle: the variants that passed, golden samples, report and manifest; put in place whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from data.original import Original
from data.trained_model import TrainedModel
from export import golden
from export.checks import drift
from export.checks.gate import Verdict
from export.checks.spread import by_rounding, spreads, tolerances
from export.checks.user_metric import direction
from export.targets import TARGETS
from runtime.atomic import replace_folder, write_file
from runtime.bundle import manifest as contract
from runtime.bundle.golden import contract_digest
from runtime.bundle.manifest_json import to_json
from runtime.measure.row import REPORT, MeasuredRow, rows_to_json
from runtime.version import __version__

PRODUCERS = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "litert-quantizer", "numpy")


@dataclass(frozen=True)
class Built:
    """A variant that passed: its file, the gate's verdict on each engine, and what was decided while it was built."""

    file: Path
    verdicts: Mapping[str, Verdict]
    notes: tuple[str, ...]


def pack(
    original: Original,
    rows: list[MeasuredRow],
    built: Mapping[str, Built],
    folder: Path,
    out: Path,
    state: str,
    sensitivity: Mapping[str, float],
) -> Path | None:
    """Turns the staging folder into the model's bundle; None, and nothing changed, if no variant passed.

    Args:
        original: the trained model.
        rows: what was measured; a row that failed since the gate judged it keeps its engine out of the bundle.
        built: the variants that passed the gate, by name.
        folder: where their files lie.
        out: the folder of all models.
        state: what the bundle was made from (`export.run.fingerprint`): a later run can tell that nothing changed.
        sensitivity: what rounding does to the original's answers, by output (`export.checks.sensitivity`).
    """
    passed = {(row.variant, row.engine) for row in rows if row.passed}
    packed = {
        name: replace(
            each,
            verdicts={engine: found for engine, found in each.verdicts.items() if (name, engine) in passed},
        )
        for name, each in built.items()
    }
    packed = {name: each for name, each in packed.items() if each.verdicts}
    if not packed:
        return None
    _remove_others(folder, {each.file for each in packed.values()})
    write_file(folder / REPORT, rows_to_json(rows, state=state).encode())
    for taken in original.record.inputs:
        if taken.vocabulary:
            write_file(folder / taken.vocabulary, (original.folder / taken.vocabulary).read_bytes())
    manifest = _manifest(original, packed, folder, sensitivity)
    write_file(folder / manifest.golden, _golden(original, packed, contract_digest(manifest)))
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
    """Removes what was built on the way, or did not pass."""
    import shutil

    for path in folder.iterdir():
        if path not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _golden(original: Original, built: Mapping[str, Built], contract_digest: np.ndarray) -> bytes:
    """The golden samples, with the answers of all files but the SavedModel, which no device loads."""
    answers = {
        variant: {
            engine: (found.golden_outputs, found.probe_outputs) for engine, found in each.verdicts.items()
        }
        for variant, each in built.items()
        if TARGETS[variant].format != "saved_model"
    }
    counts = {
        len(rows) for each in answers.values() for groups in each.values() for rows in groups[0].values()
    }
    chosen = golden.samples(original, counts.pop()) if counts else original.golden()
    return golden.content(chosen, answers, contract_digest)


def _manifest(
    original: Original, built: Mapping[str, Built], folder: Path, sensitivity: Mapping[str, float]
) -> contract.Manifest:
    record, wide = original.record, spreads(original)
    return contract.Manifest(
        manifest_version=contract.MANIFEST_VERSION,
        producer={"edgeproof": __version__} | {name: version(name) for name in PRODUCERS},
        model=original.name,
        parameters=record.parameters,
        inputs={taken.name: taken for taken in record.inputs},
        outputs={given.name: given for given in record.outputs},
        original=contract.OriginalRecord(
            _digest(original.record),
            record.device,
            {
                name: contract.Score(found.name, found.value, direction(found))
                for name, found in record.metrics.items()
            },
        ),
        golden=golden.FILE,
        files={
            str(path.relative_to(folder)): _file_record(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
        variants={name: _variant(name, each, record, wide, sensitivity) for name, each in built.items()},
    )


def _variant(
    name: str,
    built: Built,
    record: TrainedModel,
    wide: Mapping[str, float],
    sensitivity: Mapping[str, float],
) -> contract.Variant:
    target = TARGETS[name]
    errors = {
        output: max(verdict.golden_errors[output] for verdict in built.verdicts.values()) for output in wide
    }
    return contract.Variant(
        name=name,
        format=target.format,
        scheme=target.scheme,
        file=built.file.name,
        engines=tuple(built.verdicts),
        inputs={taken.name: taken.tensor for taken in record.inputs},
        outputs={given.name: given.tensor for given in record.outputs},
        tolerances=tolerances(target, wide, errors, sensitivity),
        recorded={
            output: drift.limits(
                target,
                width,
                by_rounding(output, width, sensitivity),
                max(verdict.moved_by_ties.get(output, 0.0) for verdict in built.verdicts.values()),
            )
            for output, width in wide.items()
        },
        converter=f"{target.converter} {version(target.converter)}",
        notes=built.notes,
    )


def _digest(record: TrainedModel) -> str:
    """The SHA-256 of the trained model's file; of a SavedModel, that of the names and digests of its files."""
    file = record.source.file
    if file in record.sha256:
        return record.sha256[file]
    inside = [
        f"{name} {digest}" for name, digest in sorted(record.sha256.items()) if name.startswith(f"{file}/")
    ]
    return hashlib.sha256("\n".join(inside).encode()).hexdigest()


def _file_record(path: Path) -> contract.FileRecord:
    content = path.read_bytes()
    return contract.FileRecord(hashlib.sha256(content).hexdigest(), len(content))
