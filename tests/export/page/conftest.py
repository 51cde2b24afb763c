"""The browser that pages are looked at in; where there is none, the end of the tests says so."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.conftest import skip_without

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_REASON = pytest.StashKey[str]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """A skipped test is a letter in a line of dots; that nothing was seen in a browser must be seen."""
    reason = config.stash.get(_REASON, None)
    if reason:
        terminalreporter.section("THE PAGE WAS LOOKED AT IN NO BROWSER", sep="!", red=True, bold=True)
        terminalreporter.line(f"Neither its looks nor axe's rules were checked: {reason}")
        terminalreporter.line("EDGEPROOF_BROWSER=required makes this a failure.")


@pytest.fixture(scope="session")
def browser(request) -> Iterator:
    """Chromium of the distribution; without it the tests are skipped, and the end of the run says so."""
    missing = None
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing = "the package playwright is not installed (pip install playwright axe-playwright-python)"
    if path is None:
        missing = f"none of {', '.join(BROWSERS)} is installed (on Debian: apt install chromium)"
    if missing:
        skip_without("browser", "EDGEPROOF_BROWSER", missing, request, _REASON)
    with sync_playwright() as playwright:
        # Chromium's sandbox does not work for root, as whom containers run.
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        started = playwright.chromium.launch(executable_path=path, args=sandbox)
        yield started
        started.close()
