"""Files of Keras 3.15 that an older Keras is given."""

import json
import zipfile

import pytest

from export.formats import older_keras
from export.formats.older_keras import for_installed, readable, without_added
from tests.conftest import ROOT

MODEL = ROOT / "artifacts" / "fashion-cnn" / "model.keras"


def config_of(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read("config.json").decode()


@pytest.fixture
def older(monkeypatch):
    monkeypatch.setattr(older_keras, "version", lambda name: "3.12.4")


def test_an_older_keras_gets_a_copy_without_what_it_does_not_know(older):
    assert '"input_axes"' in config_of(MODEL) and '"renorm"' in config_of(MODEL)
    with readable(MODEL) as path:
        found = config_of(path)
        assert json.loads(found) == without_added(json.loads(config_of(MODEL)))
        assert not any(f'"{name}"' in found for name in ("input_axes", "quantization_config", "renorm"))
        with zipfile.ZipFile(MODEL) as before, zipfile.ZipFile(path) as after:
            assert before.namelist() == after.namelist()
            assert before.read("model.weights.h5") == after.read("model.weights.h5")
    assert not path.exists()


def test_a_models_config_is_made_ready_for_the_installed_keras(monkeypatch):
    config = json.loads(config_of(MODEL))
    for installed, expected in (("3.12.4", without_added(config)), ("3.15.1", config)):
        monkeypatch.setattr(older_keras, "version", lambda name, installed=installed: installed)
        assert for_installed(config) == expected
    assert without_added(config) != config


def test_a_newer_setting_that_is_used_stays():
    config = {"layers": [{"config": {"renorm": True, "renorm_clipping": None, "units": None}}]}
    assert without_added(config) == {"layers": [{"config": {"renorm": True, "units": None}}]}


def test_a_keras_that_knows_them_gets_the_file_itself(monkeypatch):
    monkeypatch.setattr(older_keras, "version", lambda name: "3.15.1")
    with readable(MODEL) as path:
        assert path == MODEL


def test_what_is_no_keras_file_is_left_to_keras(older, tmp_path):
    (tmp_path / "a.keras").write_bytes(b"no zip")
    with readable(tmp_path / "a.keras") as path:
        assert path == tmp_path / "a.keras"
