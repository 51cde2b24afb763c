"""What several commands of the bench take."""

from __future__ import annotations

import argparse
from pathlib import Path

from runtime.errors import UsageError


def add_bundles(parser: argparse.ArgumentParser) -> None:
    """Adds the bundles to measure, by default all that were exported."""
    parser.add_argument(
        "bundles",
        metavar="BUNDLE",
        type=Path,
        nargs="*",
        help="folders of bundles; default: artifacts/*/bundle",
    )


def bundles_of(args: argparse.Namespace) -> list[Path]:
    """The bundles that were asked for; UsageError where there are none."""
    paths = args.bundles or sorted(Path("artifacts").glob("*/bundle"))
    if not paths:
        raise UsageError("no bundles under artifacts/; run `python -m export all`, or name them")
    return list(paths)
