"""Configurations of Keras 3.15 that an older Keras is given."""

import json
import zipfile

from export.formats import older_keras
from export.formats.older_keras import for_installed, without_added
from tests.conftest import ROOT

MODEL = ROOT / "artifacts" / "fashion-cnn" / "model.keras"


def config():
    with zipfile.ZipFile(MODEL) as archive:
        return json.loads(archive.read("config.json"))


def test_a_models_config_is_made_ready_for_the_installed_keras(monkeypatch):
    for installed, expected in (("3.12.4", without_added(config())), ("3.15.1", config())):
        monkeypatch.setattr(older_keras, "version", lambda name, installed=installed: installed)
        assert for_installed(config()) == expected


def test_an_older_keras_is_not_given_what_it_does_not_know():
    before, after = json.dumps(config()), json.dumps(without_added(config()))
    for name in ("input_axes", "quantization_config", "renorm"):
        assert f'"{name}"' not in after
    assert '"input_axes"' in before and '"renorm"' in before


def test_a_newer_setting_that_is_used_stays():
    given = {"layers": [{"config": {"renorm": True, "renorm_clipping": None, "units": None}}]}
    assert without_added(given) == {"layers": [{"config": {"renorm": True, "units": None}}]}
