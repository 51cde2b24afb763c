"""Whether a match is right, judged without the values that it was made by."""

from __future__ import annotations

from export.diagnosis.layer_calls import INPUT
from export.diagnosis.layer_map import MappedCall
from export.formats.inner_file import InnerFile, needed

ARRANGING = {"RESHAPE", "TRANSPOSE", "SQUEEZE", "Reshape", "Transpose", "Squeeze", "Unsqueeze"}
# The operators of which one makes the tensor of a layer of a class, where they are not fused: TFLite's and ONNX's.
OPERATORS = {
    "Conv1D": {"CONV_2D", "Conv", "Relu"},
    "Conv2D": {"CONV_2D", "Conv", "Relu", "Sigmoid", "LOGISTIC", "MUL", "Mul"},  # swish ends with a product
    "DepthwiseConv2D": {"DEPTHWISE_CONV_2D", "Conv"},
    "Dense": {
        "FULLY_CONNECTED", "BATCH_MATMUL", "ADD", "SOFTMAX", "LOGISTIC", "TANH", "GELU", "SELECT_V2",
        "MUL", "Gemm", "MatMul", "Add", "Relu", "Softmax", "Sigmoid", "Tanh", "Mul", "Selu",
    },
    "MaxPooling2D": {"MAX_POOL_2D", "MaxPool"},
    "GlobalAveragePooling2D": {"MEAN", "ReduceMean", "GlobalAveragePool"},
    "GlobalAveragePooling1D": {"MEAN", "ReduceMean", "SUM", "DIV"},
    "GlobalMaxPooling1D": {"REDUCE_MAX", "ReduceMax", "GlobalMaxPool"},
    "Add": {"ADD", "Add"},
    "Multiply": {"MUL", "Mul", "FULLY_CONNECTED"},  # by a constant, in the weights of the dense layer before
    "Concatenate": {"CONCATENATION", "Concat"},
    "Embedding": {"GATHER", "Gather"},
}  # fmt: skip
# What converters and equalization compute together with a neighbour.
MAY_BE_FOLDED = {
    "BatchNormalization", "Rescaling", "Normalization", "Activation", "Dropout", "GaussianDropout", "AlphaDropout",
    "Conv2D", "DepthwiseConv2D", "Conv1D", "Dense", "Subtract", "Multiply", "Square", "Negative", "ReLU", "LeakyReLU",
    "ZeroPadding2D", "Add",  # TFLite adds and takes the relu behind it in one operator
}  # fmt: skip


def wrong(calls: list[MappedCall], file: InnerFile) -> list[str]:
    """What speaks against a match: another operator than the layer's, a layer of weights that shares a tensor, …"""
    maker = {name: step.op for step in file.steps for name in step.outputs}
    found = []
    holders: dict[str, MappedCall] = {}
    for call in calls:
        tensor, how = call.match.tensor, call.match.how
        if how in ("folded", "unused") and call.kind not in MAY_BE_FOLDED:
            found.append(f"{call.name} ({call.kind}) is {how}")
        if tensor is None or tensor in file.inputs.values():
            continue
        wanted = OPERATORS.get(call.kind)
        if not call.parameters and tensor in _tensors_before(call, calls):
            wanted = None  # it hands on what it takes, as a product with one, which no file computes
        if wanted is not None and _computed_by(file, maker, tensor) not in wanted:
            found.append(f"{call.name} ({call.kind}) lies in what {_computed_by(file, maker, tensor)} makes")
        if wanted is not None and call.parameters:
            other = holders.setdefault(tensor, call)
            if other is not call and other.parameters:
                found.append(f"{call.name} and {other.name} lie in the same tensor")
        beside = _takes_more(call, calls, file)
        if beside:
            found.append(f"{call.name} lies in what is made of {beside}, which the layer does not take")
    return found


def _takes_more(call: MappedCall, calls: list[MappedCall], file: InnerFile) -> set[str]:
    """The model's inputs that a call's tensor is made of past the tensors of the calls that it takes from."""
    before = _tensors_before(call, calls)
    if INPUT in before or call.match.tensor in before:
        return set()
    alike = {str(name) for name in before}
    for _ in file.steps:  # the same values, arranged anew
        for step in file.steps:
            if step.op in ARRANGING | {"QUANTIZE", "Identity"} and alike & {*step.inputs, *step.outputs}:
                alike |= {*step.inputs[:1], *step.outputs}
    # Sizes are taken from anywhere.
    steps = [step._replace(inputs=()) if step.op in ("SHAPE", "Shape") else step for step in file.steps]
    _, taken = needed(steps, [str(call.match.tensor)], alike)
    return set(taken) & set(file.inputs.values())


def _tensors_before(call: MappedCall, calls: list[MappedCall]) -> set[str | int]:
    """The tensors of the calls that a call takes from; of those without one, of the calls before them."""
    found: set[str | int] = set()
    for place in call.inputs:
        if place == INPUT:
            found.add(INPUT)
        elif calls[place].match.tensor is not None:
            found.add(str(calls[place].match.tensor))
        else:
            found |= _tensors_before(calls[place], calls)
    return found


def _computed_by(file: InnerFile, maker: dict[str, str], tensor: str) -> str:
    """The operator that computes a tensor's values, before others only arrange them anew."""
    taken = {name: step.inputs for step in file.steps for name in step.outputs}
    while maker[tensor] in ARRANGING and taken[tensor] and taken[tensor][0] in maker:
        tensor = taken[tensor][0]
    return maker[tensor]
