"""Keras is imported without what it takes along, which may be imported later."""

import sys

import pytest

from export.run.keras_import import import_keras

KERAS = """
import sys
missing = []
for name in ("sklearn", "matplotlib.pyplot"):
    try:
        __import__(name)
    except ImportError:
        missing.append(name)
"""


@pytest.fixture
def keras(tmp_path, monkeypatch):
    """One that takes along what the real one does, and says what it could not find."""
    (tmp_path / "keras.py").write_text(KERAS)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [
        name
        for name in sys.modules
        if name.partition(".")[0] in ("keras", "tensorflow", "sklearn", "matplotlib")
    ]:
        monkeypatch.delitem(sys.modules, name)
    yield
    sys.modules.pop("keras", None)


def test_what_keras_takes_along_is_hidden_meanwhile(keras):
    import_keras()
    assert sys.modules["keras"].missing == ["sklearn", "matplotlib.pyplot"]
    assert "sklearn" not in sys.modules and "matplotlib" not in sys.modules
    import sklearn

    assert sklearn.__version__


def test_what_was_imported_before_stays(keras):
    import sklearn

    import_keras()
    assert sys.modules["keras"].missing == ["matplotlib.pyplot"]
    assert sys.modules["sklearn"] is sklearn


def test_an_import_that_fails_hides_nothing_afterwards(keras, tmp_path):
    (tmp_path / "keras.py").write_text("raise ImportError('no wheel')")
    with pytest.raises(ImportError, match="no wheel"):
        import_keras()
    assert "sklearn" not in sys.modules and "matplotlib" not in sys.modules
