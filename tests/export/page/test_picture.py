"""The picture of the documentation, which `python -m bench pictures` draws in the browser."""

import subprocess
import sys

from PIL import Image

from bench import pictures
from runtime.measure.row import rows_to_json
from tests.conftest import ROOT
from tests.export.page import pages


def test_it_shows_the_top_of_the_page_as_far_as_the_first_pictures(tmp_path, browser):
    rows = [row for model in ("digits", *pictures.MODELS) for row in pages.rows(model)]
    report = tmp_path / "report.json"
    report.write_text(rows_to_json(rows))
    # In a process of its own: one process has one playwright, and here it is that of the tests.
    command = [sys.executable, "-m", "bench", "pictures", str(report), "--to", str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    drawn = Image.open(tmp_path / "a.png").convert("RGB")
    assert done.stdout.startswith(f"{tmp_path / 'a.png'}: {drawn.width} x {drawn.height} pixels, ")
    assert drawn.width == 1240 and 800 < drawn.height < 1400
    # The ground of the recommendation is on it, and below the pictures there is nothing more.
    colours = {colour for _, colour in drawn.getcolors(1 << 20)}
    assert any(green > red + 8 and green > blue + 5 and red > 220 for red, green, blue in colours)
    assert len(drawn.crop((0, drawn.height - 8, 1240, drawn.height)).getcolors()) == 1
