"""What exact kernels cost is measured on sessions that differ in that alone."""

import numpy as np

from bench.__main__ import main
from tests import bundles
from tests.runtime.backends.test_x64_precision import INPUTS, error_of, overflows_here, quantized


def test_a_row_for_each_onnx_file_with_int8_weights(tmp_path, capsys):
    bundle = bundles.image_bundle(tmp_path / "tiny")
    assert main(["exact", str(bundle), "--rounds", "3"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.split("\n\n")[0].splitlines()[2:]]
    assert [row[:2] for row in rows] == [["tiny-image", "onnx-dynamic"]]
    assert all(float(cell) >= 0 for cell in rows[0][2:])


def test_the_two_sessions_are_what_they_are_called():
    from bench import bare

    content = quantized("MatMul", np.uint8)
    assert error_of(bare.session(content)(INPUTS)) < 20_000
    assert (error_of(bare.session(content, exact=False)(INPUTS)) > 900_000) == overflows_here()
