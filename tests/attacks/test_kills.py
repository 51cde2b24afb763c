"""The steps that the campaign `kills` interrupts do their work where nothing interrupts them."""

import shutil

from runtime.bundle.reader import open_bundle
from tests.campaigns import kills
from tests.conftest import ROOT


def test_each_step_leaves_a_whole_bundle(exported, tmp_path):
    sources = []
    for name in ("diabetes-mlp", "digits-cnn"):
        ignored = shutil.ignore_patterns("bundle", "diagnosis", ".bundle-*")
        folder = shutil.copytree(ROOT / "artifacts" / name, tmp_path / name, ignore=ignored)
        sources.append(shutil.copytree(exported.out / name / "bundle", folder / "bundle"))
    (tmp_path / "work").mkdir()
    titles = []
    for title, write, place in kills.steps(sources, tmp_path / "work"):
        found = []
        for turn in (0, 1):
            write(turn)
            found.append(open_bundle(place).manifest)
        assert found[0] != found[1], title
        titles.append(title)
    assert titles == ["install to a folder", "install to a .zip", "sign in place", "pack after an export"]
