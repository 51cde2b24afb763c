"""`bench visit`: the steps of a visit are those that it names, and their seconds are those of the whole."""

import time

import pytest

from bench import visit
from export.remote.plan import Wish
from export.remote.visit import Stay
from runtime.bundle.reader import open_bundle
from tests.export.remote.conftest import bundle, device, here, server

__all__ = ["bundle", "device", "here", "server"]


@pytest.mark.conversion
def test_the_steps_of_a_visit_are_timed(device, bundle, here):
    began = time.monotonic()
    stay = Stay(python=str(here), remove=True)
    found = visit.visited(device, open_bundle(bundle), Wish(), stay, "10")
    together = time.monotonic() - began
    named = [step.what.split()[0] for step in found]
    assert named[:2] == ["looking", "sending"] and "verifying and measuring" in [step.what for step in found]
    assert 0.5 * together < sum(step.seconds for step in found) <= together


def test_a_line_that_the_next_follows_at_once_is_no_step():
    said = [("looking", 1.0), ("it is a board", 3.5), ("into /home", 3.51), ("sending", 3.52), ("", 4.0)]
    found = visit.steps(said)
    assert [step.what for step in found] == ["looking", "sending"]
    assert [step.seconds for step in found] == pytest.approx([2.5, 0.48])
    assert visit.table(found).splitlines()[2:] == ["looking   2.5", "sending   0.5", "together  3.0"]
