"""The pages: they build without a warning, their links lead somewhere, and what they quote of errors is true."""

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.source_texts import texts

PAGES = sorted((ROOT / "docs").glob("*.md"))
QUOTED = re.findall(r"^### `(.+)`$", (ROOT / "docs" / "troubleshooting.md").read_text(), flags=re.MULTILINE)


def test_the_site_builds_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "api" / "index.html").read_text()
    for name in ("load", "Model", "export", "Report", "MeasuredRow", "EdgeProofError"):
        assert re.search(rf'<h\d id="[\w.]+\.{name}"', page), name
    assert not re.search(
        r'(src|href)="https?://(?!squidfunk)', (tmp_path / "site" / "index.html").read_text()
    )


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda page: page.name
)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.fixture(scope="module")
def known():
    return [text for folder in ("constraints", "data", "export", "runtime") for text in texts(ROOT / folder)]


@pytest.mark.parametrize("quoted", QUOTED)
def test_every_error_that_is_explained_is_one_of_the_program(quoted, known):
    assert any(quoted in text for text in known)


def test_an_error_that_nobody_raises_is_seen(known):
    assert len(QUOTED) >= 25 and not any("the sub-folder … is one of the classes" in text for text in known)
