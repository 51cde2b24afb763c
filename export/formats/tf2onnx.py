"""SavedModel to an ONNX model by tf2onnx, in the memory that a few copies of the weights take.

tf2onnx documents its command line, and one function for a Keras model. Here its inner functions are called one by one,
and `Graph.update_proto` is left out where it only costs memory. Read in tf2onnx 1.17.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OPSET = 17  # the newest that onnxruntime 1.16, the oldest we support, runs in every scheme


def from_saved_model(folder: Path, inputs: Collection[str] = ()) -> Any:
    """The steps of `python -m tf2onnx.convert --saved-model`, in this process; `inputs` are the names of the inputs."""
    model = _optimized(folder, inputs).make_model("edgeproof")
    gc.collect()  # the graph and its weights hold each other
    return model


def _optimized(folder: Path, inputs: Collection[str]) -> Any:
    """tf2onnx's graph of a SavedModel after all passes of its optimizer, less those that fail."""
    from tf2onnx import optimizer

    with _protobufs_at_the_end():
        try:
            return optimizer.optimize_graph(_graph(folder, inputs), catch_errors=False)
        except Exception:  # to leave out a pass that fails, it takes a copy of all weights before each
            return optimizer.optimize_graph(_graph(folder, inputs))


@contextmanager
def _protobufs_at_the_end() -> Iterator[None]:
    """Let tf2onnx write the weights into protobufs in `make_model` alone, not after every pass of its optimizer too.

    Protobuf frees nothing of a message before all of it goes: the copies of ResNet50 came to 2 GiB.
    """
    from tf2onnx.graph import Graph

    update = Graph.update_proto
    Graph.update_proto = lambda self, *storage: None
    try:
        yield
    finally:
        Graph.update_proto = update


def _graph(folder: Path, names: Collection[str]) -> Any:
    """tf2onnx's graph of a SavedModel, not yet optimized."""
    import tensorflow as tf
    from tf2onnx import tf_loader, tfonnx

    graph_def, inputs, outputs, renamed = tf_loader.from_saved_model(
        str(folder), None, None, tag="serve", signatures=["serving_default"], return_tensors_to_rename=True
    )
    # It takes TensorFlow's names of the inputs' tensors, which are in small letters, for those of the signature.
    own = {f"{name.lower()}:0": name for name in names}
    renamed |= {tensor: own[tensor] for tensor in inputs if tensor in own}
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        with tf_loader.tf_session(graph=graph):
            return tfonnx.process_tf_graph(
                graph, opset=OPSET, input_names=inputs, output_names=outputs, tensors_to_rename=renamed
            )
