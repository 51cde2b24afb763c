"""The ONNX schemes."""

import shutil
from pathlib import Path

import onnx
import pytest

from export.formats import onnx as formats
from export.formats.format import Conversion
from tests.bundles import MODELS
from tests.export.formats.records import tensors


@pytest.mark.parametrize("scheme", ["dynamic", "int8"])
def test_steps_that_read_one_file_do_not_meet_beside_it(tmp_path, monkeypatch, scheme):
    """ONNX Runtime's quantizer writes and removes NAME-inferred.onnx beside the file it reads."""
    source = Path(shutil.copy(MODELS / "table-float32.onnx", tmp_path / "source.onnx"))
    written = []
    infer = onnx.shape_inference.infer_shapes_path

    def record(path, output, *arguments, **options):
        written.append(Path(output))
        return infer(path, output, *arguments, **options)

    monkeypatch.setattr(onnx.shape_inference, "infer_shapes_path", record)
    ranges = dict.fromkeys((*formats.activations(source), "rows"), (-1.0, 1.0))
    described = tensors({"rows": (3,)}, {"value": (1,)})
    conversion = Conversion(source, tmp_path / f"{scheme}.onnx", described, ranges)
    getattr(formats, scheme)(conversion)
    assert written and all(path.parent != tmp_path for path in written)
