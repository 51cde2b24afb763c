"""The rung of other ranges, weights and biases: a fault of each kind is mended, a good int8 file stays."""

import numpy as np
import pytest

from data.original import read_original
from export.formats import onnx_biases, tflite_biases
from export.formats.format import Conversion
from export.formats.table import FORMATS
from export.quantization import range_search, ranges
from export.quantization.names import BIAS, RANGES, ROUNDING
from export.run import tuning
from export.run.tuning import tune
from runtime.backends import open_backend
from runtime.errors import ConversionError
from tests.conftest import ROOT

ENGINES = {"tflite": "litert", "onnx": "onnxruntime"}


@pytest.fixture(params=list(ENGINES))
def job(request, exported, tmp_path, monkeypatch):
    """Tunes digits-cnn's int8 file, of which the ranges are `wide` times too wide."""
    monkeypatch.setattr(range_search, "MOST_FILES", 6)
    monkeypatch.setitem(ranges.MOST_SAMPLES, "image", 128)
    name = request.param
    original = read_original(ROOT / "artifacts" / "digits-cnn")
    suffix = FORMATS[name].suffix
    source = exported.out / "digits-cnn" / "bundle" / f"{name}-float32{suffix}"
    recorded = ranges.as_ranges(ranges.read(original.folder)[name])

    def run(wanted, wide=1.0):
        wider = {each: (low * wide, high * wide) for each, (low, high) in recorded.items()}
        destination = tmp_path / "rung" / f"file{suffix}"  # in a folder that is not there yet
        conversion = Conversion(source, destination, original.record, wider)
        return tune(FORMATS[name], conversion, ENGINES[name], original, None, wanted), conversion.destination

    def error(path):
        images = original.golden()[0]["image"].astype(np.float32)
        (wanted,) = original.golden()[1].values()
        (found,) = open_backend(ENGINES[name], path.read_bytes()).run({"image": images}).values()
        return float(np.mean(np.abs(found - wanted)))

    def plain(wide=1.0):
        wider = {each: (low * wide, high * wide) for each, (low, high) in recorded.items()}
        path = tmp_path / f"plain{suffix}"
        FORMATS[name].converters["int8"](Conversion(source, path, original.record, wider))
        return path

    return run, plain, error


def test_ranges_that_are_too_wide_are_searched(job):
    run, plain, error = job
    notes, path = run((RANGES,), wide=30.0)
    assert " tensors are found by " in notes[0] and "the error of the outputs falls by" in notes[0]
    assert error(path) < error(plain(30.0)) / 3
    assert not list(path.parent.glob("*tried*"))


def test_biases_that_are_off_are_corrected(job, monkeypatch):
    run, plain, error = job
    for name, format_ in FORMATS.items():
        if name in ENGINES:
            monkeypatch.setitem(format_.converters, "int8", off_by_a_fifth(name, format_.converters["int8"]))
    notes, path = run((BIAS,))
    assert notes[0].startswith(
        "The mean errors of the channels of 4 ops go into their biases: on other samples"
    )
    assert error(path) < error(plain()) / 2


def off_by_a_fifth(name, convert):
    """A conversion to a file in which each channel of each op is off by a fifth of what it is measured in."""
    module = {"tflite": tflite_biases, "onnx": onnx_biases}[name]

    def converted(conversion):
        notes = convert(conversion)
        content = conversion.destination.read_bytes()
        wrong = {
            bias.name: bias.values + np.rint(0.2 / bias.steps).astype(np.int32)
            for bias in module.biases(conversion.source.read_bytes(), content)
        }
        conversion.destination.write_bytes(module.with_biases(content, wrong))
        return notes

    return converted


def test_weights_are_rounded_by_what_that_does_to_the_layers_outputs(job, monkeypatch):
    monkeypatch.setitem(ranges.MOST_SAMPLES, "image", 1024)
    run, plain, error = job
    notes, path = run((ROUNDING,))
    assert notes[0].startswith(
        "The weights of 4 layers are rounded by what that does to the layers' outputs: on"
    )
    assert error(path) < 0.9 * error(plain())
    assert not list(path.parent.glob("*source*"))


def test_what_does_not_help_on_other_samples_is_taken_back(job, monkeypatch):
    run, _, _ = job
    # As it is, then before and after the ranges, the weights, and the biases.
    errors = iter([1.0, 1.0, 2.0, 1.0, 1.5, 1.0, 1.0])
    monkeypatch.setattr(tuning.Tuning, "held_out_error", lambda self: next(errors))
    with pytest.raises(
        ConversionError, match=r"no other ranges, weights or biases help: the error .* is 1 as"
    ):
        run((RANGES, ROUNDING, BIAS))


def test_too_few_samples_tune_nothing(job, monkeypatch):
    run, _, _ = job
    monkeypatch.setitem(ranges.MOST_SAMPLES, "image", 31)
    monkeypatch.setattr(ranges, "LEAST_SAMPLES", 1)
    monkeypatch.setattr(tuning, "MOST_JUDGED", 0)
    with pytest.raises(ConversionError, match="31 calibration samples are too few to tune a file by"):
        run((BIAS,))


def test_samples_to_judge_by_are_none_of_those_searched_with_and_there_are_as_many_at_least(
    exported, tmp_path
):
    original = read_original(ROOT / "artifacts" / "digits-cnn")
    source = exported.out / "digits-cnn" / "bundle" / "onnx-float32.onnx"
    recorded = ranges.as_ranges(ranges.read(original.folder)["onnx"])
    conversion = Conversion(source, tmp_path / "file.onnx", original.record, recorded)
    job = tuning.Tuning(FORMATS["onnx"], conversion, "onnxruntime", original, None)
    searched, judged = ({row.tobytes() for row in half.raw["image"]} for half in (job._search, job._judged))
    assert len(judged) >= len(searched) > 256
    assert not searched & judged
