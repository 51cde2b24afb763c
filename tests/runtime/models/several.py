"""Makes the tiny model of several inputs and outputs. Needs the export extras: python -m tests.runtime.models.several

It takes every kind of input and every dtype, gives every dtype, and has a loop, in TFLite and in ONNX.
"""

import shutil
from typing import Any

import numpy as np
import onnx
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

from tests.bundles import SEVERAL_INPUTS, SEVERAL_OUTPUTS
from tests.runtime.models.make import FOLDER

_NUMBERS = {
    "float32": TensorProto.FLOAT,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "bool": TensorProto.BOOL,
}
_STEPS = 4


def weights() -> dict[str, np.ndarray]:
    """The weights by name."""
    rng = np.random.default_rng(11)
    shapes = {"words": (8, 3), "hidden": (25, 8), "kind": (8, 3), "level": (8, 2)}
    return {name: rng.normal(0, 0.7, shape).astype(np.float32) for name, shape in shapes.items()}


def several(feeds: dict[str, Any], w: dict[str, np.ndarray]) -> dict[str, Any]:
    """The model in TensorFlow."""

    def step(place: Any, state: Any) -> tuple[Any, Any]:
        return place + 1, tf.tanh(state * 0.5 + tf.gather(feeds["steps"], place, axis=1))

    start = (tf.constant(0), tf.zeros_like(feeds["steps"][:, 0]))
    _, state = tf.while_loop(lambda place, _: place < _STEPS, step, start)
    floats = [
        tf.reshape(feeds["picture"], (-1, 16)) / 255,
        tf.reduce_mean(tf.gather(w["words"], feeds["words"]), axis=1),
        state,
        tf.cast(feeds["count"], tf.float32)[:, None] / 10,
        tf.reduce_sum(tf.cast(feeds["mask"], tf.float32), axis=1, keepdims=True),
        tf.cast(feeds["code"], tf.float32) / 255,
    ]
    hidden = tf.nn.relu(tf.matmul(tf.concat(floats, axis=1), w["hidden"]))
    return {
        "kind": tf.nn.softmax(tf.matmul(hidden, w["kind"])),
        "level": tf.matmul(hidden, w["level"]),
        "next_count": feeds["count"] + 1,
        "unmasked": tf.logical_not(feeds["mask"]),
        "last_word": feeds["words"][:, -1:] * 2,
        "copied": tf.cast(tf.cast(feeds["code"], tf.int32) // 2, tf.uint8),
    }


def onnx_several(w: dict[str, np.ndarray]) -> Any:
    """The same model, node by node."""
    node = helper.make_node
    body = helper.make_graph(
        [
            node("Gather", ["by_step", "place"], ["now"], axis=0),
            node("Mul", ["before", "half"], ["faded"]),
            node("Add", ["faded", "now"], ["sum"]),
            node("Tanh", ["sum"], ["after"]),
            node("Identity", ["going"], ["goes_on"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("place", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, None),
        ],
    )
    nodes = [
        node("Transpose", ["steps"], ["by_step"], perm=[1, 0, 2]),
        node("Gather", ["by_step", "zero"], ["first"], axis=0),
        node("Mul", ["first", "nothing"], ["start"]),
        node("Loop", ["trips", "true", "start"], ["state"], body=body),
        node("Reshape", ["picture", "flat"], ["pixels"]),
        node("Div", ["pixels", "white"], ["bright"]),
        node("Gather", ["embedding", "words"], ["embedded"], axis=0),
        node("ReduceMean", ["embedded"], ["meaning"], axes=[1], keepdims=0),
        node("Cast", ["count"], ["count_float"], to=TensorProto.FLOAT),
        node("Div", ["count_float", "ten"], ["tenths"]),
        node("Unsqueeze", ["tenths", "one_axis"], ["counted"]),
        node("Cast", ["mask"], ["mask_float"], to=TensorProto.FLOAT),
        node("ReduceSum", ["mask_float", "one_axis"], ["masked"], keepdims=1),
        node("Cast", ["code"], ["code_float"], to=TensorProto.FLOAT),
        node("Div", ["code_float", "white"], ["coded"]),
        node("Concat", ["bright", "meaning", "state", "counted", "masked", "coded"], ["all"], axis=1),
        node("MatMul", ["all", "hidden"], ["h0"]),
        node("Relu", ["h0"], ["h1"]),
        node("MatMul", ["h1", "kind_weights"], ["scores"]),
        node("Softmax", ["scores"], ["kind"], axis=-1),
        node("MatMul", ["h1", "level_weights"], ["level"]),
        node("Add", ["count", "one"], ["next_count"]),
        node("Not", ["mask"], ["unmasked"]),
        node("Slice", ["words", "last", "end", "one_axis"], ["last_number"]),
        node("Add", ["last_number", "last_number"], ["last_word"]),
        node("Cast", ["code"], ["code_int"], to=TensorProto.INT32),
        node("Div", ["code_int", "two"], ["halved"]),
        node("Cast", ["halved"], ["copied"], to=TensorProto.UINT8),
    ]
    constants = {
        "zero": np.int64(0), "nothing": np.float32(0), "half": np.float32(0.5), "trips": np.int64(_STEPS),
        "true": np.bool_(True), "flat": np.int64([-1, 16]), "white": np.float32(255), "embedding": w["words"],
        "ten": np.float32(10), "one_axis": np.int64([1]), "hidden": w["hidden"], "kind_weights": w["kind"],
        "level_weights": w["level"], "one": np.int64(1), "last": np.int64([-1]), "end": np.int64([1 << 40]),
        "two": np.int32(2),
    }  # fmt: skip

    def infos(records: Any) -> list[Any]:
        return [
            helper.make_tensor_value_info(record.name, _NUMBERS[record.tensor.dtype], ["n", *record.shape])
            for record in records
        ]

    graph = helper.make_graph(
        nodes,
        "several",
        # In another order than that of the manifest: names count.
        infos(reversed(SEVERAL_INPUTS)),
        infos(reversed(SEVERAL_OUTPUTS)),
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def main() -> None:
    """Writes the model files and the golden samples."""
    w = weights()
    specs = {
        record.name: tf.TensorSpec(record.tensor.shape, record.tensor.dtype, record.name)
        for record in SEVERAL_INPUTS
    }

    @tf.function(input_signature=list(specs.values()))
    def serve(*values: Any) -> dict[str, Any]:
        return several(dict(zip(specs, values, strict=True)), w)

    folder = FOLDER / "saved"
    tf.saved_model.save(tf.Module(), str(folder), signatures={"serving_default": serve})
    content = tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert()
    (FOLDER / "several-float32.tflite").write_bytes(content)
    shutil.rmtree(folder)
    onnx.save(onnx_several(w), FOLDER / "several-float32.onnx")
    rng = np.random.default_rng(5)
    raw = {
        "picture": rng.integers(0, 256, (32, 4, 4, 1)).astype(np.uint8),
        "words": rng.integers(0, 8, (32, 5)).astype(np.int32),
        "steps": rng.normal(0, 1, (32, _STEPS, 2)).astype(np.float32),
        "count": rng.integers(0, 10, 32).astype(np.int64),
        "mask": rng.random((32, 4)) < 0.5,
        "code": rng.integers(0, 256, (32, 2)).astype(np.uint8),
    }
    edge = {record.name: raw[record.name].astype(record.tensor.dtype) for record in SEVERAL_INPUTS}
    answers = several({name: tf.constant(values) for name, values in edge.items()}, w)
    np.savez_compressed(
        FOLDER / "several.npz",
        **{f"inputs/{name}": values for name, values in raw.items()},
        **{f"outputs/{name}": values.numpy() for name, values in answers.items()},
    )


if __name__ == "__main__":
    main()
