"""Gives the channels between two layers more equal ranges: eight bits for a whole tensor suit its largest channel.

Behind relu, leaky relu and nothing, f(s·x) = s·f(x) for s > 0: what a channel is divided by before may be multiplied
into the weights behind, through pooling, padding and flattening.  How much is moved is a compromise between the ranges
of activations, which share one scale, and the weights behind, which share one for each output channel.  The factors are
powers of two, so that the answers in float32 stay the same to the last bit.

Cross-layer equalization: Nagel, van Baalen, Blankevoort and Welling, "Data-Free Quantization Through Weight
Equalization and Bias Correction", ICCV 2019.  The compromise by measured activations: Xiao et al., "SmoothQuant",
ICML 2023, equation 4, here with the exponents of `SHARES`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from export.quantization.walk import Values, Walk, kernel_of

SHARES = (0.5, 1.0)  # of the difference between channels that is taken from the activations
MOST_LOST = 3.0  # bits that a large channel may take from the others: beyond that a link is worth balancing
_MOST = 12  # the largest exponent of a factor


class Link(NamedTuple):
    """What the channels can be divided by, and the layer whose weights take the factors.

    `before` is a layer with weights, or a batch normalisation.
    """

    before: Any
    after: Any


def links(walk: Walk) -> list[Link]:
    """Where a channel's scale can be moved from one layer to a later one, and nothing else takes what is between."""
    found = []
    for operation in walk.operations:
        if _can_be_divided(operation):
            after = walk.user(operation)
            while after is not None and _passes_scales(after):
                after = walk.user(after)
            if after is not None and kernel_of(after) is not None and _fits(operation, after):
                found.append(Link(operation, after))
    return found


def lost_bits(link: Link, values: Values) -> float:
    """How many bits the largest channel of a link takes from the median one, since both share a scale."""
    largest = _largest(link, values)
    largest = largest[largest > 0]
    return float(np.log2(largest.max() / np.median(largest))) if len(largest) else 0.0


def balance(link: Link, values: Values, share: float) -> None:
    """Moves the scales of a link's channels, in place; `values` are those of some samples, in float32."""
    channels = _channels(link.before)
    largest = _largest(link, values)
    weights = np.abs(kernel_of(link.after).numpy()).astype(np.float64)
    behind = _by_channel(link.after, weights, channels).max(axis=1)
    used = (largest > 0) & (behind > 0)
    if used.sum() < 2:
        return
    # A depthwise convolution has a scale for each channel: there is nothing to compromise with.
    share = 1.0 if _is_depthwise(link.after) else share
    wanted = share * np.log2(largest[used]) - (1 - share) * np.log2(behind[used])
    exponents = np.zeros(channels, np.int64)
    exponents[used] = np.clip(np.rint(wanted - wanted.mean()), -_MOST, _MOST)
    move(link, np.ldexp(np.float32(1), exponents))


def move(link: Link, factors: np.ndarray) -> None:
    """Divides a link's channels by factors, float32 [channels], and multiplies the weights behind by them; in place."""
    _divide(link.before, factors)
    kernel = kernel_of(link.after)
    weights = np.array(kernel.numpy())
    if _is_depthwise(link.after):
        kernel.assign(weights * factors[:, np.newaxis])
    else:
        # Behind a Flatten, a channel's inputs repeat: one for each place of the picture.
        repeated = np.tile(factors, weights.shape[-2] // len(factors))
        kernel.assign(weights * repeated[:, np.newaxis])


def _largest(link: Link, values: Values) -> np.ndarray:
    """The largest absolute value of each channel, float64 [channels]."""
    taken = np.abs(values[id(link.after.input)]).reshape(-1, _channels(link.before))
    largest: np.ndarray = taken.max(axis=0).astype(np.float64)
    return largest


def _divide(layer: Any, factors: np.ndarray) -> None:
    """Divides what a layer gives by a factor for each channel."""
    from keras import layers

    if isinstance(layer, layers.BatchNormalization):
        variables = [layer.gamma, *([layer.beta] if layer.center else [])]
    else:
        kernel = kernel_of(layer)
        divisor = factors.reshape(kernel.shape[-2:]) if _is_depthwise(layer) else factors
        kernel.assign(kernel.numpy() / divisor)
        variables = [layer.bias] if layer.use_bias else []
    for variable in variables:
        variable.assign(variable.numpy() / factors)


def _channels(layer: Any) -> int:
    return int(layer.output.shape[-1])


def _by_channel(layer: Any, weights: np.ndarray, channels: int) -> np.ndarray:
    """Weights as [input channels, others]."""
    if _is_depthwise(layer):
        return np.moveaxis(weights, 2, 0).reshape(channels, -1)
    inputs = np.moveaxis(weights, -2, 0)
    places = inputs.reshape(inputs.shape[0] // channels, channels, -1)
    return np.moveaxis(places, 1, 0).reshape(channels, -1)


def _can_be_divided(operation: Any) -> bool:
    from keras import layers

    if isinstance(operation, layers.BatchNormalization):
        return bool(operation.scale) and operation.axis in (-1, len(operation.input.shape) - 1)
    return (
        kernel_of(operation) is not None
        and not isinstance(operation, layers.Conv2DTranspose)
        and getattr(operation, "data_format", "channels_last") == "channels_last"
        and _homogeneous(operation)
    )


def _passes_scales(operation: Any) -> bool:
    """Whether f(s·x) = s·f(x) for each channel, and the channels stay the last axis, or repeat along it."""
    from keras import layers

    if isinstance(operation, layers.ReLU):
        return operation.max_value is None and not operation.threshold
    if isinstance(operation, layers.Activation):
        return _homogeneous(operation)
    others = (
        layers.LeakyReLU, layers.Dropout, layers.SpatialDropout2D, layers.Flatten, layers.ZeroPadding2D,
        layers.MaxPooling1D, layers.MaxPooling2D, layers.AveragePooling1D, layers.AveragePooling2D,
        layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalAveragePooling1D,
        layers.GlobalAveragePooling2D,
    )  # fmt: skip
    return (
        isinstance(operation, others)
        and getattr(operation, "data_format", "channels_last") == "channels_last"
    )


def _fits(before: Any, after: Any) -> bool:
    """Whether the inputs of a layer are the channels of another, once or several times."""
    from keras import layers

    if isinstance(after, layers.Conv2DTranspose) or getattr(after, "groups", 1) != 1:
        return False
    if getattr(after, "data_format", "channels_last") != "channels_last":
        return False
    return int(after.input.shape[-1]) % _channels(before) == 0


def _homogeneous(layer: Any) -> bool:
    import keras

    return keras.activations.serialize(layer.activation) in ("relu", "leaky_relu", "linear")


def _is_depthwise(layer: Any) -> bool:
    from keras import layers

    return isinstance(layer, layers.DepthwiseConv2D)
