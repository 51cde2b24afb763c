"""Cuts the last float operations off an int8 .tflite file, to see the integers they are computed from."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

# Both compute in floats inside: their last bit depends on the processor. Everything before is whole numbers.
_FLOAT_AT_HEART = (schema.BuiltinOperator.SOFTMAX, schema.BuiltinOperator.DEQUANTIZE)


def integers_only(content: bytes) -> bytes:
    """The same model, ending with the int8 tensor before its last SOFTMAX and DEQUANTIZE."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    for buffer in model.buffers:
        # Above 1, the weights lie behind the tables, at this place in the file; 0 and 1 mean elsewhere.
        if buffer.size > 1:
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    graph = model.subgraphs[0]
    kinds = [model.operatorCodes[operator.opcodeIndex].builtinCode for operator in graph.operators]
    while kinds[-1] in _FLOAT_AT_HEART:
        del kinds[-1], graph.operators[-1]
    graph.outputs = graph.operators[-1].outputs
    assert graph.tensors[graph.outputs[0]].type == schema.TensorType.INT8
    model.signatureDefs = []
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
