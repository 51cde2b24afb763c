"""Will it run here? Compares what a file needs with what an engine has, before the engine sees a byte of the file."""

from typing import TYPE_CHECKING, TypeVar, cast

from runtime.requirements.engine_limits import (
    CUSTOM_OPS,
    HYBRID_PER_CHANNEL,
    NEWEST,
    NUMPY_2,
    ONNX,
    ONNX_DOMAINS,
    TFLITE,
    WITHOUT_ZERO_POINT,
    Release,
    TfliteLimits,
)
from runtime.requirements.tflite_schema import OPS, TYPES

if TYPE_CHECKING:
    from runtime.requirements.onnx import OnnxFacts
    from runtime.requirements.tflite import TfliteFacts

    FileFacts = OnnxFacts | TfliteFacts

_Row = TypeVar("_Row")
_PACKAGES = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime", "onnxruntime": "onnxruntime"}


def read_facts(file_bytes: bytes, file_format: str) -> "FileFacts":
    """Reads, once, all that the runtime wants to know of a file.

    Args:
        file_bytes: the whole file. It may come from anywhere: a broken one raises an error and does nothing else.
        file_format: "tflite" or "onnx".

    Raises:
        BundleError: the file is not sound.
    """
    if file_format == "tflite":
        from runtime.requirements.tflite import read_tflite

        return read_tflite(file_bytes)
    from runtime.requirements.onnx import read_onnx

    return read_onnx(file_bytes)


def file_problem(facts: "FileFacts", engine: str, engine_version: str | None, machine: str) -> str | None:
    """Says why an engine cannot be trusted with a file, and what to do; None where it can.

    Args:
        facts: what `read_facts` found in the file.
        engine: "litert", "tflite-runtime" or "onnxruntime"; one that reads files of this format.
        engine_version: such as "2.14.0"; None or an unknown word skips what depends on it. A release newer than
            those of `engine_limits.py` is trusted: it has its own check, which raises an error at worst.
        machine: the processor's family as `os.uname` calls it, such as "x86_64" or "aarch64".
    """
    if engine == "onnxruntime":
        return _onnx_problem(cast("OnnxFacts", facts), engine_version, machine)
    return _tflite_problem(cast("TfliteFacts", facts), engine, engine_version)


def engine_problem(engine: str, engine_version: str | None, numpy_version: str) -> str | None:
    """Says why an engine cannot work here, whatever the file, and what to do; None where it can."""
    release = _release(engine_version)
    first = NUMPY_2[engine]
    if _release(numpy_version) >= (2, 0) and (first is None or _known_older(release, first)):
        other = "use ai-edge-litert" if first is None else f"pip install -U {_PACKAGES[engine]}"
        return (
            f"{_name(engine, engine_version)} was built against numpy 1 and cannot work with numpy {numpy_version}; "
            f"run: pip install 'numpy<2', or {other}"
        )
    oldest = min(ONNX if engine == "onnxruntime" else TFLITE[engine])
    if _known_older(release, oldest):
        return (
            f"{_name(engine, engine_version)} is older than {_dotted(oldest)}, the first that edgeproof knows; "
            f"{_upgrade(engine)}"
        )
    return None


def _tflite_problem(file: "TfliteFacts", engine: str, engine_version: str | None) -> str | None:
    release, name = _release(engine_version), _name(engine, engine_version)
    # A newer tflite-runtime will not come: its successor is LiteRT.
    fix = "run it with ai-edge-litert" if engine == "tflite-runtime" else _upgrade(engine)
    if file.external:
        return "the file keeps weights outside of itself, which an engine given bytes cannot read; export it again"
    for op in file.custom_ops:
        if op not in CUSTOM_OPS:
            kind = "Flex op" if op.startswith("Flex") else "custom op"
            return (
                f"the file needs the {kind} {_shown(op)}, which no engine on a device has; "
                "build the model from builtin ops"
            )
    limits = _at_or_below(TFLITE[engine], release) if release <= NEWEST[engine] else None
    missing = _missing(file, limits) if limits else None
    if missing:
        return f"the file needs {missing[0]}, {name} {missing[1]}; {fix}"
    first = HYBRID_PER_CHANNEL[engine]
    if file.hybrid_per_channel and (first is None or _known_older(release, first)):
        return (
            f"a dense layer has int8 weights with a scale for each channel, and float inputs: {name} "
            f"would answer garbage; {fix}, or export it again with one scale for each dense layer"
        )
    if file.blockwise and engine == "tflite-runtime":
        return f"weights have a scale for each block, which {name} does not know; {fix}"
    # The file names a version of TensorFlow; tflite-runtime has the same numbers, LiteRT has not.
    if engine == "tflite-runtime" and _release(file.min_runtime_version) > release:
        return f"the file says it needs TensorFlow Lite {_shown(file.min_runtime_version)}, this is {name}; {fix}"
    return None


def _missing(file: "TfliteFacts", limits: TfliteLimits) -> tuple[str, str] | None:
    """Returns what a file needs that an engine does not have, and what the engine has instead."""
    highest_type, versions = limits
    known = dict(zip(OPS, versions.split(), strict=True))
    for op, version in file.ops.items():
        found = known.get(op, "-")
        highest = 0 if found == "-" else int(found)
        if version > highest:
            return (
                f"{op} version {version}",
                f"has it up to version {highest}" if highest else "does not have it",
            )
    unknown = max(file.types, default=0)
    if unknown > highest_type:
        return (
            f"tensors of {TYPES[unknown] if unknown < len(TYPES) else f'type {unknown}'}",
            "does not know them",
        )
    return None


def _onnx_problem(file: "OnnxFacts", engine_version: str | None, machine: str) -> str | None:
    engine = "onnxruntime"
    release, name = _release(engine_version), _name(engine, engine_version)
    if file.external:
        return "the file keeps data in other files, which a bundle must not; export it as one file"
    own = {domain for domain, _ in file.functions}
    for domain, op in sorted(file.ops):
        if domain not in ONNX_DOMAINS and domain not in ("", "ai.onnx.ml") and domain not in own:
            return (
                f"the file needs the custom op {_shown(op)} of the domain {_shown(domain)}, which {name} does not "
                "have; build the model from ONNX's own ops"
            )
    if file.without_zero_point and machine == "x86_64" and _known_older(release, WITHOUT_ZERO_POINT):
        return (
            f"the int8 weights of {min(file.without_zero_point)} have no zero point: on x86-64 processors {name} ends "
            f"the process or answers wrongly; {_upgrade(engine)}, or export it again with a zero point of 0"
        )
    limits = _at_or_below(ONNX, release) if release <= NEWEST[engine] else None
    if limits is None:
        return None
    fix = f"{_upgrade(engine)}, or export it with an older opset"
    ir_version, opset, ml_opset = limits
    if file.ir_version > ir_version:
        return f"the file has IR version {file.ir_version}, {name} has up to {ir_version}; {fix}"
    highest = {"": opset, "ai.onnx.ml": ml_opset} | dict.fromkeys(ONNX_DOMAINS, 1)
    for domain, version in sorted(file.opsets.items()):
        if version > highest.get(domain, version):
            what = f"opset {version}" + (f" of {domain}" if domain else "")
            return f"the file needs {what}, {name} has up to {highest[domain]}; {fix}"
    return None


_UNKNOWN: Release = (0, 0)


def _release(version: str | None) -> Release:
    """Major and minor number of a version; (0, 0) where there are none."""
    parts = (version or "").split(".")
    if len(parts) < 2 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return _UNKNOWN
    return int(parts[0][:6]), int(parts[1][:6])


def _known_older(release: Release, first: Release) -> bool:
    return release != _UNKNOWN and release < first


def _at_or_below(rows: dict[Release, _Row], release: Release) -> _Row | None:
    """Returns the row of a release, or of the nearest one before it; None for an unknown release."""
    return rows[max(key for key in rows if key <= release)] if release != _UNKNOWN else None


def _name(engine: str, version: str | None) -> str:
    return f"{engine} {version}" if _release(version) != _UNKNOWN else engine


def _upgrade(engine: str) -> str:
    return f"run: pip install -U {_PACKAGES[engine]}"


def _dotted(release: Release) -> str:
    return f"{release[0]}.{release[1]}"


def _shown(text: str) -> str:
    """A name from a file, fit for a terminal."""
    return repr(text[:80])
