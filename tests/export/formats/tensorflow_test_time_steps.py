"""What is said of recurrent layers is what stands in the files."""

import keras
import pytest
from keras import layers

from export.formats import saved_model
from export.formats.format import Conversion, TracedNote
from export.formats.table import FORMATS
from export.formats.tflite_graph import operators
from export.formats.tracing import time_steps
from tests.export.formats.records import saved

LOOP = "a loop over its time steps, which computes one after the other."
COPIES = "unrolled, since the model says unroll=True: each time step has a copy of its cell."
ONE_STEP = "computed one time step a call: the model itself takes the state and gives the next."


def sequence(*parts):
    return keras.Sequential([keras.Input((4, 3), name="x"), *parts])


@pytest.mark.conversion
@pytest.mark.parametrize(
    ("layer", "note", "loops"),
    [
        (layers.LSTM(2, name="memory"), f"The layer memory is {LOOP}", 1),
        (layers.GRU(2, unroll=True, name="memory"), f"The layer memory is {COPIES}", 0),
        (layers.RNN(layers.LSTMCell(2), name="memory"), f"The layer memory is {LOOP}", 1),
        (layers.Bidirectional(layers.GRU(2), name="pair"), f"The layer pair is {LOOP}", 2),
        (layers.Bidirectional(layers.GRU(2, unroll=True), name="pair"), f"The layer pair is {COPIES}", 0),
        (layers.Conv1D(2, 2, name="conv"), None, 0),
    ],
)
def test_the_note_is_what_the_files_hold(layer, note, loops, tmp_path):
    source, described = saved(sequence(layer), tmp_path)
    notes = saved_model.float32(Conversion(source, tmp_path / "saved_model", described))
    assert notes == ((note,) if note else ()) and all(isinstance(each, TracedNote) for each in notes)
    FORMATS["tflite"].converters["float32"](
        Conversion(tmp_path / "saved_model", tmp_path / "file", described)
    )
    assert [each.name for each in operators(tmp_path / "file")].count("WHILE") == loops


def test_a_cell_alone_is_one_step():
    x, state = keras.Input((3,), name="x"), keras.Input((2,), name="state")
    made, (after,) = layers.GRUCell(2, name="cell")(x, [state])
    model = keras.Model([x, state], {"made": made, "after": after})
    assert time_steps.notes(model) == (f"The layer cell is {ONE_STEP}",)


def test_layers_of_models_in_models_are_named_and_each_way_has_one_sentence():
    inner = sequence(
        layers.LSTM(2, return_sequences=True, name="first"),
        layers.GRU(2, return_sequences=True, name="second"),
    )
    model = sequence(
        layers.SimpleRNN(3, unroll=True, return_sequences=True, name="copies"),
        inner,
        layers.TimeDistributed(layers.Dense(2)),
        layers.LSTM(2, name="third"),
    )
    assert time_steps.notes(model) == (
        f"The layer copies is {COPIES}",
        f"The layers second, first and third are each {LOOP}",
    )


def test_many_layers_are_counted():
    model = sequence(*(layers.GRU(3, return_sequences=True, name=f"gru_{number}") for number in range(10)))
    (note,) = time_steps.notes(model)
    names = ", ".join(f"gru_{number}" for number in range(8))
    assert note == f"The layers {names} and 2 more are each {LOOP}"
