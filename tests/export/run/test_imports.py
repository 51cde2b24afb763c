"""What an export pays for: TensorFlow takes seconds to import, so that one worker does it for all that needs it.

That worker leaves out what Keras takes along.
"""

import os
import shutil

import pytest

from tests.conftest import ROOT, run_export

pytestmark = pytest.mark.conversion
# Python imports it at the start of each process, the workers too; a finder is asked for each module's first import.
WATCH = """
import os
import sys


class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in ("keras", "tensorflow", "sklearn", "matplotlib"):
            with open(os.environ["EDGEPROOF_WATCHED"], "a") as file:
                file.write(f"{name} {os.getpid()}\\n")


sys.meta_path.insert(0, Watch)
"""


def test_one_worker_imports_tensorflow_over_a_registration_and_an_export(tmp_path):
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH)
    shutil.copy(ROOT / "artifacts" / "diabetes-mlp" / "model.keras", tmp_path / "own.keras")
    watched = tmp_path / "imports"
    done = run_export(
        *(str(tmp_path / "own.keras"), "--jobs", "1", "--targets", "saved_model,tflite-float32,onnx-float32"),
        out=tmp_path / "out",
        EDGEPROOF_WATCHED=str(watched),
        PYTHONPATH=os.pathsep.join([str(tmp_path / "watch"), os.environ.get("PYTHONPATH", "")]),
    )
    assert done.code == 0, done.stdout
    assert {row["variant"] for row in done.rows} == {"saved_model", "tflite-float32", "onnx-float32"}
    found = [line.split() for line in watched.read_text().splitlines()]
    (process,) = {process for name, process in found if name in ("keras", "tensorflow")}
    assert sorted(name for name, each in found if each == process) == ["keras", "tensorflow"]
    assert ("matplotlib", process) not in found
    assert "matplotlib" in {name for name, _ in found}  # the page is drawn elsewhere
