"""Every variant of every committed model, on every engine of the boards: the answers of x86, and the original's."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema

from export.checks.drift import ONNX_FLOAT16, QUANTIZED
from export.checks.spread import MOST_BY_ROUNDING
from runtime.backends import no_wheel
from runtime.bundle.golden import read_golden
from runtime.bundle.reader import open_bundle
from runtime.selftest import parity
from tests.arm.differences import ALIKE, BOARDS, FEW, OF_FEW, SAME, asked_of, differences
from tests.arm.guest import ALONE, asked, is_plain, ways

# Bundles that were made here hold answers of the engines that this Python has.
HERE = {engine for engine in ("litert", "tflite-runtime", "onnxruntime") if no_wheel(engine) is None}
ENGINES = {
    "pi4": {"litert", "tflite-runtime", "onnxruntime"} & HERE,
    "pi5": {"litert", "tflite-runtime", "onnxruntime"} & HERE,
    "pi4-32": {"tflite-runtime"} & HERE,
    "pi5-trixie": {"litert", "onnxruntime"},
    "pi5-trixie-debian": {"onnxruntime"},
}
ON_BOARDS = [
    pytest.param(board, marks=pytest.mark.tflite_runtime) if board == "pi4-32" else board for board in BOARDS
]
# The largest difference from the same engine on x86; for values, relative to the largest of them.
FLOAT = 2 * SAME  # 1.2e-5 behind 20 layers of selu
STEP = 1 / 256  # of an int8 probability
BOUNDS = {
    "tflite-float32": FLOAT,
    "tflite-float16": FLOAT,  # only the weights are float16
    "tflite-dynamic": QUANTIZED.max_abs_error,  # an activation between two steps is rounded the other way
    "tflite-int8": STEP + 1e-6,  # see test_int8_is_the_same_to_the_last_bit
    "tflite-int16x8": 0.0,
    "onnx-float32": FLOAT,
    "onnx-float16": 2**-11,  # computed in float32, kept in float16: half a step of the largest probabilities
    "onnx-dynamic": QUANTIZED.max_abs_error,
    "onnx-int8": 0.0,
}
# ONNX Runtime has kernels for processors that compute in float16, such as the Pi 5's; elsewhere it uses float32.
FLOAT16_ARITHMETIC = ONNX_FLOAT16.max_abs_error
WITH_FLOAT16_ARITHMETIC = ("pi5", "pi5-trixie", "pi5-trixie-debian")
# tflite-runtime takes other kernels for batches on Arm; those of a selu round other integers, and 20 layers of it add
# that up. An answer may move by no more than the rounding to integers itself moved one (0.055, of two classes that are
# nearly tied).
ROUNDED_OTHERWISE = "fashion-deep-selu-dropout tflite-int8 tflite-runtime batch probabilities"
# Its int16 tables of exponentials are filled with the processor's own exp; they differ among x86 processors (0.00025).
SELU = {
    f"fashion-deep-selu-dropout {row} probabilities": bound
    for row, bound in {
        "tflite-int16x8 tflite-runtime batch": 5e-4,
        "tflite-int16x8 tflite-runtime alone": 5e-4,
    }.items()
}
# tflite-runtime adds int8 tensors with kernels of its own on Arm, which round some sums of a shortcut to the integer
# beside. Behind six of them the logits of this net are up to one integer off.
OTHER_ADD = {"cifar-resnet integers tflite-runtime alone logits"}
# What the self-test refuses on a board, rightly: on a Pi 5 each addition is rounded to float16 (test_causes.py). That
# adds up over the 784 additions of a sum, to 0.0229, and over 20 layers, to 0.0225 with a batch normalisation each and
# to 0.0211 with selu, where 0.02 is allowed. ONNX Runtime 1.21 has fewer of these kernels.
WIDE_FLOAT16 = {"mnist-autoencoder onnx-float16 onnxruntime"}
DEEP_FLOAT16 = {
    "fashion-deep-bn onnx-float16 onnxruntime",
    "fashion-deep-selu-dropout onnx-float16 onnxruntime",
}
REFUSED = {"pi5": WIDE_FLOAT16 | DEEP_FLOAT16, "pi5-trixie": DEEP_FLOAT16}


def runs_there(variant: str, board: str) -> bool:
    engines = {"onnxruntime"} if variant.startswith("onnx") else {"litert", "tflite-runtime"}
    return bool(engines & ENGINES[board])


@pytest.mark.parametrize("board", ON_BOARDS)
def test_the_self_test_refuses_nothing_else(runs, board):
    lines = runs[f"{board} answers"].stdout.splitlines()
    found = {line.removeprefix("refused: ") for line in lines if line.startswith("refused: ")}
    assert found == REFUSED.get(board, set())


@pytest.mark.parametrize("board", ON_BOARDS)
def test_nothing_is_left_out(answers, bundles, board):
    models = asked_of(board, bundles)
    wanted = {
        f"{model} {row.name} {engine} {way} {output}"
        for model, path in models.items()
        for row in open_bundle(path).manifest.variants.values()
        for engine in set(row.engines) & ENGINES[board]
        if f"{model} {row.name} {engine}" not in REFUSED.get(board, set())
        for way in ways(open_bundle(path).manifest)
        for output in row.outputs
    }
    plain = sum(is_plain(open_bundle(path).manifest) for path in models.values())
    assert len(wanted) >= (len(models) + plain) * (4 if ENGINES[board] == {"onnxruntime"} else 5)
    assert {key for key in answers[board] if key.split()[1] != "integers"} == wanted


def operators(file: Path) -> set[str | int]:
    if file.suffix == ".onnx":
        return {node.op_type for node in onnx.load(file).graph.node}
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(file.read_bytes()))
    return {
        model.operatorCodes[operator.opcodeIndex].builtinCode
        for graph in model.subgraphs
        for operator in graph.operators
    }


@pytest.mark.parametrize("variant", BOUNDS)
def test_a_model_that_is_asked_has_the_operators_of_each_that_is_not(bundles, variant):
    for left_out, alike in ALIKE.items():
        file = f"{variant}.{variant.split('-')[0]}"
        assert operators(bundles[left_out] / file) <= operators(bundles[alike] / file), left_out
        assert alike in asked_of("pi4", bundles) and left_out not in asked_of("pi4", bundles)
    assert set(asked_of(FEW, bundles)) == set(OF_FEW)


@pytest.mark.parametrize("board", ON_BOARDS)
@pytest.mark.parametrize("variant", BOUNDS)
def test_a_variant_answers_as_on_x86(answers, bundles, board, variant):
    half = variant == "onnx-float16" and board in WITH_FLOAT16_ARITHMETIC
    limit = FLOAT16_ARITHMETIC if half else BOUNDS[variant]
    limits = SELU | {ROUNDED_OTHERWISE: moved_by_rounding(answers, bundles, ROUNDED_OTHERWISE)}
    found = {key: error.max() for key, error in differences(answers, board, variant)}
    assert bool(found) == runs_there(variant, board)
    assert {key: error for key, error in found.items() if error > limits.get(key, limit)} == {}


def moved_by_rounding(answers, bundles, key):
    """How far a file's answers to golden inputs are from the original's on x86, at most."""
    model, *_, output = key.split()
    originals = of_the_original(open_bundle(bundles[model]), output)
    return float(np.abs(answers["x86"][key][: len(originals)] - originals).max())


def of_the_original(bundle, output):
    """The original's answers to the golden inputs that a board is asked for; the probes come behind these."""
    return read_golden(bundle).outputs[output][asked(bundle.manifest.model)]


def test_ties_move_most_answers_of_a_loop_on_a_pi_5_and_no_further_than_its_manifest_says(answers, bundles):
    """Its steps take the rows of an embedding of int8 numbers (test_causes.py)."""
    key = "reviews-lstm tflite-dynamic litert alone probabilities"
    here, on_4, on_5 = (answers[machine][key] for machine in ("x86", "pi4", "pi5"))
    limits = (
        open_bundle(bundles["reviews-lstm"]).manifest.variants["tflite-dynamic"].recorded["probabilities"]
    )
    assert parity.drift(on_4, here)[1] < QUANTIZED.usual_abs_error < parity.drift(on_5, here)[1]
    assert parity.drift(on_5, here)[1] < limits.usual_abs_error <= MOST_BY_ROUNDING


@pytest.mark.parametrize("board", ON_BOARDS)
def test_int8_is_the_same_to_the_last_bit(answers, bundles, plain, board):
    """All whole numbers of a static int8 file are, up to the logits: the softmax after them computes in floats."""
    found = dict(differences(answers, board, "integers"))
    assert len(found) == len(asked_of(board, bundles).keys() & plain) * len(ENGINES[board] - {"onnxruntime"})
    other = {key for key, error in found.items() if error.any()}
    assert other <= OTHER_ADD and all(found[key].max() <= 1 for key in other)


@pytest.mark.parametrize("board", [board for board in BOARDS if runs_there("tflite-int8", board)])
def test_the_softmax_of_int8_moves_few_answers_by_one_step(answers, board):
    found = differences(answers, board, "tflite-int8")
    errors = np.concatenate([error.ravel() for key, error in found if key not in {*SELU, ROUNDED_OTHERWISE}])
    assert np.count_nonzero(errors > 1e-6) <= 0.005 * errors.size


@pytest.mark.parametrize("board", ON_BOARDS)
def test_every_answer_is_within_the_tolerance_of_the_original(answers, bundles, board):
    for key, array in answers[board].items():
        model, variant, _, way, output = key.split()
        if variant != "integers":
            bundle = open_bundle(bundles[model])
            outputs = of_the_original(bundle, output)
            answered = array[: len(outputs)]
            if way == "alone":
                outputs = outputs[ALONE]
                answered = array[: len(outputs)]
            limit = bundle.manifest.variants[variant].tolerances[output].max_abs_error
            assert np.abs(answered - outputs).max() <= limit, key


@pytest.mark.parametrize("board", ON_BOARDS)
def test_the_answers_came_from_the_installed_wheel(runs, devices, board):
    said = Path(runs[f"{board} answers"].stdout.splitlines()[-1])
    expected = devices[board].site / "runtime" / "__init__.py"
    assert said.parts[-6:] == expected.parts[-6:] and board in said.parts[-6:]  # it may be of an earlier run
