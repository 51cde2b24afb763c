"""`python -m export report FILE.json …`: one page of what one or several devices measured."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from runtime.choose.constraints import HELP, parse_limits
from runtime.choose.rule import DEFAULT_LIMITS, ship_line
from runtime.command import as_called
from runtime.errors import UsageError

_EPILOG = """FILE.json is artifacts/report.json, which an export writes, or what `compare`,
`select` and `bench` print with --json on a device; the page calls each device
by the name of its file.

examples:
  python -m export report artifacts/report.json
  python -m export report host.json pi4.json pi5.json --html pis.html
  python -m export report pi5.json --constraints 'drop<=0.5 latency_us_p99<=1000 size<=100kB'

exit code: 0 when there is a file to ship for every model on every device, 1 when there is not, 2 for wrong usage"""


def main(argv: Sequence[str]) -> int:
    """Runs `report`; the exit code says whether every model has a file to ship on every device."""
    options = parser().parse_args(argv[1:])
    limits = DEFAULT_LIMITS if options.constraints is None else parse_limits(options.constraints)
    # Only now: matplotlib takes a second.
    from export.page.fresh import FILE
    from export.page.measured import read_all
    from export.page.write import write

    path = options.html or options.files[0].parent / FILE
    if not path.parent.is_dir():
        raise UsageError(
            f"there is no folder {path.parent} for the page; make it, or name another place with --html"
        )
    measured = read_all(options.files)
    artifacts = options.artifacts or _artifacts(options.files[0].parent, [*measured[0].models()])
    sections = write(measured, path, artifacts, limits, options.constraints)
    choices = [(section, answer) for section in sections for answer in section.answers]
    for section, answer in choices:
        on = f" on {answer.device}" if len(measured) > 1 else ""
        print(f"{section.model}{on}: {ship_line(answer.choice)}")
    rows = sum(len(each.rows) for each in measured)
    print(f"{path}: {len(sections)} models, {rows} rows, {path.stat().st_size / 1000:.0f} kB")
    return 0 if all(answer.choice.row for _, answer in choices) else 1


def _artifacts(folder: Path, models: Sequence[str]) -> Path:
    """Where the bundles are: beside the report, or where exports put them."""
    beside = any((folder / model / "bundle").is_dir() for model in models)
    return folder if beside else Path("artifacts")


def parser() -> argparse.ArgumentParser:
    """The command line of `report`."""
    made = argparse.ArgumentParser(
        prog=as_called("python -m export report"),
        description="Write one page, a file of HTML that needs nothing else, of what one or several devices measured.",
        epilog=as_called(_EPILOG),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("files", metavar="FILE.json", type=Path, nargs="+", help="the rows of one device")
    made.add_argument(
        "--html", metavar="OUT", type=Path, help="the page; default: report.html beside the first file"
    )
    made.add_argument(
        "--artifacts", metavar="DIR", type=Path,
        help="the folder with the bundles, for digests, flipped samples and layers; default: that of the first file, "
        "or artifacts",
    )  # fmt: skip
    made.add_argument("--constraints", metavar="LIMITS", help=HELP)
    return made
