"""The inner tensors of a `.tflite` file, and parts of its graph, run by LiteRT's interpreter without delegates."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from export.formats.inner_file import Arrays, Grid, Part, Step, dequantized, needed
from export.formats.tflite_graph import builtin_name, load, name_of, pack, type_name

_LIMITS = {"INT8": (-128, 127), "UINT8": (0, 255), "INT16": (-32768, 32767)}


class TFLiteFile:
    """One `.tflite` file; see `InnerFile`."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._model = load(content)
        main = self._model.subgraphs[0]
        self._graph = main
        self.graph = (main.name or b"main").decode()
        self._index = {name_of(tensor): place for place, tensor in enumerate(main.tensors)}
        self.steps: Sequence[Step] = [self._step(operator) for operator in main.operators]
        signature = self._model.signatureDefs[0]
        self.inputs: Mapping[str, str]
        self.outputs: Mapping[str, str]
        self.inputs, self.outputs = (
            {end.name.decode(): self._name(end.tensorIndex) for end in ends}
            for ends in (signature.inputs, signature.outputs)
        )
        self._copies = {
            step.inputs[0]: step.outputs[0]
            for step in self.steps
            if step.op == "QUANTIZE" and step.inputs and type_name(self._tensor(step.inputs[0])) == "FLOAT32"
        }
        self._originals = {
            step.outputs[0]: step.inputs[0] for step in self.steps if step.op == "DEQUANTIZE" and step.inputs
        }

    def _name(self, index: int) -> str:
        return name_of(self._graph.tensors[index])

    def _step(self, operator: Any) -> Step:
        name = builtin_name(self._model.operatorCodes[operator.opcodeIndex])
        taken = [self._name(index) for index in operator.inputs if index >= 0 and not self._constant(index)]
        made = [self._name(index) for index in operator.outputs]
        return Step(name, tuple(taken), tuple(made))

    def _constant(self, index: int) -> bool:
        data = self._model.buffers[self._graph.tensors[index].buffer].data
        return data is not None and len(data) > 0

    def _tensor(self, name: str) -> Any:
        return self._graph.tensors[self._index[name]]

    def floats(self) -> set[str]:
        """The names of the float tensors that operators make."""
        made = (name for step in self.steps for name in step.outputs)
        return {name for name in made if type_name(self._tensor(name)) == "FLOAT32"}

    def stored(self, name: str) -> str | None:
        """The tensor that holds a float file's tensor of this name: its quantized copy, itself, or None."""
        if name not in self._index:
            return None
        return self._copies.get(name) or self._originals.get(name) or name

    def grid(self, stored: str) -> Grid | None:
        """The grid of a quantized tensor; None for a float one."""
        tensor = self._tensor(stored)
        limits = _LIMITS.get(type_name(tensor))
        found = tensor.quantization
        if limits is None or found is None or found.scale is None or not len(found.scale):
            return None
        zero = int(found.zeroPoint[0]) if found.zeroPoint is not None and len(found.zeroPoint) else 0
        return Grid(float(found.scale[0]), zero, *limits)

    def node(self, stored: str) -> str:
        """Model Explorer finds a node by the name of a tensor that it makes."""
        return stored

    def values(self, feeds: Mapping[str, np.ndarray], stored: Collection[str]) -> Arrays:
        """The values of tensors as float32, dequantized."""
        by_tensor = {self.inputs[name]: values for name, values in feeds.items()}
        return self._run(self._content, by_tensor, stored)

    def part(self, inputs: Sequence[str], outputs: Sequence[str]) -> Part:
        """The part of the graph that makes `outputs` of `inputs`, as a file of its own."""
        places, taken = needed(self.steps, outputs, inputs)
        content = self._packed(places, taken, outputs)

        def run(feeds: Mapping[str, np.ndarray]) -> Arrays:
            return self._run(content, {name: feeds[name] for name in taken}, outputs)

        return run

    def _packed(self, places: Sequence[int], taken: Sequence[str], given: Sequence[str]) -> bytes:
        """The file with these operators of the main graph alone, without the constants that they do not take."""
        graph, model = self._graph, self._model
        whole = graph.operators, graph.inputs, graph.outputs, model.signatureDefs
        kept = [whole[0][place] for place in places]
        used = {graph.tensors[index].buffer for operator in kept for index in operator.inputs if index >= 0}
        used |= {tensor.buffer for inner in model.subgraphs[1:] for tensor in inner.tensors}
        unused = {place: buffer.data for place, buffer in enumerate(model.buffers) if place not in used}
        graph.operators = kept
        graph.inputs = [self._index[name] for name in taken]
        graph.outputs = [self._index[name] for name in given]
        model.signatureDefs = None
        for place in unused:
            model.buffers[place].data = None
        try:
            return pack(model)
        finally:
            graph.operators, graph.inputs, graph.outputs, model.signatureDefs = whole
            for place, data in unused.items():
                model.buffers[place].data = data

    def _run(self, content: bytes, feeds: Mapping[str, np.ndarray], wanted: Collection[str]) -> Arrays:
        interpreter = _interpreter(content)
        for name, values in feeds.items():
            interpreter.resize_tensor_input(self._index[name], values.shape)
        interpreter.allocate_tensors()
        for name, values in feeds.items():
            interpreter.set_tensor(self._index[name], values)
        interpreter.invoke()
        return {
            name: dequantized(interpreter.get_tensor(self._index[name]), self.grid(name)) for name in wanted
        }


def _interpreter(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that keeping all tensors costs memory, which is the point
        return Interpreter(
            model_content=content,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            num_threads=1,
        )
