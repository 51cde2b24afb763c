"""A recurrent network that was trained on whole sequences, as one step of a stream with its state in the open.

The file then keeps nothing between calls: whoever calls it hands the state of the last step in, zeros at the beginning,
and takes the new one out.
"""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
from keras import layers

from data import Dataset, Split
from data.dataset import Arrays
from runtime.bundle.manifest import InputRecord, OutputRecord

STEP, STATE, NEXT_STATE = "step", "state", "next_state"


def one_step(model: keras.Model, dataset: Dataset) -> tuple[keras.Model, Dataset]:
    """One step of a network, and its data: steps, the network's own states before them, and the expected answers.

    Args:
        model: layers one after the other, one of them recurrent with one state, that take a sequence [steps, features].
        dataset: the sequences that it was trained on.

    Returns:
        A model of the inputs `step` [features] and `state` [units], and of the outputs of `model` and `next_state`;
        and the last step of every test sequence with its targets, of the other splits a step out of their middle.
    """
    (sequences,) = dataset.inputs
    recurrent = next(layer for layer in model.layers if isinstance(layer, layers.RNN))
    steps, features = sequences.shape
    units = recurrent.cell.state_size
    step, state = keras.Input((features,), name=STEP), keras.Input((units,), name=STATE)
    values, next_state = step, None
    for layer in model.layers:
        if layer is recurrent:
            values, (next_state,) = recurrent.cell(values, [state])
        elif not isinstance(layer, layers.InputLayer):
            values = layer(values)
    (output,) = dataset.outputs
    streaming = keras.Model(
        {STEP: step, STATE: state}, {output.name: values, NEXT_STATE: next_state}, name=model.name
    )

    def split(found: Split, place: int) -> Split:
        inputs = _at(streaming, found.inputs[sequences.name], place, units)
        return Split(inputs, found.targets if place == steps - 1 else {})

    return streaming, replace(
        dataset,
        inputs=(
            InputRecord("tensor", STEP, (features,), "float"),
            InputRecord("tensor", STATE, (units,), "float"),
        ),
        outputs=(output, OutputRecord(NEXT_STATE, (units,), "tensor")),
        train=split(dataset.train, steps // 2),
        validation=split(dataset.validation, steps // 2),
        test=split(dataset.test, steps - 1),
    )


def _at(streaming: keras.Model, sequences: np.ndarray, place: int, units: int) -> Arrays:
    """The step at a place of each sequence, and the state before it."""
    state = np.zeros((len(sequences), units), np.float32)
    for number in range(place):
        feed = {STEP: sequences[:, number], STATE: state}
        state = np.asarray(streaming.predict(feed, batch_size=1000, verbose=0)[NEXT_STATE])
    return {STEP: np.ascontiguousarray(sequences[:, place]), STATE: state}
