"""The benchmarks of speed and cold start measure what they say; their figures are no business of tests."""

import json
import subprocess
import sys

import numpy as np
import pytest

from bench import bare, speed, start, tensors
from bench.__main__ import main
from runtime.backends import no_wheel
from runtime.bundle.golden import read_golden
from runtime.bundle.reader import open_bundle
from runtime.errors import UsageError
from tests import bundles
from tests.bundles import IMAGE_PAIRS, MODELS


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return bundles.image_bundle(tmp_path_factory.mktemp("bench") / "tiny")


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    return open_bundle(bundles.several_bundle(tmp_path_factory.mktemp("bench") / "several"))


@pytest.mark.parametrize(
    ("engine", "form"), [("litert", "tflite"), ("tflite-runtime", "tflite"), ("onnxruntime", "onnx")]
)
def test_the_bare_calls_answer_as_the_original(engine, form):
    content, golden = (MODELS / f"image-float32.{form}").read_bytes(), bundles.golden()
    images = golden["images"].astype(np.float32)
    single = bare.single(engine, content)
    found = np.concatenate([single(images[row : row + 1]) for row in range(32)])
    assert np.abs(found - golden["probabilities"]).max() < 1e-5
    for size in (1, 8, 32):
        assert np.abs(bare.batched(engine, content, size)(images) - golden["probabilities"]).max() < 1e-5


def test_a_row_for_each_variant_and_engine(bundle, capsys):
    assert main(["speed", str(bundle), "--rounds", "6"]) == 0
    printed = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in printed[2 : 2 + IMAGE_PAIRS]]
    pairs = [
        ["tflite-float32", "litert"], ["tflite-float32", "tflite-runtime"],
        ["tflite-dynamic", "litert"], ["tflite-dynamic", "tflite-runtime"],
        ["tflite-int8", "litert"], ["tflite-int8", "tflite-runtime"],
        ["onnx-float32", "onnxruntime"], ["onnx-dynamic", "onnxruntime"],
    ]  # fmt: skip
    assert [row[1:3] for row in rows] == [pair for pair in pairs if no_wheel(pair[1]) is None]
    assert all(float(row[3]) > 0 for row in rows)
    assert "load" in printed[-1]


@pytest.mark.parametrize(("engine", "form"), [("litert", "tflite"), ("onnxruntime", "onnx")])
def test_the_bare_calls_bind_by_name(several, engine, form):
    content = several.read(several.manifest.variants[f"{form}-float32"].file)
    golden = read_golden(several)
    dtypes = {name: record.tensor.dtype for name, record in several.manifest.inputs.items()}
    row = {name: values[:1].astype(dtypes[name]) for name, values in golden.inputs.items()}
    found = bare.by_name(engine, content)(row)
    assert set(found) == set(golden.outputs)
    for name, expected in golden.outputs.items():
        np.testing.assert_allclose(found[name], expected[:1], atol=1e-4)


def test_models_of_several_tensors_have_a_table_of_their_own(several, capsys):
    assert main(["tensors", str(several.path), "--rounds", "6"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    inputs, outputs = len(several.manifest.inputs), len(several.manifest.outputs)
    assert rows[0][:5] == [several.manifest.model, "tflite-float32", "litert", str(inputs), str(outputs)]
    with pytest.raises(UsageError, match="--rounds is 5; an interval needs at least 6"):
        main(["tensors", str(several.path), "--rounds", "5"])


def test_each_further_tensor_may_take_as_much_again():
    over = speed.Over(2.9, 2.8, 3.0)
    row = tensors.Row("m", "tflite-int8", "litert", 2, 2, 10.0, over)
    assert row.limit_us == pytest.approx(3 * speed.MAX_RUN_OVER_US)
    assert tensors.table([row]).endswith("all limits are kept")
    assert "run +2.9 µs, limit +2.0" in tensors.table([row._replace(inputs=1)])


def test_a_difference_is_that_of_blocks_of_one_round():
    base = np.linspace(10, 50, 60)  # a machine that gets slower all the time
    found = speed.over(base + 2, base)
    assert found.us == found.low_us == found.high_us == pytest.approx(2)
    noisy = speed.over(base + 2 + np.resize([-1.0, 1.0], 60), base)
    assert noisy.low_us <= noisy.us <= noisy.high_us and noisy.low_us < noisy.high_us


def test_a_limit_that_is_not_kept_is_said():
    kept, missed = speed.Over(0.5, 0.4, 0.6), speed.Over(9.0, 8.0, 10.0)
    batch, slow = speed.Batch(1, 1, 32, 1.0, 0.5, 1.0), speed.Batch(3, 2, 32, 1.5, 1.2, 1.3)
    good = speed.Row("m", "tflite-int8", "litert", 10, kept, kept, kept, batch)
    assert good.misses() == []
    assert len(good._replace(run=missed, predict=missed, batch=slow).misses()) == 5
    assert (
        "a second bare engine with this file, memory elsewhere: +0.5" in good._replace(run=missed).misses()[0]
    )
    small = good._replace(batch=slow._replace(bare_us_per_row=0.02)).misses()
    assert "the checks that all values are finite" in small[0]
    assert "run +0.5 µs, limit +0.0" in good._replace(engine="onnxruntime").misses()[0]
    assert "beyond a limit:" in speed.table([good._replace(run=missed)])
    assert "all limits are kept" in speed.table([good])


def test_a_cold_start_is_a_process_of_its_own(tmp_path):
    programs = {"nothing": "", "list": "x = [0] * 40_000_000" + start._PEAK, "again": start._PEAK}
    found = start.measure(programs, 3, tmp_path)
    assert found["list"].least.cpu_ms > found["nothing"].least.cpu_ms > 1
    # 320 MB in the one must not show in the next.
    assert found["list"].least.peak_rss_mib > 300 > 100 > found["again"].least.peak_rss_mib > 1


def test_a_cold_start_beyond_a_limit_says_why():
    bare = start.Found(start.Start(80, 90, 40), 1, 0)
    ours, untested = bare._replace(of_bare=1.08, over_ms=6.4), bare._replace(of_bare=1.05, over_ms=4)
    found = {"bare": bare, "load and predict": ours, "without self-test": untested}
    assert start.misses(found) == []
    slow = ours._replace(of_bare=1.2, over_ms=16, least=start.Start(96, 99, 45))
    time, memory = start.misses(found | {"load and predict": slow})
    assert "1.20 of bare, limit 1.10: of 16.0 ms more, 12.0 are the self-test" in time
    assert "5.0 MiB over bare, limit 3" in memory


@pytest.mark.parametrize("engine", ["litert", "tflite-runtime", "onnxruntime"])
def test_the_compared_programs_give_the_same_answer(bundle, tmp_path, engine):
    from runtime.bundle.reader import open_bundle

    variant = "onnx-float32" if engine == "onnxruntime" else "tflite-float32"
    answers = []
    for program in start.programs_of(open_bundle(bundle), variant, engine, tmp_path).values():
        program = program.removesuffix(start._PEAK) + "\nimport json; print(json.dumps(answer.tolist()))"
        answers.append(json.loads(subprocess.check_output([sys.executable, "-c", program]).splitlines()[-1]))
    assert len(answers) == 3 and np.abs(np.array(answers) - answers[0]).max() < 1e-6


def test_wrong_use_is_said(bundle, tmp_path):
    for arguments in (
        ["fly"],
        ["speed", str(bundle), "--rounds", "1"],
        ["start", str(bundle), "--scheme", "int4"],
    ):
        with pytest.raises(UsageError):
            main(arguments)
