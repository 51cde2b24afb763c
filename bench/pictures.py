"""`python -m bench pictures`: draws the pictures of the documentation, from the page of an export, in Chromium."""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from export.page.measured import read
from export.page.write import write
from runtime.atomic import write_file
from runtime.errors import UsageError

MODELS = ("cifar-cnn", "mnist-cnn", "fashion-mlp", "reviews-cnn", "streaming-gru")
_WIDTH, _HEIGHT = 1240, 1400
_BELOW = 24  # pixels of ground below the last thing that is shown
_COLOURS = 256
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(
        prog="python -m bench pictures",
        description=f"Draws docs/report.png: the beginning of the page of {', '.join(MODELS)}, as an export measured "
        "them. It takes Chromium.",
    )
    made.add_argument(
        "report", type=Path, nargs="?", default=Path("artifacts/report.json"), help="what an export wrote"
    )
    made.add_argument(
        "--to", type=Path, default=Path("docs/report.png"), help="the picture; default: docs/report.png"
    )
    return made


def run(args: argparse.Namespace) -> int:
    """Draws the picture, and says how large it is.

    Raises:
        UsageError: the report lacks a model, or there is no browser.
    """
    every = read(args.report)
    models = every.models()
    missing = [model for model in MODELS if model not in models]
    if missing:
        raise UsageError(
            f"{args.report} has no rows of {', '.join(missing)}; run python -m export {' '.join(missing)}"
        )
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        raise UsageError(f"none of {', '.join(_BROWSERS)} is installed; on Debian: apt install chromium")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        shown = type(every)(every.device, [row for model in MODELS for row in models[model]], every.machine)
        write([shown], page, args.report.parent)
        picture = Image.open(io.BytesIO(_seen(page, path)))
    small = io.BytesIO()
    picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    write_file(args.to, small.getvalue())
    print(f"{args.to}: {picture.width} x {picture.height} pixels, {len(small.getvalue()) / 1000:.0f} kB")
    return 0


def _seen(page: Path, browser: str) -> bytes:
    """The page from its top to the pictures of the first model, as PNG."""
    with sync_playwright() as playwright:
        # What is opened here was written here, and Chromium's sandbox does not work in every container.
        started = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        tab = started.new_page(viewport={"width": _WIDTH, "height": _HEIGHT}, color_scheme="light")
        tab.goto(page.as_uri())
        last = tab.locator(".legend").first.bounding_box()
        assert last is not None, "the first model has no pictures"
        height = last["y"] + last["height"] + _BELOW
        found = tab.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": _WIDTH, "height": height})
        started.close()
    return found
