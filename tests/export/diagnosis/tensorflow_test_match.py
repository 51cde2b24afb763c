"""Layers are found again in float32 files by their values: of models made for it, whose names and fusions mislead."""

import keras
import numpy as np
import pytest

from export.diagnosis.layer_calls import INPUT, layer_calls
from export.diagnosis.layer_map import MappedCall
from export.diagnosis.match import Match, folded_into, match
from export.formats import saved_model
from export.formats.format import Conversion
from export.formats.table import FORMATS
from export.trained.model_files.load import load
from export.trained.original_model import OriginalModel
from tests.export.diagnosis.faults import FILES
from tests.export.diagnosis.matched import wrong
from tests.export.diagnosis.models import MODELS
from tests.export.formats.records import saved

SAMPLES = 37  # a number that no axis of these models has
LEAST = 0.98  # of the calls


class Made:
    """A model, what it is fed, its calls, and its float32 files."""

    def __init__(self, name, folder):
        keras.utils.set_random_seed(3)
        model = MODELS[name]()
        _unlike_new(model)
        trained, self.record = saved(model, folder)
        saved_model.float32(Conversion(trained, folder / "saved_model", self.record))
        for each in FILES:
            file = folder / f"{each}{FORMATS[each].suffix}"
            FORMATS[each].converters["float32"](Conversion(folder / "saved_model", file, self.record))
        loaded = load(folder / "model.keras")
        original = OriginalModel(loaded, self.record.inputs, self.record.outputs, self.record.source)
        random = np.random.default_rng(0)
        self.feeds = {
            taken.name: random.normal(size=(SAMPLES, *taken.shape)).astype(np.float32)
            for taken in self.record.inputs
        }
        self.calls = layer_calls(original, self.feeds)
        self.files = {
            each: FILES[each]((folder / f"{each}{FORMATS[each].suffix}").read_bytes()) for each in FILES
        }

    def matches(self, format_):
        file = self.files[format_]
        values = file.values(self.feeds, file.floats() | set(file.inputs.values()))
        return match(self.calls, file, values)

    def mapped(self, format_):
        return [
            MappedCall(call.name, call.kind, call.parameters, call.inputs, where)
            for call, where in zip(self.calls, self.matches(format_), strict=True)
        ]


def _unlike_new(model):
    """Biases and normalisations of a new model do nothing; those of a trained one do."""
    random = np.random.default_rng(7)
    for weight in model.weights:
        if any(name in weight.path for name in ("gamma", "variance")):
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
        elif any(name in weight.path for name in ("beta", "mean", "bias")):
            weight.assign(random.normal(0, 0.3, weight.shape))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    kept = {}

    def get(name):
        if name not in kept:
            keras.utils.clear_session()  # which counts the names of layers from the beginning
            kept[name] = Made(name, tmp_path_factory.mktemp(name))
        return kept[name]

    return get


@pytest.mark.conversion
@pytest.mark.parametrize("format_", FILES)
@pytest.mark.parametrize("name", MODELS)
def test_every_call_is_found_and_none_wrongly(made, name, format_):
    calls = made(name).mapped(format_)
    found = sum(call.match.how != "unused" for call in calls)
    assert found >= LEAST * len(calls), [call for call in calls if call.match.how == "unused"]
    assert wrong(calls, made(name).files[format_]) == []


@pytest.mark.conversion
def test_calls_are_told_apart_and_named_by_models_and_number(made):
    shared = made("shared")
    assert [call.name for call in shared.calls] == [
        "twin",
        "twin#2",
        "encoder/dense",
        "encoder/dense_1",
        "encoder/dense#2",
        "encoder/dense_1#2",
        "concatenate",
        "out",
    ]
    assert shared.calls[0].inputs == (INPUT,) and shared.calls[-1].inputs == (6,)
    for format_ in FILES:
        tensors = [where.tensor for where in shared.matches(format_)]
        assert None not in tensors and len(set(tensors)) == len(tensors)
    assert [call.name for call in made("nested").calls][1:3] == ["middle/deep/conv2d", "middle/max_pooling2d"]


@pytest.mark.conversion
def test_a_layer_inside_another_is_no_call_of_its_own(made):
    kinds = [call.kind for call in made("sequences").calls]
    assert kinds == ["Conv1D", "Bidirectional", "TimeDistributed", "LSTM", "Dense"]


@pytest.mark.conversion
@pytest.mark.parametrize("format_", FILES)
def test_other_values_are_not_matched(made, format_):
    """Each call is given values that no tensor has: nothing may be found then."""
    mobile = made("mobile")
    file = mobile.files[format_]
    values = file.values(mobile.feeds, file.floats() | set(file.inputs.values()))
    random = np.random.default_rng(5)
    moved = [
        call._replace(outputs=tuple(out * (1 + 0.01 * random.normal(size=out.shape)) for out in call.outputs))
        for call in mobile.calls
    ]
    assert {where.how for where in match(moved, file, values)} == {"unused"}


@pytest.mark.conversion
@pytest.mark.parametrize("format_", FILES)
def test_a_wrong_match_would_be_seen(made, format_):
    mobile = made("mobile")
    calls = mobile.mapped(format_)
    pool = next(place for place, call in enumerate(calls) if call.kind == "GlobalAveragePooling2D")
    other = next(call.match.tensor for call in calls if call.kind == "Add")
    calls[pool] = calls[pool]._replace(match=Match(other, "equal"))
    against = wrong(calls, mobile.files[format_])  # another operator, and made of other things
    assert len(against) == 2 and all(line.startswith(calls[pool].name) for line in against)
    calls[pool] = calls[pool]._replace(match=Match(None, "unused"))
    assert len(wrong(calls, mobile.files[format_])) == 1


def test_a_call_without_a_tensor_is_folded_into_the_first_behind_it_that_has_one():
    inputs = [(INPUT,), (0,), (1,), (0, 2), (3,)]
    assert folded_into(inputs, [None, None, "c", "d", None]) == [2, 2, None, None, None]
