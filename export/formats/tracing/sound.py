"""Spectra of sound by matrices: ONNX's converter takes a Fourier transform only where its magnitude is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from export.formats.tracing.rewrite import Rewrite


def _stft(original: Callable[..., Any]) -> Callable[..., Any]:
    def stft(
        x: Any,
        sequence_length: int,
        sequence_stride: int,
        fft_length: int,
        window: Any = "hann",
        center: bool = True,
    ) -> tuple[Any, Any]:
        """`keras.src.backend.tensorflow.math.stft`: the same arguments, the same answers.

        The real and the imaginary parts are sums over the frame, weighted by cosines and sines.  The matrix has
        `sequence_length` rows and `fft_length` + 2 columns.
        """
        import tensorflow as tf

        x = tf.convert_to_tensor(x)
        if center:
            rim = [[0, 0]] * (len(x.shape) - 1) + [[fft_length // 2] * 2]
            x = tf.pad(x, rim, mode="REFLECT")
        if window is None:  # then Keras takes whole frames
            sequence_length = fft_length
        before = (fft_length - sequence_length) // 2
        frames = tf.signal.frame(x, fft_length, sequence_stride)[..., before : before + sequence_length]
        return _spectrum(frames, before, _window(window, sequence_length), fft_length)

    return stft


def _rfft(original: Callable[..., Any]) -> Callable[..., Any]:
    def rfft(x: Any, fft_length: int | None = None) -> tuple[Any, Any]:
        """`keras.src.backend.tensorflow.math.rfft`: the same arguments, the same answers."""
        import tensorflow as tf

        x = tf.convert_to_tensor(x)
        length = min(x.shape[-1], fft_length or x.shape[-1])
        return _spectrum(x[..., :length], 0, np.ones(length), fft_length or length)

    return rfft


def _spectrum(frames: Any, before: int, window: np.ndarray, fft_length: int) -> tuple[Any, Any]:
    """The real and the imaginary part of the transform of frames that lie `before` values into it."""
    import tensorflow as tf

    places = np.arange(before, before + len(window))[:, None]
    angles = 2 * np.pi * (places * np.arange(fft_length // 2 + 1) % fft_length) / fft_length
    real, imaginary = (
        tf.matmul(frames, tf.constant(window[:, None] * wave, frames.dtype))
        for wave in (np.cos(angles), -np.sin(angles))
    )
    return real, imaginary


def _window(window: Any, length: int) -> np.ndarray:
    """The window [length] by its name, as `tf.signal` makes it; ones for None.

    TensorFlow takes one period for an even length, but one that ends where it began for an odd one.
    """
    if window is None or length == 1:
        return np.ones(length)
    if isinstance(window, str):
        wave: np.ndarray = np.cos(2 * np.pi * np.arange(length) / (length - length % 2))
        return 0.5 - 0.5 * wave if window == "hann" else 0.54 - 0.46 * wave
    return np.asarray(window, np.float64)


_BACKEND = "keras.src.backend.tensorflow.math"
_WHY = "tf2onnx takes a Fourier transform only where its magnitude alone is used"
REWRITES = (Rewrite(_BACKEND, "stft", _stft, _WHY), Rewrite(_BACKEND, "rfft", _rfft, _WHY))
