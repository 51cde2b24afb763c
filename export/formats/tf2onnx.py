"""SavedModel to an ONNX model by tf2onnx, in the memory that a few copies of the weights take.

tf2onnx documents its command line, and one function for a Keras model. Here its inner functions are called one by one,
and `Graph.update_proto` is left out where it only costs memory. Read in tf2onnx 1.17.
"""

from __future__ import annotations

import gc
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OPSET = 17  # the newest that onnxruntime 1.16, the oldest we support, runs in every scheme


def from_saved_model(folder: Path) -> Any:
    """The steps of `python -m tf2onnx.convert --saved-model`, in this process."""
    with _named_where_it_fails():
        model = _optimized(folder).make_model("edgeproof")
    gc.collect()  # the graph and its weights hold each other
    return model


class NotConverted(Exception):
    """What tf2onnx says of one op that it fails on.

    Attributes:
        op: its kind, such as "Erfinv".
        name: its name in the graph.
    """

    def __init__(self, op: str, name: str, why: str) -> None:
        super().__init__(why)
        self.op, self.name = op, name


@contextmanager
def _named_where_it_fails() -> Iterator[None]:
    """Raises a NotConverted for an error of one op, which tf2onnx names in its log alone."""
    failed: list[tuple[str, str]] = []

    def seen(record: logging.LogRecord) -> bool:
        if record.msg.startswith("Failed to convert node") and isinstance(record.args, tuple):
            name, _, summary = record.args
            kind = re.search(r"OP=(\w+)", str(summary))
            failed.append((kind[1] if kind else "", str(name)))
        return True

    log = logging.getLogger("tf2onnx.tfonnx")
    log.addFilter(seen)
    try:
        yield
    except Exception as error:
        if failed:
            raise NotConverted(*failed[0], str(error)) from error
        raise
    finally:
        log.removeFilter(seen)


def _optimized(folder: Path) -> Any:
    """tf2onnx's graph of a SavedModel after all passes of its optimizer, less those that fail."""
    from tf2onnx import optimizer

    with _protobufs_at_the_end(), _rounding_kept():
        try:
            return optimizer.optimize_graph(_graph(folder), catch_errors=False)
        except Exception:  # to leave out a pass that fails, it takes a copy of all weights before each
            return optimizer.optimize_graph(_graph(folder))


@contextmanager
def _protobufs_at_the_end() -> Iterator[None]:
    """Lets tf2onnx write the weights into protobufs in `make_model` alone, not after every pass of its optimizer too.

    Protobuf frees nothing of a message before all of it goes: the copies of ResNet50 came to 2 GiB.
    """
    from tf2onnx.graph import Graph

    update = Graph.update_proto
    Graph.update_proto = lambda self, *storage: None
    try:
        yield
    finally:
        Graph.update_proto = update


@contextmanager
def _rounding_kept() -> Iterator[None]:
    """Lets tf2onnx keep a cast to a float of 16 bits before another cast: without it nothing is rounded any more."""
    from onnx import TensorProto
    from tf2onnx.optimizer import back_to_back_optimizer

    passes = back_to_back_optimizer._func_map
    drop = passes[("Cast",)]

    def drop_others(graph: Any, node: Any, consumers: list[Any]) -> list[str]:
        if node.get_attr("to").i in (TensorProto.FLOAT16, TensorProto.BFLOAT16):
            return [consumer.output[0] for consumer in consumers]
        kept: list[str] = drop(graph, node, consumers)
        return kept

    passes[("Cast",)] = drop_others
    try:
        yield
    finally:
        passes[("Cast",)] = drop


def _graph(folder: Path) -> Any:
    """tf2onnx's graph of a SavedModel, not yet optimized."""
    import tensorflow as tf
    from tf2onnx import tf_loader, tfonnx

    graph_def, inputs, outputs, function, _, renamed = tf_loader.from_saved_model(
        str(folder),
        None,
        None,
        tag="serve",
        signatures=["serving_default"],
        return_concrete_func=True,
        return_tensors_to_rename=True,
    )
    # tf2onnx takes the names of the tensors, which TensorFlow writes in small letters; the keys are as they were given.
    renamed |= zip(inputs, sorted(function.structured_input_signature[1]), strict=True)
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        with tf_loader.tf_session(graph=graph):
            return tfonnx.process_tf_graph(
                graph, opset=OPSET, input_names=inputs, output_names=outputs, tensors_to_rename=renamed
            )
