"""`python -m bench readers`: what the runtime's own readers cost and refuse, beside the standard library."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from bench import refusals
from bench.environments import ROOT
from bench.start import environment
from runtime.backends import ENGINES, engine_version, installed
from runtime.bundle.install import install
from runtime.bundle.reader import Bundle, open_bundle
from runtime.commands.table import aligned
from runtime.errors import EngineError, UsageError
from runtime.measure.machine import cpu_name

# What `runtime.load` has imported before it reads a file, whatever reads it.
_BEFORE = """
import gc, hashlib, json, sys, zlib
from io import BytesIO
from pathlib import Path
from time import process_time
import numpy as np
import runtime.bundle.install, runtime.bundle.reader, runtime.requirements
from runtime.bundle.manifest_json import from_json
{unload}
content = Path({file!r}).read_bytes()
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
gc.disable()
modules, memory, begin = len(sys.modules), peak(), process_time()
{program}
print(json.dumps([(process_time() - begin) * 1000, len(sys.modules) - modules, (peak() - memory) / 1024]))
"""
_UNLOAD = "for name in {names!r}: sys.modules.pop(name, None)"
_ZIPFILE = """
import zipfile
archive = zipfile.ZipFile({file!r})
manifest = from_json(archive.read("manifest.json"))
for name, record in manifest.files.items():
    assert hashlib.sha256(archive.read(name)).hexdigest() == record.sha256
"""
_ARCHIVE = """
import runtime.bundle.archive
from runtime.bundle.reader import open_bundle
bundle = open_bundle({file!r})
for name in bundle.manifest.files:
    bundle.read(name)
"""
_NPZ = """
from runtime.bundle.golden import parse_arrays
parse_arrays(content, "golden.npz")
"""
_NPLOAD = """
with np.load(BytesIO(content)) as arrays:
    found = dict(arrays)
"""
_OUR_TFLITE = """
from runtime.requirements.tflite import read_tflite
read_tflite(content)
"""
_OUR_ONNX = """
from runtime.requirements.onnx import read_onnx
read_onnx(content)
"""
_TFLITE_SCHEMA = """
from ai_edge_litert import schema_py_generated as schema
model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
"""
_ONNX_SCHEMA = """
import onnx
model = onnx.load_from_string(content)
"""
_FACTS = """
facts = json.loads({facts!r})
"""


class Way(NamedTuple):
    """One way to read a file: the program, and the project's modules that only this way needs."""

    title: str
    file: str  # a key of the files that are read
    program: str
    modules: tuple[str, ...] = ()


_REQUIREMENTS = "runtime.requirements."
_TFLITE = tuple(_REQUIREMENTS + name for name in ("tflite", "flatbuffer"))
_ONNX = tuple(_REQUIREMENTS + name for name in ("onnx", "protobuf", "flatbuffer"))
WAYS = (
    Way("a bundle's .zip: archive.py", "zip", _ARCHIVE, ("runtime.bundle.archive",)),
    Way("a bundle's .zip: zipfile", "zip", _ZIPFILE),
    Way("golden.npz: archive.py", "golden", _NPZ, ("runtime.bundle.archive", "runtime.bundle.golden")),
    Way("golden.npz: numpy.load", "golden", _NPLOAD),
    Way(".tflite: tflite.py", "tflite", _OUR_TFLITE, _TFLITE),
    Way(".tflite: LiteRT's schema", "tflite", _TFLITE_SCHEMA),
    Way(".onnx: onnx.py", "onnx", _OUR_ONNX, _ONNX),
    Way(".onnx: the package onnx", "onnx", _ONNX_SCHEMA),
    Way("either: facts in the manifest", "tflite", _FACTS),
)  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(prog="python -m bench readers", description=__doc__)
    made.add_argument(
        "bundle", metavar="BUNDLE", type=Path, nargs="?", default=Path("artifacts/mnist-cnn/bundle"),
        help="default: artifacts/mnist-cnn/bundle",
    )  # fmt: skip
    made.add_argument("--scheme", metavar="NAME", default="int8", help="default: int8")
    made.add_argument("--rounds", metavar="N", type=int, default=15, help="of each way; default: 15")
    made.add_argument(
        "--damaged", metavar="N", type=int, default=500, help="files of each format; default: 500"
    )
    return made


def run(args: argparse.Namespace) -> int:
    """Prints what each way costs, and what it refuses."""
    bundle = open_bundle(args.bundle)
    if args.rounds < 1 or args.damaged < 1:
        raise UsageError("--rounds and --damaged must be at least 1")
    with tempfile.TemporaryDirectory() as name:
        files = _files(bundle, args.scheme, Path(name))
        print(cost_table(files, args.rounds, Path(name)))
        print()
        print(refusals.zip_table(files["zip"].read_bytes()))
        print()
        for form in ("tflite", "onnx"):
            engines = [engine for engine, row in ENGINES.items() if row.format == form and installed(engine)]
            print(refusals.model_table(files[form].read_bytes(), form, engines, args.damaged))
            print()
            if form == "tflite":
                print(refusals.part_table(files[form].read_bytes(), engines, 4 * args.damaged))
                print()
    versions = ", ".join(f"{engine} {engine_version(engine)}" for engine in ENGINES if installed(engine))
    print(f"{bundle.manifest.model} {args.scheme}; {versions}, {cpu_name()}")
    return 0


def _files(bundle: Bundle, scheme: str, folder: Path) -> dict[str, Path]:
    found = {"zip": folder / "bundle.zip", "golden": bundle.path / bundle.manifest.golden}
    for form in ("tflite", "onnx"):
        variant = bundle.manifest.variants.get(f"{form}-{scheme}")
        if variant is None:
            raise UsageError(
                f"no variant '{form}-{scheme}'; this bundle has: {', '.join(bundle.manifest.variants)}"
            )
        found[form] = bundle.path / variant.file
    install(bundle, found["zip"])
    return found


def cost_table(files: dict[str, Path], rounds: int, folder: Path) -> str:
    """Lines of code, and what reading one file costs in a new process, for each way."""
    took: dict[Way, list[tuple[float, int, float]]] = {way: [] for way in WAYS}
    for turn in range(rounds + 1):
        for way in WAYS:
            found = cost(way, files[way.file], folder)
            if turn:  # the first turn writes .pyc files
                took[way].append(found)
    rows = []
    for way, costs in took.items():
        milliseconds, modules, mib = min(costs)
        lines = sum(len(_path(module).read_text().splitlines()) for module in way.modules)
        rows.append((way.title, str(lines), f"{milliseconds:.1f}", str(modules), f"{mib:.1f}"))
    head = (
        f"read once in a new process, after what the runtime has imported anyway; the least of {rounds}\n\n"
    )
    return head + aligned(("reader", "our lines", "CPU ms", "modules", "MiB"), rows, right=(1, 2, 3, 4))


def cost(way: Way, file: Path, folder: Path) -> tuple[float, int, float]:
    """Milliseconds of the processor, modules imported and MiB of peak memory that one way takes to read a file."""
    from runtime.requirements import read_facts

    facts = read_facts(file.read_bytes(), "tflite")._asdict() if way.file == "tflite" else {}
    given = {"file": str(file), "facts": json.dumps(facts, default=sorted)}
    program = _BEFORE.format(
        unload=_UNLOAD.format(names=_parents(way.modules)),
        program=way.program.format(**given),
        file=str(file),
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment(folder)
    )
    if done.returncode:
        raise EngineError(f"{way.title}: {done.stderr.strip()[-300:]}")
    milliseconds, modules, mib = json.loads(done.stdout)
    return milliseconds, modules, mib


def _parents(modules: tuple[str, ...]) -> list[str]:
    """The modules to import anew, and those of ours that hold on to them."""
    return [*modules, *(["runtime.bundle.reader", "runtime.bundle.install"] if modules else [])]


def _path(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"
