"""What the user types about a model of their own."""

from pathlib import Path

import pytest

from export.trained.names import UNNAMED
from export.trained.user_model import UserModel, named_lists, named_shapes, named_texts
from runtime.errors import UsageError


def test_texts_with_and_without_names():
    assert named_texts("--task", ["binary"]) == {UNNAMED: "binary"}
    assert named_texts("--task", ["a=binary, b=tensor", "c=regression"]) == {
        "a": "binary", "b": "tensor", "c": "regression",
    }  # fmt: skip
    assert named_texts("--pixels", ["image=-1-1"]) == {"image": "-1-1"}
    assert named_texts("--task", []) == {}


def test_lists_with_and_without_names(tmp_path):
    (tmp_path / "labels.txt").write_text("cat\n\n dog \nlast = one\n")
    assert named_lists("--labels", ["cat, dog"]) == {UNNAMED: ("cat", "dog")}
    assert named_lists("--labels", ["kind=cat,dog", "size=small,large"]) == {
        "kind": ("cat", "dog"), "size": ("small", "large"),
    }  # fmt: skip
    assert named_lists("--labels", [f"kind={tmp_path}/labels.txt"]) == {"kind": ("cat", "dog", "last = one")}
    assert named_lists("--unit", ["°C,,m"]) == {UNNAMED: ("°C", "", "m")}


def test_shapes():
    assert named_shapes(["tokens=1,100,40"]) == {"tokens": (1, 100, 40)}
    assert named_shapes(["a=1,2 b=1,3;c:0=1", "d=1,4"]) == {
        "a": (1, 2),
        "b": (1, 3),
        "c:0": (1,),
        "d": (1, 4),
    }
    assert named_shapes(["wave form=1,100; the 2 words=1,7 b=1,3"]) == {
        "wave form": (1, 100),
        "the 2 words": (1, 7),
        "b": (1, 3),
    }


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: named_texts("--task", ["a=binary", "a=tensor"]),
            "--task is given twice for a; give each once",
        ),
        (lambda: named_lists("--labels", ["a,b", "c,d"]), "--labels is given twice; give each once"),
        (
            lambda: named_shapes(["100,40"]),
            "--shape 100,40: expected INPUT=1,SIZE,… with the batch first, such as --shape tokens=1,100",
        ),
        (
            lambda: named_shapes(["x=1,n"]),
            "--shape x=1,n: expected INPUT=1,SIZE,… with the batch first, such as --shape tokens=1,100",
        ),
        (lambda: named_shapes(["x=1,2", "x=1,3"]), "--shape is given twice for x; give each once"),
        (
            lambda: UserModel(Path("m"), tasks={UNNAMED: "detection"}),
            "--task detection: it is unknown; known: classification, binary, multilabel, regression, reconstruction, "
            "tensor",
        ),
        (
            lambda: UserModel(Path("m"), pixels={"x": "0-2"}),
            "--pixels 0-2: it is unknown; known: 0-255, 0-1, -1-1, imagenet",
        ),
        (
            lambda: UserModel(Path("m"), resize="zoom"),
            "--resize zoom: it is unknown; known: stretch, crop, pad",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(call, words):
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value) == words


def test_labels_in_a_file_that_is_no_text_are_refused(tmp_path):
    (tmp_path / "labels.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"--labels .*labels\.bin: it cannot be read"):
        named_lists("--labels", [str(tmp_path / "labels.bin")])
