"""Damaged bundles, folder and .zip: is each refused before an engine is given a byte of it?

Flipped bits, truncations, zeroed tails and swapped files, in every file of a bundle, the manifest included. Each time

- every variant is loaded: an engine may be given nothing but the sound bytes of its file, and none at all of a
  bundle whose manifest or golden samples are damaged (no engine really runs: a spy stands in its place);
- the whole bundle is read, as `verify` and `install` do, which must refuse it.
"""

import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock

import runtime.loading
from runtime.bundle.install import contents, install
from runtime.bundle.manifest import MANIFEST_NAME
from runtime.bundle.reader import open_bundle
from runtime.command import run_command
from runtime.commands.arguments import progress
from runtime.commands.table import aligned
from runtime.errors import BundleError
from runtime.measure.machine import cpu_name
from tests.campaigns.bundles import bundles, parser

Damage = Callable[[bytearray, random.Random], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1 where damage was not refused in time."""
    arguments = parser("corruption", "Damaged bundles: is each refused before an engine is given a byte?")
    arguments.add_argument(
        "--count", type=int, default=1000, help="of each bundle, folder and .zip; default: 1000"
    )
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args(argv)
    tally: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory(prefix="edgeproof-corruption-") as name:
        for number, source in enumerate(bundles(options.artifacts, options.models)):
            for form in ("folder", ".zip"):
                copy = Path(name) / (f"{number}" + form.removeprefix("folder"))
                install(open_bundle(source), copy)
                chance = random.Random(f"{options.seed} {source.parent.name} {form}")
                title = f"{source.parent.name}, {form}"
                for what, found in corrupted(copy, options.count, chance, title):
                    tally.setdefault(f"{form}: {what}", Counter())[found] += 1
    progress("")
    outcomes = ("refused", "NOT REFUSED")
    rows = [(what, *(str(found[outcome]) for outcome in outcomes)) for what, found in sorted(tally.items())]
    print(aligned(("damage", *outcomes), rows, right=(1, 2)))
    total: Counter[str] = sum(tally.values(), Counter())
    print(f"{cpu_name()}: {total['refused']} of {total.total()} damaged bundles are refused, no signal")
    return 1 if total["refused"] != total.total() or not total else 0


def corrupted(bundle: Path, count: int, chance: random.Random, title: str = "") -> Iterator[tuple[str, str]]:
    """Damages a bundle `count` times, mended in between; what was done, and "refused" or "NOT REFUSED"."""
    sound = Sound(bundle)
    files = [bundle] if bundle.is_file() else [bundle / name for name in sound.names]
    for number in range(count):
        progress(f"{title} {number + 1} of {count}")
        what = chance.choice((*DAMAGE, "swapped files"))
        with (
            swapped(files, chance) if what == "swapped files" else damaged(files, DAMAGE[what], chance) as hit
        ):
            yield what, "refused" if refused(bundle, sound, hit) else "NOT REFUSED"


class Sound:
    """What is known of a bundle before it is damaged: its files, and which bytes each variant's engine may get."""

    def __init__(self, path: Path) -> None:
        bundle = open_bundle(path)
        self.names = [name for name, _ in contents(bundle)]
        self.golden = bundle.manifest.golden
        self.files = {
            row.name: bundle.manifest.files[row.file] for row in bundle.manifest.variants.values() if row.engines
            and row.format != "saved_model"
        }  # fmt: skip


def refused(path: Path, sound: Sound, hit: set[str]) -> bool:
    """Whether a bundle with damage in the files `hit` (unknown in a .zip: none) is refused as it must be."""
    given: list[str] = []

    def spy(engine: str, model_bytes: bytes, threads: int) -> None:
        given.append(sha256(model_bytes).hexdigest())
        raise _Reached

    with mock.patch.object(runtime.loading, "open_backend", spy):
        for variant, record in sound.files.items():
            given.clear()
            try:
                runtime.load(path, variant)
            except BundleError:
                continue
            except _Reached:
                if given != [record.sha256] or hit & {MANIFEST_NAME, sound.golden}:
                    return False
    try:
        for _ in contents(open_bundle(path)):
            pass
    except BundleError:
        return True
    return False


class _Reached(Exception):
    """An engine was given bytes."""


def _flip(content: bytearray, chance: random.Random) -> None:
    bit = chance.randrange(len(content) * 8)
    content[bit // 8] ^= 1 << bit % 8


def _truncate(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def _zero_tail(content: bytearray, chance: random.Random) -> None:
    # From a byte that is not zero already: what was zero stays what it was.
    last = len(content.rstrip(b"\0"))
    start = chance.randrange(last)
    content[start:] = bytes(len(content) - start)


def _append(content: bytearray, chance: random.Random) -> None:
    content += bytes(chance.randrange(1, 100))


DAMAGE: dict[str, Damage] = {
    "flipped bit": _flip, "truncated": _truncate, "zeroed tail": _zero_tail, "longer": _append,
}  # fmt: skip


@contextmanager
def damaged(files: list[Path], damage: Damage, chance: random.Random) -> Iterator[set[str]]:
    """One of the files is damaged inside of this context."""
    path = chance.choice(files)
    before = path.read_bytes()
    content = bytearray(before)
    damage(content, chance)
    path.write_bytes(content)
    try:
        yield {path.name}
    finally:
        path.write_bytes(before)


@contextmanager
def swapped(files: list[Path], chance: random.Random) -> Iterator[set[str]]:
    """Two files, or two members of a .zip, have changed places inside of this context."""
    if len(files) == 1:
        with swapped_members(files[0], chance):
            yield set()
        return
    first, second = _different(files, Path.read_bytes, chance)
    before = first.read_bytes(), second.read_bytes()
    first.write_bytes(before[1])
    second.write_bytes(before[0])
    try:
        yield {first.name, second.name}
    finally:
        first.write_bytes(before[0])
        second.write_bytes(before[1])


def _different(
    places: Sequence[Any], content: Callable[[Any], bytes], chance: random.Random
) -> tuple[Any, Any]:
    """Two places whose contents differ: a SavedModel may hold the same file twice."""
    while True:
        first, second = chance.sample(places, 2)
        if content(first) != content(second):
            return first, second


@contextmanager
def swapped_members(path: Path, chance: random.Random) -> Iterator[None]:
    """A sound .zip in which two members have each other's content."""
    from runtime.bundle.archive import write_stored

    kept = path.with_suffix(".kept")
    bundle = open_bundle(path)
    names, members = zip(*contents(bundle), strict=True)
    first, second = _different(range(len(names)), members.__getitem__, chance)
    exchanged = list(members)
    exchanged[first], exchanged[second] = exchanged[second], exchanged[first]
    shutil.copyfile(path, kept)
    with path.open("wb") as file:
        write_stored(iter(list(zip(names, exchanged, strict=True))), file)
    try:
        yield
    finally:
        kept.replace(path)


if __name__ == "__main__":
    sys.exit(run_command(main))
