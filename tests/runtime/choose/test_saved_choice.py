"""What was chosen on this device is taken by `load(…, variant="auto")`, and only where it still holds."""

import json
import os
import re

import pytest

import runtime
from runtime import loading
from runtime.bundle.reader import open_bundle
from runtime.choose import saved_choice
from runtime.choose.saved_choice import SavedChoice, machine, place, recall, remember
from runtime.errors import UsageError
from tests.bundles import change_manifest

CHOICE = SavedChoice("tflite-int8", "litert", 2, "the fastest here")


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """A state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def bundle(spoilt):
    return open_bundle(spoilt)


def test_what_was_chosen_is_found_again(bundle, state):
    path = remember(bundle, CHOICE)
    assert path.is_relative_to(state / "edgeproof" / "selections") and recall(bundle) == CHOICE
    assert recall(bundle, "litert") == CHOICE
    newer = CHOICE._replace(threads=1)
    remember(bundle, newer)
    assert recall(bundle) == newer


def test_load_takes_what_was_chosen(spoilt, bundle, monkeypatch):
    remember(bundle, CHOICE)
    opened = []
    real = loading.open_backend
    monkeypatch.setattr(
        loading, "open_backend", lambda *given: opened.append((given[0], given[2])) or real(*given)
    )
    loaded = runtime.load(spoilt, "auto")
    assert (loaded.variant, loaded.engine) == ("tflite-int8", "litert")
    runtime.load(spoilt, "auto", threads=1)
    assert opened == [("litert", 2), ("litert", 1)]
    with pytest.raises(
        UsageError, match="chosen on this device was tflite-int8 with litert, not with onnxruntime"
    ):
        runtime.load(spoilt, "auto", engine="onnxruntime")


def test_where_nothing_was_chosen_the_command_is_named(spoilt):
    with pytest.raises(
        UsageError, match=f"nothing was chosen yet for {spoilt} .*run: python -m runtime select {spoilt}"
    ):
        runtime.load(spoilt, "auto")


def test_another_bundle_at_the_same_place_has_no_choice(spoilt, bundle):
    remember(bundle, CHOICE)
    change_manifest(spoilt, bundle_version=7)
    with pytest.raises(UsageError, match=r"nothing was chosen yet for .*, or its bundle has changed since"):
        runtime.load(spoilt, "auto")


@pytest.mark.parametrize("key", ["cpu", "cores", "numpy", "litert"])
def test_another_machine_or_engine_makes_it_void(bundle, monkeypatch, key):
    remember(bundle, CHOICE)
    before = machine()[key]
    monkeypatch.setattr(saved_choice, "machine", lambda: machine() | {key: "another"})
    words = re.escape(f"no longer holds: {key} was {before}, is another; run: python -m runtime select")
    with pytest.raises(UsageError, match=words):
        recall(bundle)


def test_a_new_engine_makes_it_void(bundle, monkeypatch):
    remember(bundle, CHOICE)
    monkeypatch.setattr(saved_choice, "machine", lambda: machine() | {"hailo": "1.0"})
    with pytest.raises(UsageError, match=r"no longer holds: hailo was None, is 1\.0"):
        recall(bundle)


def test_a_home_shared_by_two_machines_holds_a_choice_for_each(bundle, monkeypatch):
    here = remember(bundle, CHOICE)
    monkeypatch.setattr(saved_choice.platform, "node", lambda: "another-host")
    assert place(bundle) != here
    with pytest.raises(UsageError, match="nothing was chosen yet"):
        recall(bundle)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: "", "cannot be read .*not valid JSON"),
        (lambda text: text[:100], "cannot be read"),
        (lambda text: text.replace('"threads": 2', '"threads": 0'), "cannot be read .*from 1 to 1024"),
        (lambda text: text.replace('"variant"', '"varjant"'), "cannot be read .*'variant' is missing"),
        (lambda text: text.replace('"selection_version": 1', '"selection_version": 2'), "no longer holds"),
        (lambda text: json.dumps(json.loads(text) | {"bundle": "0" * 64}), "no longer holds"),
        (lambda text: json.dumps(json.loads(text) | {"machine": {"cpu": 3}}), "cannot be read"),
    ],
)
def test_a_damaged_choice_is_none(bundle, change, words):
    path = remember(bundle, CHOICE)
    path.write_text(change(path.read_text()))
    with pytest.raises(UsageError, match=f"{words}.*run: python -m runtime select"):
        recall(bundle)


def test_a_choice_of_what_the_bundle_has_not_is_refused(spoilt, bundle):
    remember(bundle, CHOICE._replace(variant="tflite-int4"))
    with pytest.raises(UsageError, match="unknown variant 'tflite-int4'"):
        runtime.load(spoilt, "auto")


def test_a_relative_state_folder_is_ignored(bundle, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for value in ("relative", ""):
        monkeypatch.setenv("XDG_STATE_HOME", value)
        assert place(bundle).is_relative_to(tmp_path / "home" / ".local" / "state" / "edgeproof")


def test_a_folder_that_cannot_be_written_is_an_os_error(bundle, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", os.devnull)
    with pytest.raises(OSError, match="Not a directory"):
        remember(bundle, CHOICE)
