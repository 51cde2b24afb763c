"""Kills, full disks and I/O errors in the middle of install, sign and export: afterwards a whole bundle must load.

Old and new bundle alternate at one place. After every fault what stands there must be the one or the other, every
file as its manifest says, and must pass its self-test; a mixture, or nothing, ends the campaign with exit code 1.
"""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

import runtime
from data.original import Original
from export.checks import flips
from export.checks.gate import Verdict
from export.pack import Built, pack
from export.quantization import ranges
from export.run.pipeline import staging
from export.sign import keygen, sign
from export.trained.search import find_original
from runtime.bundle.golden import read_golden
from runtime.bundle.install import contents, install
from runtime.bundle.manifest import Variant
from runtime.bundle.reader import open_bundle
from runtime.command import run_command
from runtime.commands.arguments import progress
from runtime.commands.table import aligned
from runtime.errors import EdgeProofError, UsageError
from runtime.measure.machine import cpu_name
from runtime.measure.row import read_report
from tests.campaigns import faults
from tests.campaigns.bundles import bundles, parser

Write = Callable[[int], None]  # makes the old (0) or the new (1) bundle stand at its place
VARIANT = "tflite-int8"
EXPORTED = {"bundle", ranges.FILE, flips.FILE}  # what an export leaves in a model's folder
DISK_ERRORS = ("ENOSPC", "EIO", "file too large")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1 where a bundle was not whole after a fault."""
    arguments = parser(
        "kills", "Kills and disk errors during install, sign and export: is a whole bundle left?"
    )
    arguments.set_defaults(models="digits-cnn,mnist-cnn")
    arguments.add_argument(
        "--kills", type=int, default=100, help="at random moments, of each step; default: 100"
    )
    arguments.add_argument("--exports", type=int, default=36, help="kills of `python -m export`; default: 36")
    arguments.add_argument(
        "--small-disk", type=Path, help="a folder on a disk with little room, to be filled up"
    )
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args(argv)
    sources = bundles(options.artifacts, options.models)
    if len(sources) != 2:
        raise UsageError(f"--models names {len(sources)} bundles; give two, the old and the new one")
    chance = random.Random(options.seed)
    tally: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory(prefix="edgeproof-kills-") as name:
        for title, write, place in steps(sources, Path(name)):
            write(0)
            tally[title] = Counter(campaign(title, write, place, options.kills, chance))
        if options.small_disk:
            tally["install on a full disk"] = Counter(full_disk(sources, options.small_disk, chance))
        if options.exports:
            model = sources[0].parent.name
            tally["python -m export"] = Counter(exports(model, Path(name), options.exports, chance))
    return summary(tally)


def steps(sources: list[Path], folder: Path) -> Iterator[tuple[str, Write, Path]]:
    """What is killed: its name, the function that does it, and where its bundle stands."""
    opened = [open_bundle(source) for source in sources]
    for title, name in (("install to a folder", "installed"), ("install to a .zip", "installed.zip")):
        place = folder / title.replace(" ", "-") / name
        place.parent.mkdir()
        yield title, partial(_install, opened, place), place
    place = folder / "signed" / "bundle.zip"
    place.parent.mkdir()
    install(opened[0], place)
    keygen(folder / "private.pem", folder / "public.pem")
    yield "sign in place", partial(_sign, place, folder / "private.pem"), place
    model = sources[0].parent
    place = folder / "packed" / model.name / "bundle"
    yield (
        "pack after an export",
        partial(_pack, find_original(model.name, [model.parent]), sources[0], place),
        place,
    )


def _install(opened: list[Any], place: Path, turn: int) -> None:
    install(opened[turn], place)


def _sign(place: Path, key: Path, turn: int) -> None:
    before = open_bundle(place)
    sign(before, key, before.manifest.bundle_version + 1)


def _pack(found: Original, built: Path, place: Path, turn: int) -> None:
    """The end of an export: staged files become a bundle. The new one lacks a variant, and another report."""
    bundle = open_bundle(built)
    rows = [row for row in read_report(bundle) if turn or row.variant != "onnx-int8"]
    names = dict.fromkeys(row.variant for row in rows if row.engine != "tensorflow")
    golden = read_golden(bundle)
    with staging(place.parent) as folder:
        made = {}
        for name in names:
            variant = bundle.manifest.variants[name]
            file = folder / variant.file
            shutil.copyfile(built / file.name, file)
            verdicts = {
                row.engine: Verdict(
                    row,
                    _of_engine(golden.recorded, variant, row.engine),
                    _of_engine(golden.probed, variant, row.engine),
                    dict.fromkeys(variant.outputs, 0.0),
                )
                for row in rows
                if row.variant == name and row.engine in variant.engines  # not those that are skipped here
            }
            made[name] = Built(file, verdicts, variant.notes)
        pack(found, rows, made, folder, place.parent.parent, f"state {turn}", {})


def _of_engine(answers: Mapping[str, np.ndarray], variant: Variant, engine: str) -> dict[str, np.ndarray]:
    """What golden samples have of a variant's answers on one engine, by output."""
    first = {output: answers[f"{variant.name}/{output}"] for output in variant.outputs}
    return {output: answers.get(f"{variant.name}/{output}/{engine}", rows) for output, rows in first.items()}


def campaign(title: str, write: Write, place: Path, kills: int, chance: random.Random) -> Iterator[str]:
    """Every kind of fault for one step; what became of each."""
    turns = cycle((1, 0))
    for turn in range(kills):
        progress(f"{title}: kill {turn + 1} of {kills}")
        faults.kill_at_random(lambda: write(next(turns)), 0.1, chance)
        yield f"killed: {state(place)}"
    calls = faults.calls_of(partial(write, 1))
    for call in range(calls):
        progress(f"{title}: call {call + 1} of {calls}")
        turn = partial(write, call % 2)
        faults.kill_at(call, turn)
        yield f"killed: {state(place)}"
        for code in (errno.ENOSPC, errno.EIO):
            faults.fail_at(call, code, turn)
            yield f"{errno.errorcode[code]}: {state(place)}"
    largest = max(file.stat().st_size for file in (place.rglob("*") if place.is_dir() else [place]))
    for _ in range(40):
        faults.cut_files_at(chance.randrange(largest), partial(write, chance.randrange(2)))
        yield f"file too large: {state(place)}"
    write(0)
    yield left_over({path.name for path in place.parent.iterdir()} - {place.name})


def full_disk(sources: list[Path], disk: Path, chance: random.Random) -> Iterator[str]:
    """Installs on a real disk that has ever another amount of room left."""
    for name in ("installed", "installed.zip"):
        place, ballast = disk / name, disk / "ballast"
        install(open_bundle(sources[0]), place)
        for turn in range(50):
            room = os.statvfs(disk)
            free = room.f_bavail * room.f_frsize
            ballast.write_bytes(bytes(chance.randrange(free)))
            try:
                install(open_bundle(sources[turn % 2]), place)
                found = "enough room"
            except OSError as error:
                found = errno.errorcode[error.errno or 0]
            ballast.unlink()
            yield f"{found}: {state(place)}"
        shutil.rmtree(place) if place.is_dir() else place.unlink()


def exports(model: str, folder: Path, kills: int, chance: random.Random) -> Iterator[str]:
    """Kills of the command itself, with its workers, at random moments of its run; more near its end."""
    out = folder / "exports"
    place = out / model / "bundle"

    def command(targets: str) -> "subprocess.Popen[bytes]":
        arguments = ["-m", "export", model, "--targets", targets, "--force", "--out", str(out)]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            [sys.executable, *arguments], stdout=quiet, stderr=quiet, start_new_session=True
        )

    begin = time.monotonic()
    if command(VARIANT).wait():
        raise SystemExit("the export fails by itself")
    took = time.monotonic() - begin
    for turn in range(kills):
        progress(f"export: kill {turn + 1} of {kills}")
        begin, died = time.monotonic(), "killed"
        child = command((VARIANT, f"{VARIANT},tflite-float16")[turn % 2])
        try:
            child.wait(took * chance.uniform(0 if turn % 3 else 0.8, 1))
            took, died = min(took, time.monotonic() - begin), "finished before"
        except subprocess.TimeoutExpired:
            pass
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        yield f"{died}: {state(place)}"
    command(VARIANT).wait()
    yield left_over({path.name for path in place.parent.iterdir()} - EXPORTED)


def left_over(names: set[str]) -> str:
    """What killed writers have left beside the bundle, once a later one has come through."""
    return f"rubbish left: {', '.join(sorted(names))}" if names else "nothing left lying about"


def state(place: Path) -> str:
    """Whether the bundle at a place is whole: each file as its manifest says, and right answers."""
    try:
        for _ in contents(open_bundle(place)):
            pass
        runtime.load(place, VARIANT)
    except EdgeProofError as error:
        print(f"NOT WHOLE: {error}")
        return "NOT WHOLE"
    return "whole"


def summary(tally: dict[str, Counter[str]]) -> int:
    """Prints what happened; the exit code."""
    progress("")
    rows = [
        (step, what, str(count)) for step, found in tally.items() for what, count in sorted(found.items())
    ]
    print(aligned(("step", "fault: what stands there then", "times"), rows, right=(2,)))
    total: Counter[str] = sum(tally.values(), Counter())
    broken = sum(count for what, count in total.items() if "NOT WHOLE" in what)
    killed = sum(count for what, count in total.items() if what.startswith("killed"))
    errors = sum(count for what, count in total.items() if what.startswith(DISK_ERRORS))
    rubbish = sum(count for what, count in total.items() if what.startswith("rubbish"))
    print(f"{cpu_name()}: {killed} kills, {errors} errors of the disk, {broken} bundles not whole afterwards")
    return 1 if broken or rubbish else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
