"""The options of `python -m export`, and its help."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from export import targets
from export.commands import COMMANDS
from export.quantization.names import REPAIRS
from export.trained.user_model import RAW_PIXELS
from runtime.bundle.manifest import RESIZES, TASKS
from runtime.command import as_called, columns

USAGE = """python -m export [options] MODEL [MODEL …]
       python -m export [options] PATH [PATH …]
       python -m export [options] all
       python -m export list
       python -m export diagnose MODEL [--variant V]
       python -m export report FILE.json [FILE.json …] [--html OUT] [--constraints LIMITS]
       python -m export remote [USER@]HOST … BUNDLE
       python -m export keygen PRIVATE PUBLIC
       python -m export sign BUNDLE --key PRIVATE [--version N]"""
DESCRIPTION = """\
Export trained Keras models to SavedModel, TFLite and ONNX, verify every file
against the original on the engine it will run on, and pack what passed into
artifacts/<model>/bundle."""
MODELS = {
    "MODEL": "a trained model by its name",
    "PATH": "a model of your own: a .keras, .h5 or .hdf5 file, or a SavedModel folder",
    "all": "every trained model",
    "list": "print the trained models and the targets; builds nothing",
}
EPILOG = """DATA is an .npz file (arrays named after the inputs, targets for what the
answers should be), an .npy file (one input), a .csv file, a .txt file with one
text a line, or a folder or .zip file of pictures with a sub-folder for each
class. Values are raw: pixels from 0 to 255, unscaled columns, texts or numbers.

examples:
  python -m export list
  python -m export all
  python -m export mnist-cnn --targets tflite-int8,onnx-int8
  python -m export my_model.keras --calibration photos/ --test photos.zip --pixels 0-1 --labels cat,dog
  python -m export my_table.h5 --calibration rows.csv --test rows.csv --target-column price --unit USD

exit code: 0 when every row passed, 1 when one failed (the report says why), 2 for wrong usage"""
# Options that are bound to one model given by its path.
OF_ONE_MODEL = (
    "calibration", "test", "target_column", "task", "labels", "unit", "pixels", "resize", "shape", "vocabulary",
    "signature", "custom_objects", "name",
)  # fmt: skip


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options in the arguments of the command, which are those of the process where `argv` is None."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # argparse would take the value for an option.
    for place in range(len(arguments) - 1, 0, -1):
        if arguments[place - 1 : place + 1] == ["--pixels", "-1-1"]:
            arguments[place - 1 : place + 1] = ["--pixels=-1-1"]
    return parser().parse_args(arguments)


def parser() -> argparse.ArgumentParser:
    """The options of `python -m export`."""
    arguments = argparse.ArgumentParser(
        prog=as_called("python -m export"),
        usage=as_called(USAGE),
        description="\n\n".join(
            (
                DESCRIPTION,
                columns("what to export:", MODELS),
                columns(
                    "other commands (each has --help):", {name: one.text for name, one in COMMANDS.items()}
                ),
            )
        ),
        epilog=as_called(EPILOG),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    add("models", nargs="+", metavar="MODEL", help=argparse.SUPPRESS)
    add("--targets", help=f"comma-separated; default: all of {', '.join(targets.TARGETS)}")
    add(
        "--max-drop", type=float, metavar="N",
        help="what a quantized file may lose of its metric: percentage points of accuracy, F1 or a metric of your own "
        "(default 0.3), percent of an error, or of a metric of your own where lower is better (default 1)",
    )  # fmt: skip
    add(
        "--metric", metavar="[OUTPUT=]MODULE:FUNCTION[,lower]", action="append", default=[],
        help="a metric of your own, a function f(targets, answers) of all samples that decides in place of the usual "
        "one: a fraction, better higher, or with ,lower an error; may be repeated for other outputs",
    )  # fmt: skip
    add(
        "--repairs", metavar="NAMES",
        help=f"repairs that may be made, with commas, or none (default: {','.join(REPAIRS)})",
    )  # fmt: skip
    add("--strict", action="store_true", help="refuse what the test data are too few to prove")
    add("--out", type=Path, default=Path("artifacts"), help="where bundles and the report go")
    add(
        "--jobs", type=int, default=os.cpu_count() or 1,
        help="conversions at a time (default: the number of cores)",
    )  # fmt: skip
    add("--data-dir", help="folder with the datasets (default: $EDGEPROOF_DATA, cache, download)")
    add("--force", action="store_true", help="rebuild even if nothing changed")
    _add_options_of_one_model(arguments)
    return arguments


def _add_options_of_one_model(arguments: argparse.ArgumentParser) -> None:
    group = arguments.add_argument_group("for a model of your own")

    def add(option: str, metavar: str, text: str, several: bool = False, kind: type = str) -> None:
        repeated = {"action": "append", "default": []} if several else {}
        group.add_argument(option, metavar=metavar, help=text, type=kind, **repeated)  # type: ignore[arg-type]

    add("--calibration", "DATA", "raw inputs to find activation ranges with, for int8 and int16x8", kind=Path)
    add(
        "--test",
        "DATA",
        "raw inputs and what the answers should be: what its files lose is measured on them",
        kind=Path,
    )
    add(
        "--target-column", "NAME", "a column of a .csv file that is what the answers should be; may be repeated",
        several=True,
    )  # fmt: skip
    add(
        "--task", "[OUTPUT=]TASK", f"what an output means: {', '.join(TASKS)} (default: guessed, and said)",
        several=True,
    )  # fmt: skip
    add(
        "--labels", "[OUTPUT=]a,b,c", "the names of the classes in the order of the output, or a file with one a line",
        several=True,
    )  # fmt: skip
    add("--unit", "[OUTPUT=]UNIT", "the unit of a value, or of several, with commas", several=True)
    add(
        "--pixels", "[INPUT=]PIXELS",
        f"what an image was trained on: {RAW_PIXELS}, 0-1, -1-1 or imagenet; the scaling becomes part of every file",
        several=True,
    )  # fmt: skip
    group.add_argument(
        "--resize", choices=RESIZES,
        help=f"how a picture of another size is brought to the image's (default: {RESIZES[0]})",
    )  # fmt: skip
    add(
        "--shape",
        "INPUT=1,SIZE,…",
        "sizes that the file leaves open, the batch first; may be repeated",
        several=True,
    )
    add(
        "--vocabulary", "[INPUT=]FILE", "the words of a text, one a line, the first of which has the number 2",
        several=True,
    )  # fmt: skip
    add("--signature", "NAME", "the signature of a SavedModel (default: serving_default)")
    add(
        "--custom-objects", "MODULE:NAME", "a layer or function of your own code that it uses; may be repeated",
        several=True,
    )  # fmt: skip
    add("--name", "NAME", "what the model is called (default: the name of its file)")
