"""Damaged archives and model files: what the runtime's readers refuse, and what would happen without them."""

from __future__ import annotations

import faulthandler
import os
import random
import signal
import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from importlib import import_module
from io import BytesIO
from unittest import mock

import numpy as np

from bench import bare
from bench.tiny_files import tflite_with_options, tflite_with_sparse_weights
from runtime.backends import ENGINES
from runtime.bundle.archive import Archive
from runtime.bundle.manifest_json import from_json
from runtime.commands.table import aligned
from runtime.errors import BundleError
from runtime.requirements import read_facts, tflite
from runtime.requirements.flatbuffer import Flatbuffer, Table

_TOO_LONG_S = 20
# Parts of the .tflite reader that only check, and what stands in their place when they are left out.
PARTS = {
    "options of ops": (tflite, "_check_options", lambda table, known, kind: None),
    "sparsity": (tflite, "_check_sparsity", lambda table: None),
    "indices of tensors": (tflite, "_check_indices", lambda indices, count, least: None),
    "signatures": (tflite, "_check_signatures", lambda model, counts: None),
    "strings": (Table, "text", lambda table, field: "name"),
}


def zip_table(content: bytes) -> str:
    """What our reader and one of zipfile, both with the manifest's digests, refuse of changed archives."""
    tally = {kind: Counter[str]() for kind in ("a bit of a header", "another form", "a bomb")}
    for kind, damaged in changed_archives(content):
        found = "both" if not _zipfile_takes(damaged) else "ours alone"
        tally[kind]["neither" if _ours_takes(damaged) else found] += 1
    outcomes = ("both", "ours alone", "neither")
    rows = [(kind, *(str(found[outcome]) for outcome in outcomes)) for kind, found in tally.items()]
    return aligned(("a bundle's .zip with", "refused by both", *outcomes[1:]), rows, right=(1, 2, 3))


def changed_archives(content: bytes) -> Iterator[tuple[str, bytes]]:
    """A bundle's .zip with a bit flipped in each byte of its headers, with the same files in other forms, and bombs."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = [(member, archive.read(member)) for member in archive.infolist()]
        start = archive.start_dir
    headers = [at for member, _ in members for at in range(member.header_offset, member.header_offset + 30)]
    for at in (*headers, *range(start, len(content))):
        yield "a bit of a header", content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :]
    yield "another form", b"before" + content
    yield "another form", content + b"behind"
    yield "another form", content[:-2] + struct.pack("<H", 4) + b"text"
    plain = [(member.filename, data) for member, data in members]
    yield "another form", _zipped(plain, zipfile.ZIP_DEFLATED)
    yield "another form", _zipped([*plain, ("more", b"")])
    yield "another form", _zipped([*plain, ("folder/", b"")])
    yield "another form", _zipped([*plain[::-1]])
    yield "another form", _zipped([(plain[0][0], b"{}"), *plain])
    yield "another form", _zipped([*plain, (plain[0][0], b"{}")])
    bomb = [(name, bytes(64 << 20) if name == plain[1][0] else data) for name, data in plain]
    yield "a bomb", _zipped(bomb, zipfile.ZIP_DEFLATED)


def _zipped(members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    import warnings

    content = BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(content, "w", compression) as archive:
        warnings.simplefilter("ignore")  # a name that appears twice
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return content.getvalue()


def _ours_takes(content: bytes) -> bool:
    """Whether `Archive` and the manifest take the bytes, by the same steps as `open_bundle`."""
    try:
        archive = Archive(
            lambda at, size: content[at : at + size], len(content), "zip", 10_002, deflated=False
        )
        return _digests_fit(archive.read, list(archive.members))
    except (BundleError, KeyError):
        return False


def _zipfile_takes(content: bytes) -> bool:
    """The same with the standard library, and the size of a member compared before it is unpacked."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return _digests_fit(
                archive.read, archive.namelist(), lambda name: archive.getinfo(name).file_size
            )
    except Exception:  # zipfile raises BadZipFile, NotImplementedError, RuntimeError, struct.error, …
        return False


def _digests_fit(
    read: Callable[[str], bytes], names: list[str], size_of: Callable[[str], int] | None = None
) -> bool:
    manifest = from_json(read("manifest.json"))
    if set(names) - {"manifest.json", "manifest.json.sig", *manifest.files}:
        return False
    return all(
        (size_of is None or size_of(name) == record.size_bytes)
        and sha256(read(name)).hexdigest() == record.sha256
        for name, record in manifest.files.items()
    )


def model_table(content: bytes, form: str, engines: list[str], count: int) -> str:
    """What our reader says of damaged model files, and what the engines do with each of them."""
    files = [damaged_file(content, form, random.Random(f"{form} {number}")) for number in range(count)]
    ours = [_taken(file, form) for file in files]
    rows = []
    for engine in engines:
        ends = [outcome(engine, file) for file in files]
        for title, chosen in (
            ("refused by our reader", [not taken for taken in ours]),
            ("let through", ours),
        ):
            rows.append(
                (title, engine, *_counts(end for end, wanted in zip(ends, chosen, strict=True) if wanted))
            )
    return aligned((f"damaged .{form} files", "engine", *_ENDS.values()), rows, right=(2, 3, 4))


def part_table(content: bytes, engines: list[str], count: int) -> str:
    """For each part of the .tflite reader: the files that it alone refuses, and what the engines do with them.

    The files have one other byte between their larger constants. A file of a model has neither lists in its options
    nor sparse weights, so two files made by hand are damaged too.
    """
    alone: dict[str, list[bytes]] = {part: [] for part in PARTS}
    tried = refused = 0
    for sound in (content, tflite_with_options(), tflite_with_sparse_weights()):
        for file in _with_another_byte(sound, count):
            tried += 1
            if not _taken(file, "tflite"):
                refused += 1
                for part, files in alone.items():
                    if _taken_without(part, file):
                        files.append(file)
    rows = [
        (part, engine, str(len(files)), *_counts(outcome(engine, file) for file in files))
        for part, files in alone.items()
        for engine in engines
    ]
    head = f"{tried} .tflite files with one other byte, {refused} refused by our reader; by one part of it alone:\n\n"
    return head + aligned(("part", "engine", "files", *_ENDS.values()), rows, right=(2, 3, 4, 5))


def _with_another_byte(content: bytes, count: int) -> Iterator[bytes]:
    changes = [
        (at, value)
        for begin, end in _structure(content)
        for at in range(begin, end)
        for value in sorted({0, 255, content[at] ^ 1, content[at] ^ 64} - {content[at]})
    ]
    chance = random.Random(len(content))
    for at, value in chance.sample(changes, min(count, len(changes))):
        yield content[:at] + bytes([value]) + content[at + 1 :]


_ENDS = {"error": "it refuses", "answers": "it answers", "ends": "its process ends"}


def _counts(ends: Iterable[str]) -> list[str]:
    found = Counter(ends)
    return [str(found[end]) for end in _ENDS]


def damaged_file(content: bytes, form: str, chance: random.Random) -> bytes:
    """A file cut short, with 64 zeros in it, or with other numbers; three in four changes hit no weights."""
    changed = bytearray(content)
    kind = chance.randrange(4)
    if kind == 0:
        return bytes(changed[: chance.randrange(len(changed) - 16)])
    places = _structure(content) if form == "tflite" else [(0, len(content))]
    for _ in range(1 if kind == 1 else chance.randint(1, 3)):
        begin, end = chance.choice(places) if chance.random() < 0.75 else (0, len(content))
        at = chance.randrange(begin, end)
        if kind == 1:
            changed[at : at + 64] = bytes(min(64, len(changed) - at))
        else:
            new = struct.pack("<I", chance.choice((0, 1, 255, 65535, 1 << 31, (1 << 32) - 1, len(content))))
            new = new if kind == 2 else bytes([chance.randrange(256)])
            changed[at : at + len(new)] = new[: len(changed) - at]
    return bytes(changed)


def _structure(content: bytes) -> list[tuple[int, int]]:
    """The parts of a .tflite file between its larger constants."""
    model = Flatbuffer(content, b"TFL3").root
    data = sorted((start, start + size) for start, size in tflite._buffers(model, len(content)) if size > 64)
    edges = [8, *(edge for part in data for edge in part), len(content)]
    return [(begin, end) for begin, end in zip(edges[::2], edges[1::2], strict=True) if end - begin > 0]


def _taken(content: bytes, form: str) -> bool:
    try:
        read_facts(content, form)
    except BundleError:
        return False
    return True


def _taken_without(part: str, content: bytes) -> bool:
    owner, name, instead = PARTS[part]
    with mock.patch.object(owner, name, instead):
        try:
            return _taken(content, "tflite")
        except Exception:  # an index that nobody checked
            return False


def outcome(engine: str, content: bytes) -> str:
    """What an engine does with a file, in a process of its own: "error", "answers" or "ends"."""
    import_module(ENGINES[engine].module)  # once, in this process
    child = os.fork()
    if not child:
        faulthandler.disable()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        signal.alarm(_TOO_LONG_S)
        try:
            _answer(engine, content)
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return "ends" if status < 0 else "error" if status else "answers"


def _answer(engine: str, content: bytes) -> None:
    if engine == "onnxruntime":
        opened = import_module("onnxruntime").InferenceSession(content, providers=["CPUExecutionProvider"])
        shape = [extent if isinstance(extent, int) else 1 for extent in opened.get_inputs()[0].shape]
        bare.session(content)(np.zeros(shape, np.float32))
        return
    interpreter = import_module(ENGINES[engine].backend).import_engine()(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]
    interpreter.set_tensor(given["index"], np.zeros(given["shape"], given["dtype"]))
    interpreter.invoke()
    interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
