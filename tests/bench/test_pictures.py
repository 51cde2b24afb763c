"""The picture of the documentation: what it cannot be drawn of. tests/export/page/test_picture.py has one drawn."""

import pytest

from bench import pictures
from bench.__main__ import main
from runtime.errors import UsageError
from runtime.measure.row import rows_to_json
from tests.export.page import pages


def test_what_is_missing_is_one_line(tmp_path, monkeypatch):
    for name, models in (("few", ["mnist-cnn"]), ("all", pictures.MODELS)):
        (tmp_path / f"{name}.json").write_text(
            rows_to_json(row for model in models for row in pages.rows(model))
        )
    with pytest.raises(
        UsageError, match=r"few\.json has no rows of cifar-cnn, fashion-mlp, .*run python -m export"
    ):
        main(["pictures", str(tmp_path / "few.json")])
    monkeypatch.setattr(pictures.shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match=r"none of chromium, .* is installed"):
        main(["pictures", str(tmp_path / "all.json")])
