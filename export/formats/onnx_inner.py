"""The inner tensors of an `.onnx` file, and parts of its graph, run by ONNX Runtime.

Inner values become outputs of the graph.  Of a quantized tensor that is what its QuantizeLinear gives, so that ONNX
Runtime fuses the operators around it as it does on a device.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from export.formats import onnx_graph, onnxruntime
from export.formats.inner_file import Arrays, Grid, Part, Step, dequantized, needed


class OnnxFile:
    """One `.onnx` file; see `InnerFile`."""

    def __init__(self, content: bytes) -> None:
        import onnx

        self._model = onnx.load_from_string(content)
        graph = self._model.graph
        self.graph = graph.name
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self._constants[node.output[0]] = node.attribute[0].t
        self.steps: Sequence[Step] = [self._step(node) for node in graph.node]
        self.inputs: Mapping[str, str] = {value.name: value.name for value in graph.input}
        self.outputs: Mapping[str, str] = {value.name: value.name for value in graph.output}
        quantizers = [node for node in graph.node if node.op_type == "QuantizeLinear"]
        self._quantizer = {node.output[0]: node for node in quantizers}
        self._copies = {node.input[0]: node.output[0] for node in quantizers}
        self._originals = {
            node.output[0]: node.input[0]
            for node in graph.node
            if node.op_type == "DequantizeLinear" and node.input[0] in self._quantizer
        }
        self._maker = {name: place for place, step in enumerate(self.steps) for name in step.outputs}

    def _step(self, node: Any) -> Step:
        taken = [name for name in sorted(onnx_graph.taken(node)) if name and name not in self._constants]
        return Step(node.op_type, tuple(taken), tuple(name for name in node.output if name))

    def floats(self) -> set[str]:
        """The names of the float tensors that operators make."""
        import onnx

        real = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
        graph = onnx.shape_inference.infer_shapes(self._model).graph
        kinds = {value.name: value.type.tensor_type.elem_type for value in (*graph.value_info, *graph.output)}
        return {name for step in self.steps for name in step.outputs if kinds.get(name) in real}

    def stored(self, name: str) -> str | None:
        """The tensor that holds a float file's tensor of this name: its quantized copy, itself, or None."""
        if name not in self._maker and name not in self.inputs:
            return None
        return self._copies.get(name) or self._originals.get(name) or name

    def grid(self, stored: str) -> Grid | None:
        """The grid of what a QuantizeLinear gives; None for a float tensor."""
        node = self._quantizer.get(stored)
        if node is None:
            return None
        import onnx

        # What reads the integers decides what they mean.
        readers = [
            reader
            for reader in self._model.graph.node
            if reader.op_type == "DequantizeLinear" and reader.input[0] == stored
        ]
        _, scale, zero = (readers[0] if readers else node).input
        zeros = onnx.numpy_helper.to_array(self._constants[zero])
        limits = np.iinfo(zeros.dtype)
        scales = onnx.numpy_helper.to_array(self._constants[scale])
        return Grid(float(scales.reshape(-1)[0]), int(zeros.reshape(-1)[0]), int(limits.min), int(limits.max))

    def node(self, stored: str) -> str:
        """Model Explorer's adapter for ONNX takes a node's own name as its id."""
        quantizer = self._quantizer.get(stored)
        place = self._maker.get(stored if quantizer is None else quantizer.input[0])
        return stored if place is None else self._model.graph.node[place].name

    def values(self, feeds: Mapping[str, np.ndarray], stored: Collection[str]) -> Arrays:
        """The values of tensors as float32, dequantized."""
        import onnx

        shown = onnx.ModelProto()
        shown.CopyFrom(self._model)
        del shown.graph.output[:]
        made = [name for name in stored if name not in self.inputs]
        shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made)
        found = self._run(shown, feeds, made)
        return found | {name: feeds[name] for name in stored if name in self.inputs}

    def part(self, inputs: Sequence[str], outputs: Sequence[str]) -> Part:
        """The part of the graph that makes `outputs` of `inputs`, as a model of its own."""
        import onnx

        places, taken = needed(self.steps, outputs, inputs)
        every = list(self._model.graph.node)
        kept = [every[place] for place in places]
        constants = [node for node in every if node.op_type == "Constant"]
        cut = onnx.ModelProto(ir_version=self._model.ir_version, opset_import=self._model.opset_import)
        cut.graph.name = self.graph
        cut.graph.node.extend([*(node for node in constants if node not in kept), *kept])
        used = {name for node in kept for name in onnx_graph.taken(node)}
        cut.graph.initializer.extend(
            tensor for tensor in self._model.graph.initializer if tensor.name in used
        )
        declared = {value.name: value for value in self._model.graph.input}
        for name in taken:
            value = declared.get(name) or onnx.helper.make_tensor_value_info(
                name, onnx.TensorProto.FLOAT, None
            )
            cut.graph.input.append(value)
        cut.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)

        def run(feeds: Mapping[str, np.ndarray]) -> Arrays:
            return self._run(cut, {name: feeds[name] for name in taken}, outputs)

        return run

    def _run(self, model: Any, feeds: Mapping[str, np.ndarray], wanted: Collection[str]) -> Arrays:
        if not wanted:
            return {}
        found = onnxruntime.answers(model, feeds, list(wanted))
        return {name: dequantized(values, self.grid(name)) for name, values in found.items()}
