"""`python -m export remote HOST … BUNDLE`: a bundle goes to devices, and measured rows come back."""

from __future__ import annotations

import argparse
import re
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import fill

from export.remote.plan import Wish
from export.remote.ssh import Host
from export.remote.visit import Found, Parcel, Stay, parcel, visit
from runtime.atomic import write_file
from runtime.backends import ENGINES
from runtime.bundle.reader import Bundle, open_bundle
from runtime.command import as_called
from runtime.commands.conditions import notes
from runtime.commands.table import aligned, kib
from runtime.errors import EdgeProofError, UsageError
from runtime.measure.metric import metric_text
from runtime.measure.row import rows_to_json

_printing = threading.Lock()


def main(argv: Sequence[str]) -> int:
    """Visits all devices at once; exit code 1 where one could not be visited or a variant fails there."""
    options = parser().parse_args(argv[1:])
    hosts = [Host(name, options.ssh) for name in dict.fromkeys(options.hosts)]
    unknown = [name for name in options.engine or () if name not in ENGINES]
    if unknown:
        raise UsageError(f"unknown engine {unknown[0]!r}; known: {', '.join(ENGINES)}")
    bundle = open_bundle(options.bundle)
    options.out.mkdir(parents=True, exist_ok=True)
    with parcel(bundle) as brought, ThreadPoolExecutor(len(hosts)) as pool:
        passed = list(pool.map(lambda host: _one(host, bundle, brought, options), hosts))
    return 0 if all(passed) else 1


def _one(host: Host, bundle: Bundle, brought: Parcel, options: argparse.Namespace) -> bool:
    """Visits one device, prints what came of it, writes its report; whether all is well."""

    def say(line: str) -> None:
        with _printing:
            print(f"{host.name}: {line}", file=sys.stderr, flush=True)

    wish = Wish(tuple(options.engine or ()), options.offline, options.system_packages)
    stay = Stay(options.folder, options.remove, options.dry_run, options.python)
    measure = ["--threads", options.threads]
    if options.calls is not None:
        measure += ["--calls", str(options.calls)]
    try:
        found = visit(host, bundle, brought, wish, stay, measure, say)
    except EdgeProofError as error:
        with _printing:
            print(f"error: {as_called(' '.join(str(error).split()))}", file=sys.stderr, flush=True)
        return False
    if found is None:
        return True
    place = options.out / f"{re.sub(r'[^A-Za-z0-9.@_-]', '_', host.name)}.json"
    write_file(place, _report(host, bundle, found).encode())
    with _printing:
        print("\n".join([*_lines(host, found), f"{place}: {len(found.rows)} rows", ""]), flush=True)
    return found.ship is not None and all(row.status != "failed" for row in found.rows)


def _report(host: Host, bundle: Bundle, found: Found) -> str:
    """The report of a device, with its rows in the form of every report."""
    return rows_to_json(
        found.rows,
        host=host.name,
        machine=found.facts,
        model=bundle.manifest.model,
        bundle=bundle.digest,
        ship=found.ship,
        why=found.why,
    )


def _lines(host: Host, found: Found) -> list[str]:
    """The table of one device, what was disturbed, and which file to ship."""
    shown = [row for row in found.rows if row.status != "skipped"]
    several = len({row.threads for row in shown}) > 1
    cells = [
        (
            row.variant,
            row.engine,
            *([str(row.threads)] if several else []),
            row.status,
            "-" if row.size_bytes is None else kib(row.size_bytes),
            metric_text(row.scale, row.metric),
            *(_figure(value) for value in (row.latency_us_p50, row.latency_us_p99, row.peak_rss_mib)),
        )
        for row in shown
    ]
    header = (
        "variant",
        "engine",
        *["threads"] * several,
        "status",
        "KiB",
        "metric",
        "p50 µs",
        "p99 µs",
        "peak MiB",
    )
    first = header.index("KiB")
    lines = [f"{host.name}: {found.facts['board']}", ""]
    lines += [aligned(header, cells, right=range(first, len(header))), ""]
    lines += [f"{row.status}: {row.variant} with {row.engine}: {row.reason}" for row in shown if row.reason]
    absent = {row.engine: row.reason for row in found.rows if row.status == "skipped"}
    lines += [f"not measured: {engine}: {reason}" for engine, reason in absent.items()]
    lines += notes(found.rows)
    ship = found.ship
    lines.append(
        f"Ship {ship.get('file')} with {ship.get('engine')}: {found.why}."
        if ship
        else f"Ship nothing: {found.why}."
    )
    return lines


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(
        prog=as_called("python -m export remote"),
        description=fill(
            "Install a bundle on devices over your own ssh, verify and measure it there, and bring the figures home: "
            "HOST.json for each device. It says first what it will install, and in which folder.",
            80,
        ),
        epilog=as_called(
            "examples:\n  python -m export remote pi@raspberrypi artifacts/mnist-cnn/bundle\n"
            "  python -m export remote pi4 pi5 artifacts/mnist-cnn/bundle --threads 1,2,4 --remove"
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("hosts", metavar="HOST", nargs="+", help="names that ssh knows, such as pi@raspberrypi")
    made.add_argument("bundle", metavar="BUNDLE", type=Path, help="the bundle: a folder or one .zip")
    made.add_argument(
        "--out", metavar="DIR", type=Path, default=Path(), help="where HOST.json goes; default: here"
    )
    made.add_argument(
        "--folder",
        metavar="DIR",
        default="edgeproof",
        help="where it is installed there; default: ~/edgeproof",
    )
    made.add_argument(
        "--engine", metavar="NAME", action="append", help="only this engine; may be given several times"
    )
    made.add_argument(
        "--offline",
        metavar="WHEELS",
        type=Path,
        help="a folder of wheels to bring along: no package index is asked",
    )
    made.add_argument(
        "--system-packages",
        action="store_true",
        help="use the device's own packages too, such as Debian's python3-onnxruntime",
    )
    made.add_argument(
        "--python",
        metavar="PATH",
        help="use this Python of the device, which has the runtime and engines; install the bundle alone",
    )
    made.add_argument("--threads", metavar="N[,N]", default="1", help="threads to measure with; default: 1")
    made.add_argument(
        "--calls", metavar="N", type=int, help="single calls of each; default: 1000, fewer if slow"
    )
    made.add_argument("--ssh", metavar="COMMAND", default="ssh", help="ssh with options; default: ssh")
    made.add_argument("--dry-run", action="store_true", help="say what would be installed, and end")
    stay = made.add_mutually_exclusive_group()
    stay.add_argument("--keep", action="store_true", help="leave it installed, which is the default")
    stay.add_argument("--remove", action="store_true", help="remove from the device all that was installed")
    return made
