"""Fuzzing of everything that reads bytes from anywhere: only an EdgeProofError, in one line and soon, may escape.

Real files are changed, and made to fit their checksums again, so that the readers behind these are reached too.
"""

import copy
import io
import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from runtime.bundle.archive import Archive, write_stored
from runtime.bundle.golden import parse_arrays, read_golden
from runtime.bundle.install import contents, install
from runtime.bundle.manifest_json import CHECKSUM, from_json, with_checksum
from runtime.bundle.reader import Bundle, open_bundle
from runtime.command import run_command
from runtime.commands.arguments import progress
from runtime.commands.files import read_inputs
from runtime.commands.table import aligned
from runtime.commands.targets import read_targets
from runtime.errors import EdgeProofError, InputError
from runtime.measure.machine import cpu_name
from runtime.measure.row import MeasuredRow, read_report, rows_to_json
from runtime.requirements.onnx import read_onnx
from runtime.requirements.tflite import read_tflite
from tests.bundles import (
    IMAGE,
    MODELS,
    PROBABILITIES,
    SEVERAL_INPUTS,
    TABLE,
    VALUE,
    image_bundle,
    npz,
    several_bundle,
    table_bundle,
)
from tests.campaigns.bundles import changed

SOON_S = 10.0
VERSION_1 = MODELS / "version-1-image.zip"
SUFFIXES = (".npy", ".npz", ".csv", ".png", ".idx", ".idx.gz")


class Reader(NamedTuple):
    """One reader, and the files that it is given changed."""

    read: Callable[[Any], object]
    inputs: "st.SearchStrategy[Any]"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1, and the input that did it, where a reader lets anything else escape."""
    import argparse

    arguments = argparse.ArgumentParser(
        prog="python -m tests.campaigns.fuzz", description=__doc__.split("\n")[0]
    )
    arguments.add_argument("--seconds", type=float, default=60, help="for each reader; default: 60")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args(argv)
    rows = []
    with tempfile.TemporaryDirectory(prefix="edgeproof-fuzz-") as name:
        for title, reader in readers(Path(name)).items():
            end, tries, refused = time.monotonic() + options.seconds, 0, 0
            turn = options.seed
            while time.monotonic() < end:
                progress(f"{title}: {tries} inputs")
                found = fuzz(reader, 500, turn)
                tries, refused, turn = tries + found[0], refused + found[1], turn + 1
            rows.append((title, f"{tries:,}", f"{refused:,}", "0"))
    progress("")
    print(aligned(("reader", "inputs", "refused", "other errors"), rows, right=(1, 2, 3)))
    print(f"{cpu_name()}: {options.seconds:g} s a reader")
    return 0


def fuzz(reader: Reader, examples: int, number: int = 0) -> tuple[int, int]:
    """How many inputs a reader was given, and how many it refused; whatever else it raises is raised here."""
    counted = [0, 0]

    @seed(number)
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip
    @given(reader.inputs)
    def attempt(content: Any) -> None:
        counted[0] += 1
        begin = time.monotonic()
        try:
            reader.read(content)
        except EdgeProofError as error:
            counted[1] += 1
            assert "\n" not in str(error), f"an error of more than one line: {error}"
            assert len(str(error)) < 2000, f"an error of {len(str(error))} characters"
        assert time.monotonic() - begin < SOON_S, "it took too long"

    attempt()
    return counted[0], counted[1]


def readers(folder: Path) -> dict[str, Reader]:
    """Every reader, with changed forms of the tiny models' files; `folder` is for files that must be on a disk."""
    image, table = open_bundle(image_bundle(folder / "image")), open_bundle(table_bundle(folder / "table"))
    several, first = open_bundle(several_bundle(folder / "several")), open_bundle(VERSION_1)
    manifests = [bundle.read_manifest() for bundle in (image, table, several, first)]
    install(table, folder / "table.zip")
    archives = [(folder / "table.zip").read_bytes(), stored({"a": b"some text", "b/c": b"", "d": bytes(50)})]
    goldens = [bundle.read("golden.npz") for bundle in (image, several, first)]
    arrays = [npy for content in goldens for npy in parse_members(content).values()]
    return {
        "manifest.json": Reader(from_json, changed_bytes(manifests)),
        "manifest.json, its checksum right": Reader(from_json, changed_bytes(manifests).map(resealed)),
        "manifest.json, other values": Reader(from_json, other_values([json.loads(m) for m in manifests])),
        "report.json": Reader(
            lambda content: read_report(changed(image, {"report.json": content})),
            changed_bytes([rows_to_json([REPORT_ROW] * 2).encode()]),
        ),
        "a bundle's .zip": Reader(lambda content: read_bundle(content, folder), changed_bytes(archives[:1])),
        "a zip": Reader(read_members, changed_bytes([*archives, *goldens])),
        "golden.npz": Reader(
            lambda content: read_all_golden((image, several, first), content), changed_bytes(goldens)
        ),
        "golden.npz, its CRCs right": Reader(
            lambda content: parse_arrays(content, "golden.npz"),
            st.lists(changed_bytes(arrays), min_size=1, max_size=3).map(
                lambda found: stored({f"{number}.npy": npy for number, npy in enumerate(found)})
            ),
        ),
        ".tflite": Reader(read_tflite, changed_bytes(files("*.tflite"))),
        ".onnx": Reader(read_onnx, changed_bytes(files("*.onnx"))),
        "input files": Reader(
            lambda given: read_file(folder, *given),
            st.tuples(st.sampled_from(SUFFIXES), changed_bytes(input_files(arrays))),
        ),
    }


REPORT_ROW = MeasuredRow(
    "tiny-image", "tflite-int8", "litert", "ok", metric_name="accuracy", metric=0.985, metric_original=0.99,
    samples=10_000, split="test", latency_us_p50=5.5, latency_us_p90=6.0, latency_us_p99=7.25, calls=500,
)  # fmt: skip


@st.composite
def changed_bytes(draw: Any, corpus: list[bytes]) -> bytes:
    """One of the files with some changes; now and then no such file at all."""
    if draw(st.integers(0, 19)) == 0:
        return bytes(draw(st.binary(max_size=300)))
    content = bytearray(draw(st.sampled_from(corpus)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, 1 << 24)) % (len(content) + 1)
        change = draw(st.integers(0, 4))
        if change == 0:  # other bytes
            new = draw(st.binary(min_size=1, max_size=8))
            content[at : at + len(new)] = new
        elif change == 1:  # a number that is an edge
            edge = draw(st.sampled_from(EDGES))
            content[at : at + len(edge)] = edge
        elif change == 2:  # a part is gone
            del content[at : at + draw(st.integers(1, 64))]
        elif change == 3:  # a part is there twice
            content[at:at] = content[at : at + draw(st.integers(1, 64))]
        else:  # one bit
            at %= max(1, len(content))
            content[at : at + 1] = bytes(byte ^ 1 << draw(st.integers(0, 7)) for byte in content[at : at + 1])
    if draw(st.integers(0, 3)) == 0:
        del content[draw(st.integers(0, 1 << 24)) % (len(content) + 1) :]
    return bytes(content)


EDGES = [
    value.to_bytes(size, "little")
    for size in (1, 2, 4, 8)
    for value in (0, 1, (1 << size * 8 - 1) - 1, 1 << size * 8 - 1, (1 << size * 8) - 1)
]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20) | st.sampled_from(["../x", "tflite-int8", "golden.npz", "0" * 64, 1 << 70, -1]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@st.composite
def other_values(draw: Any, corpus: list[Any]) -> bytes:
    """A manifest in which some values are others, or gone, and whose checksum is right."""
    values = copy.deepcopy(draw(st.sampled_from(corpus)))
    for _ in range(draw(st.integers(1, 3))):
        inner, keys = values, [*values]
        while True:
            key = keys[draw(st.integers(0, len(keys) - 1))]
            found = inner[key]
            keys = (
                [*found]
                if isinstance(found, dict)
                else [*range(len(found))]
                if isinstance(found, list)
                else []
            )
            if not keys or draw(st.integers(0, 3)) == 0:
                break
            inner = found
        if draw(st.integers(0, 4)):
            inner[key] = draw(_JSON)
        else:
            del inner[key]
        if not values:
            break
    return with_checksum(values).encode(errors="surrogatepass")


def resealed(content: bytes) -> bytes:
    """The bytes with the checksum that fits them, where they still have one."""
    from hashlib import sha256

    before, key, after = content.rpartition(f'"{CHECKSUM}"'.encode())
    digest = sha256(before).hexdigest().encode()
    return before + key + after[:3] + digest + after[67:] if key else content


def stored(members: dict[str, bytes]) -> bytes:
    """A sound zip of these members."""
    content = io.BytesIO()
    write_stored(iter(members.items()), content)
    return content.getvalue()


def parse_members(content: bytes) -> dict[str, bytes]:
    """The unpacked members of a sound .npz."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def read_members(content: bytes) -> None:
    """Reads a zip in both of the ways in which archives are read."""
    for deflated in (False, True):
        try:
            archive = Archive(lambda at, size: content[at : at + size], len(content), "here", 100, deflated)
            for name in archive.members:
                archive.read(name)
        except EdgeProofError:
            if deflated:
                raise


def read_bundle(content: bytes, folder: Path) -> None:
    """Reads all of a bundle in one file."""
    (folder / "changed.zip").write_bytes(content)
    for _ in contents(open_bundle(folder / "changed.zip")):
        pass


def read_all_golden(bundles: Sequence[Bundle], content: bytes) -> None:
    """Reads the same golden samples, named by its manifest, as those of several bundles."""
    errors = []
    for bundle in bundles:
        try:
            read_golden(changed(bundle, {bundle.manifest.golden: content}))
        except EdgeProofError as error:
            errors.append(error)
    if len(errors) == len(bundles):
        raise errors[0]


def files(pattern: str) -> list[bytes]:
    """The tiny models' files."""
    return [path.read_bytes() for path in sorted(MODELS.glob(pattern))]


def input_files(arrays: list[bytes]) -> list[bytes]:
    """Sound files that commands take."""
    images = np.zeros((2, 8, 8), np.uint8)
    idx = bytes((0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 8)) + images.tobytes()
    return [
        arrays[0], npz(inputs=images, targets=images[:, 0, 0]), b"depth,width,height\n1,2,3\n4,5,6e0\n", idx,
        (Path(__file__).parents[2] / "docs" / "images" / "digit.png").read_bytes(),
    ]  # fmt: skip


def read_file(folder: Path, suffix: str, content: bytes) -> None:
    """Reads a file in every way in which commands do."""
    path = folder / f"input{suffix}"
    path.write_bytes(content)
    several = {record.name: record for record in SEVERAL_INPUTS}
    for read in (
        lambda: read_inputs(path, {"image": IMAGE}),
        lambda: read_inputs(path, {"rows": TABLE}),
        lambda: read_inputs(path, several),
        lambda: read_targets(path, PROBABILITIES),
        lambda: read_targets(path, VALUE),
    ):
        try:
            read()
        except InputError as error:
            last: EdgeProofError | None = error
        else:
            last = None
    if last is not None:
        raise last


if __name__ == "__main__":
    sys.exit(run_command(main))
