"""Recurrent layers as a loop over plain tensors.

Keras keeps the steps' inputs and outputs in TensorArrays.  TensorFlow traces those as TensorLists, which TFLite's
converter takes for a fixed batch only, and tf2onnx for some loops only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from export.formats.tracing.rewrite import Rewrite
from export.formats.tracing.shapes import sizes

_BACKEND = "keras.src.backend"


def _rnn(original: Callable[..., Any]) -> Callable[..., Any]:
    def rnn(
        step_function: Callable[..., Any],
        inputs: Any,
        initial_states: Any,
        go_backwards: bool = False,
        mask: Any = None,
        constants: Sequence[Any] | None = None,
        unroll: bool = False,
        input_length: Any = None,
        time_major: bool = False,
        zero_output_for_mask: bool = False,
        return_all_outputs: bool = True,
    ) -> tuple[Any, Any, Any]:
        """`keras.src.backend.tensorflow.rnn.rnn`: the same arguments, the same answers."""
        if unroll or time_major:  # no layer has the time in front
            unrolled: tuple[Any, Any, Any] = original(
                step_function, inputs, initial_states, go_backwards=go_backwards, mask=mask,
                constants=constants, unroll=unroll, input_length=input_length, time_major=time_major,
                zero_output_for_mask=zero_output_for_mask, return_all_outputs=return_all_outputs,
            )  # fmt: skip
            return unrolled
        loop = _Loop(
            step_function, inputs, tuple(initial_states), tuple(constants or ()), mask,
            go_backwards, zero_output_for_mask, return_all_outputs,
        )  # fmt: skip
        return loop.run()

    return rnn


class _Loop:
    """One pass over the sequences [batch, time, …]; the first arguments are those of Keras' function."""

    def __init__(
        self,
        step: Callable[..., Any],
        inputs: Any,
        initial: tuple[Any, ...],
        constants: tuple[Any, ...],
        mask: Any,
        backwards: bool,
        zeros_where_masked: bool,
        every_output: bool,
    ) -> None:
        import tensorflow as tf

        self._step, self._inputs, self._initial, self._constants = step, inputs, initial, constants
        self._backwards, self._zeros_where_masked = backwards, zeros_where_masked
        self._every_output = every_output
        first = tf.nest.flatten(inputs)[0]
        self._static_steps = first.shape[1]
        self._batch, self._steps = sizes(first)[:2]
        self._mask = mask
        if mask is not None:
            self._mask = tf.reshape(tf.cast(mask, tf.bool), sizes(mask)[:2])

    def run(self) -> tuple[Any, Any, Any]:
        """The last output, all outputs (or the last alone, with a time axis of 1), the last states."""
        import tensorflow as tf

        # Keras learns the outputs' shapes in the same way; what this step computes is dropped from the graph.
        example, _ = self._step(self._at(self._inputs, 0), self._initial + self._constants)
        outputs = [self._zeros(value) for value in tf.nest.flatten(example)]
        states = tf.nest.flatten(self._initial)
        kept = [self._places(value) for value in outputs] if self._every_output else []
        _, outputs, states, kept = tf.while_loop(
            lambda time, *_: time < self._steps,
            self._body,
            (tf.constant(0), outputs, states, kept),
            shape_invariants=(
                tf.TensorShape([]),
                [value.shape for value in outputs],
                [value.shape for value in states],
                [tf.TensorShape([self._static_steps, *value.shape[1:]]) for value in kept],
            ),
        )
        last = tf.nest.pack_sequence_as(example, outputs)
        if self._every_output:
            everything = [self._in_order(*pair) for pair in zip(kept, outputs, strict=True)]
        else:
            everything = [tf.expand_dims(value, 1) for value in outputs]
        return (
            last,
            tf.nest.pack_sequence_as(example, everything),
            tf.nest.pack_sequence_as(self._initial, states),
        )

    def _body(self, time: Any, outputs: list[Any], states: list[Any], kept: list[Any]) -> tuple[Any, ...]:
        import tensorflow as tf

        place = self._steps - 1 - time if self._backwards else time
        given = tf.nest.pack_sequence_as(self._initial, states)
        output, new = self._step(self._at(self._inputs, place), tuple(given) + self._constants)
        made, new = tf.nest.flatten(output), tf.nest.flatten(new)
        if self._mask is not None:
            here = self._at(self._mask, place)
            before = [tf.zeros_like(value) for value in made] if self._zeros_where_masked else outputs
            made = [_where(here, value, old) for value, old in zip(made, before, strict=True)]
            new = [_where(here, value, old) for value, old in zip(new, states, strict=True)]
        for value, old in zip((*made, *new), (*outputs, *states), strict=True):
            value.set_shape(old.shape)
        return time + 1, made, new, [self._append(*pair) for pair in zip(kept, made, strict=False)]

    def _at(self, values: Any, place: Any) -> Any:
        """The values of one step."""
        import tensorflow as tf

        return tf.nest.map_structure(lambda value: tf.gather(value, place, axis=1), values)

    def _zeros(self, value: Any) -> Any:
        """Zeros of a step's shape, without a use of the value where its shape is known but for the batch."""
        import tensorflow as tf

        zeros = tf.zeros([self._batch, *sizes(value)[1:]], value.dtype)
        zeros.set_shape(value.shape)
        return zeros

    def _places(self, output: Any) -> Any:
        """Where the outputs of all steps go: [time, batch, values of a step]."""
        import tensorflow as tf

        return tf.tile(tf.expand_dims(_table(output), 0), [self._steps, 1, 1])

    def _append(self, kept: Any, output: Any) -> Any:
        """The newest output in the last place; all others move up by one, and the first falls out.

        After as many steps as there are places, each output is in its own.  Slices and concatenations are ops of
        every engine, and they keep the scale of what is quantized; TFLite has no op that writes one row of a tensor
        and that tf2onnx knows.
        """
        import tensorflow as tf

        return tf.concat([kept[1:], tf.expand_dims(_table(output), 0)], 0)

    def _in_order(self, kept: Any, output: Any) -> Any:
        """All outputs in the shape that Keras gives them."""
        import tensorflow as tf

        everything = tf.transpose(kept, [1, 0, 2])
        if len(output.shape) == 2:
            return everything
        return tf.reshape(everything, [*sizes(everything)[:2], *sizes(output)[1:]])


def _table(value: Any) -> Any:
    """A step's values [batch, …] as [batch, values]: tflite-runtime slices five dimensions and selects in four."""
    import tensorflow as tf

    if len(value.shape) == 2:
        return value
    batch, *rest = sizes(value)
    return tf.reshape(value, [batch, math.prod(rest)])


def _where(mask: Any, new: Any, old: Any) -> Any:
    """The new rows where the mask [batch] holds, the old ones elsewhere."""
    import tensorflow as tf

    chosen = tf.where(tf.expand_dims(mask, -1), _table(new), _table(old))
    return chosen if len(new.shape) == 2 else tf.reshape(chosen, sizes(new))


def _no_cudnn(original: Callable[..., Any]) -> Callable[..., Any]:
    def cudnn_ok(
        activation: Any, recurrent_activation: Any, unroll: bool, use_bias: bool, reset_after: Any = None
    ) -> bool:
        """`keras.src.backend.tensorflow.rnn.cudnn_ok`: no."""
        return False

    return cudnn_ok


def _time_distributed(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Time steps are further rows of the batch, as in Keras 2: one call of the layer instead of one a step."""
        import tensorflow as tf

        if mask is not None and self.layer._call_has_mask_arg:
            return original(self, inputs, training=training, mask=mask)
        options = {"training": training} if self.layer._call_has_training_arg else {}
        steps = inputs.shape[1] or tf.shape(inputs)[1]
        made = self.layer.call(tf.reshape(inputs, [-1, *sizes(inputs)[2:]]), **options)
        return tf.nest.map_structure(lambda value: tf.reshape(value, [-1, steps, *sizes(value)[1:]]), made)

    return call


REWRITES = (
    Rewrite(
        _BACKEND,
        "rnn",
        _rnn,
        "a loop over TensorLists converts to TFLite for a fixed batch only",
    ),
    Rewrite(
        _BACKEND,
        "cudnn_ok",
        _no_cudnn,
        "where a GPU is visible, Keras traces an op of cuDNN, which no device has",
    ),
    Rewrite(
        "keras.layers",
        "TimeDistributed.call",
        _time_distributed,
        "a copy of the layer for each time step makes a file as many times as large; of an unknown number of steps "
        "Keras makes a vectorized map, which no converter takes",
    ),
)
