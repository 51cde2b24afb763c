"""Data-parallel training by Keras' own means: every step's batch is divided among the devices."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

from runtime.errors import UsageError


def scope(distribute: bool) -> AbstractContextManager:
    """The context in which a training is built and run.

    On JAX it is `keras.distribution` over all devices of all hosts; on TensorFlow `tf.distribute` over this host's
    devices, or over the hosts that `TF_CONFIG` names.

    Args:
        distribute: whether each batch is divided among devices; otherwise the training runs as usual.

    Raises:
        UsageError: the Keras backend has no such thing.
    """
    if not distribute:
        return nullcontext()
    backend = keras.backend.backend()
    if backend == "jax":
        # Read by Keras; a cluster is described by KERAS_DISTRIBUTION_… or by what JAX finds out itself.
        if os.environ.get("KERAS_DISTRIBUTION_JOB_ADDRESSES"):
            keras.distribution.initialize()
        keras.distribution.set_distribution(keras.distribution.DataParallel())
        return nullcontext()
    if backend == "tensorflow":
        import tensorflow as tf

        if os.environ.get("TF_CONFIG"):
            return _of(tf.distribute.MultiWorkerMirroredStrategy())
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return _of(tf.distribute.MirroredStrategy([device.name for device in devices]))
    raise UsageError(f"--distribute with the Keras backend {backend!r}; known: jax, tensorflow")


def _of(strategy: Any) -> AbstractContextManager:
    found: AbstractContextManager = strategy.scope()
    return found
