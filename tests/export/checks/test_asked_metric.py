"""A metric of the user's own: how it is named, on the command line and in Python."""

import re
from pathlib import Path

import pytest

from export.checks.asked_metric import asked, from_python
from export.trained.names import UNNAMED
from runtime.errors import UsageError


def recall(targets, answers):
    return 0.5


class Recall:
    @staticmethod
    def at_one(targets, answers):
        return 0.5

    def __call__(self, targets, answers):
        return 0.5


def test_what_the_option_says():
    found = asked(["my_code:recall", "price=code.of.mine:pinball,lower", "kind=my_code:recall,higher"])
    assert list(found) == [UNNAMED, "price", "kind"]
    assert [(one.place, one.name, one.better) for one in found.values()] == [
        ("my_code:recall", "recall", "higher"),
        ("code.of.mine:pinball", "pinball", "lower"),
        ("my_code:recall", "recall", "higher"),
    ]
    assert found["price"].folder == Path.cwd()
    assert str(found["price"]) == "code.of.mine:pinball,lower" and str(found["kind"]) == "my_code:recall"
    assert asked([]) == {}


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (
            ["recall"],
            "--metric recall: expected MODULE:FUNCTION, such as my_code:recall for the function recall in my_code.py, "
            "or MODULE:FUNCTION,lower where lower is better",
        ),
        (["my_code.py"], "--metric my_code.py: expected MODULE:FUNCTION"),
        (["my_code:"], "--metric my_code:: expected MODULE:FUNCTION"),
        (["my/code:recall"], "--metric my/code:recall: expected MODULE:FUNCTION"),
        (["my_code:recall,"], "--metric my_code:recall,: expected MODULE:FUNCTION"),
        (["my_code:recall,up"], "--metric my_code:recall,up: expected MODULE:FUNCTION"),
        (["a:b", "c:d"], "--metric is given twice; give each once"),
        (["kind=a:b", "kind=c:d"], "--metric is given twice for kind; give each once"),
        (
            ["my_code:rmse,lower"],
            "--metric my_code:rmse,lower: rmse is the name of a metric that edgeproof computes itself; call the "
            "function otherwise",
        ),
    ],
)
def test_what_is_no_metric_is_refused(texts, said):
    with pytest.raises(UsageError, match=f"^{re.escape(said)}"):
        asked(texts)


def test_python_gives_a_function_or_a_text_or_a_pair():
    assert from_python(None) == {}
    here = __name__
    for said, place, better in (
        (recall, f"{here}:recall", "higher"),
        ((recall, "lower"), f"{here}:recall", "lower"),
        ("my_code:recall,lower", "my_code:recall", "lower"),
        (("my_code:recall", "lower"), "my_code:recall", "lower"),
        (Recall.at_one, f"{here}:Recall.at_one", "higher"),
    ):
        (found,) = from_python(said).values()
        assert (found.place, found.better) == (place, better)
    by_output = from_python({"price": (recall, "lower"), "kind": "my_code:recall"})
    assert {output: one.better for output, one in by_output.items()} == {"price": "lower", "kind": "higher"}


def test_what_a_worker_cannot_import_is_refused(monkeypatch):
    def inside(targets, answers):
        return 0.5

    for function, name in (
        (lambda targets, answers: 0.5, "<lambda>"),
        (inside, "inside"),
        (Recall(), "Recall"),
    ):
        with pytest.raises(UsageError) as caught:
            from_python(function)
        text = str(caught.value)
        assert (
            name in text and "which worker processes cannot import; give a function that is defined" in text
        )
    monkeypatch.setattr(recall, "__module__", "__main__")
    monkeypatch.setattr("__main__.recall", recall, raising=False)
    monkeypatch.delattr("__main__.__file__", raising=False)  # as at a prompt
    with pytest.raises(UsageError, match="metric is recall, which worker processes cannot import"):
        from_python(recall)
    with pytest.raises(UsageError, match="metric is a float; give a function f"):
        from_python(0.5)
