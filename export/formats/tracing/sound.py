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
        before = (fft_length - sequence_length) // 2
        frames = tf.signal.frame(x, fft_length, sequence_stride)[..., before : before + sequence_length]
        places = np.arange(before, before + sequence_length)[:, None]
        angles = 2 * np.pi * (places * np.arange(fft_length // 2 + 1) % fft_length) / fft_length
        weights = _window(window, sequence_length)[:, None]
        real, imaginary = (
            tf.matmul(frames, tf.constant(weights * wave, x.dtype))
            for wave in (np.cos(angles), -np.sin(angles))
        )
        return real, imaginary

    return stft


def _window(window: Any, length: int) -> np.ndarray:
    """The window [length] by its name, as `tf.signal` makes it for one period; ones for None."""
    if window is None:
        return np.ones(length)
    if isinstance(window, str):
        wave: np.ndarray = np.cos(2 * np.pi * np.arange(length) / length)
        return 0.5 - 0.5 * wave if window == "hann" else 0.54 - 0.46 * wave
    return np.asarray(window, np.float64)


REWRITES = (
    Rewrite(
        "keras.src.backend.tensorflow.math",
        "stft",
        _stft,
        "tf2onnx takes a Fourier transform only where its magnitude alone is used",
    ),
)
