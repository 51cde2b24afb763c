"""What a user's model takes: the record of each input, from its tensor, its first layers and the user's options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

from data.trained_model import VOCABULARY
from export.trained.first_layers import FirstLayers
from export.trained.model_files.loaded import LoadedModel, Tensor
from export.trained.names import Names, by_public_name
from export.trained.user_model import RAW_PIXELS, UserModel
from runtime.bundle.manifest import InputRecord
from runtime.errors import BundleError, DataError, UsageError
from runtime.text import read_vocabulary, vocabulary_bytes

# The dtypes of tensors that a file has at its edge, by those that a model may take or give.
EDGE_DTYPES = {
    "float16": "float32", "bfloat16": "float32", "float32": "float32", "float64": "float32",
    "uint8": "uint8", "int8": "int32", "int16": "int32", "uint16": "int32", "int32": "int32",
    "uint32": "int64", "int64": "int64", "uint64": "int64", "bool": "bool",
}  # fmt: skip
_LOWEST = {"uint8": 0, "uint16": 0, "uint32": 0, "uint64": 0}
SAY_PIXELS = f"add --pixels {RAW_PIXELS} for raw ones, 0-1 where they were divided by 255, -1-1, or imagenet"
_SHAPE_TO_TYPE = 100  # a size that stands for an unknown one in the option to type


@dataclass
class Inputs:
    """What was found out of the inputs: their records, and what is needed to feed them.

    Attributes:
        records: in the model's order.
        pixels: by public name, the scaling that is put before an image.
        vocabularies: by file name, the content of the words of texts.
        notes: sentences for the user.
    """

    records: list[InputRecord] = field(default_factory=list)
    pixels: dict[str, str] = field(default_factory=dict)
    vocabularies: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def check_tensors(model: LoadedModel) -> None:
    """Refuses inputs that no device can be given, or whose sizes are not known.

    Raises:
        UsageError: it names the input and the remedy; of unknown sizes all, with the options to type.
    """
    file = model.path.name
    for tensor in model.inputs:
        if tensor.dtype not in EDGE_DTYPES:
            raise UsageError(f"{file}: its input {tensor.name!r} takes {_unfit(tensor.dtype)}")
    unknown = [tensor for tensor in model.inputs if None in tensor.shape[1:]]
    if unknown:
        shown = ", ".join(f"{tensor.name!r} has the shape {_sizes(tensor)}" for tensor in unknown)
        options = " ".join(f"--shape {quote(f'{tensor.name}={_example(tensor)}')}" for tensor in unknown)
        raise UsageError(
            f"{file}: only the batch may be unknown, and the input {shown}; fix the sizes, the batch first: {options}"
        )


def _unfit(dtype: str) -> str:
    if dtype == "string":
        return (
            "strings, which the engines of a device do not have; move the lookup of strings out of the model, and "
            "give it numbers"
        )
    return f"{dtype}, which the engines of a device do not have; give it {', '.join(sorted(EDGE_DTYPES))}"


def _sizes(tensor: Tensor) -> str:
    return f"[{', '.join('n' if size is None else str(size) for size in tensor.shape)}]".replace(
        "[n", "[batch", 1
    )


def _example(tensor: Tensor) -> str:
    return ",".join(["1", *(str(size or _SHAPE_TO_TYPE) for size in tensor.shape[1:])])


def is_image_shape(shape: Sequence[int | None]) -> bool:
    """Whether a row has the shape of an image: [height, width], or with 1 or 3 channels."""
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))


def find_inputs(
    model: LoadedModel,
    names: Names,
    first: Mapping[str, FirstLayers],
    user: UserModel,
    columns: tuple[str, ...] | None = None,
    pictures: Path | None = None,
) -> Inputs:
    """The records of all inputs.

    Args:
        model: whose inputs have passed `check_tensors`.
        names: the public ones.
        first: the first layers, by public name.
        user: the options.
        columns: the names of a table's columns that the data give; None where they give none.
        pictures: the data that are pictures; None where none are.

    Raises:
        UsageError: an option does not fit an input.
        DataError: a vocabulary cannot be read.
    """
    tensors = dict(zip(names.inputs, model.inputs, strict=True))
    scalings = _scalings(tensors, names, user)
    vocabularies = by_public_name(
        "--vocabulary", user.vocabularies, names,
        [name for name in names.inputs if _is_whole(tensors[name], first[name])], "input with the numbers of words",
    )  # fmt: skip
    found = Inputs()
    for name, tensor in tensors.items():
        if name in vocabularies:
            file = VOCABULARY if len(vocabularies) == 1 else f"vocabulary_{name}.txt"
            words = read_words(vocabularies[name])
            found.vocabularies[file] = vocabulary_bytes(words)
            found.records.append(_text(name, tensor, first[name], len(words), file))
        elif name in scalings or _is_image(tensor, first[name]):
            found.records.append(_image(name, tensor, user.resize))
            scaling = scalings.get(name, RAW_PIXELS)
            if scaling != RAW_PIXELS:
                found.pixels[name] = scaling
            found.notes += _notes_on_pixels(name, _takes_pixels(tensor, first[name]), scalings.get(name))
        else:
            record = _numbers(name, tensor, first[name])
            if pictures is not None and is_image_shape(tensor.shape[1:]) and record.dtype == "float":
                raise UsageError(
                    f"{pictures} holds pictures, and {model.path.name} does not say what pixels its input "
                    f"{tensor.name!r} was trained on: {SAY_PIXELS}"
                )
            if record.kind == "table" and columns is not None and len(columns) == record.shape[0]:
                record = record._replace(columns=columns)
            found.records.append(record)
            if record.dtype == "float" and len(record.shape) == 3 and is_image_shape(tensor.shape[1:]):
                found.notes.append(
                    f"input {name}: a tensor, because nothing says that it takes pictures; if it does, --pixels "
                    "0-255, 0-1, -1-1 or imagenet puts the scaling of their pixels into the graph"
                )
    return found


def _scalings(tensors: Mapping[str, Tensor], names: Names, user: UserModel) -> dict[str, str]:
    """What the user said of pixels, by public name; said without a name, it is of all inputs shaped as images."""
    shaped = [name for name, tensor in tensors.items() if is_image_shape(tensor.shape[1:])]
    unnamed = user.pixels.get("")
    if unnamed is not None and not shaped:
        shapes = ", ".join(f"{tensor.name} {_sizes(tensor)}" for tensor in tensors.values())
        raise UsageError(
            f"--pixels {unnamed}: the model has no input of the shape of an image, [height, width] or [height, width, "
            f"1 or 3]; it has {shapes}"
        )
    said = {name: scaling for name, scaling in user.pixels.items() if name}
    found = dict.fromkeys(shaped, unnamed) if unnamed is not None else {}
    found |= by_public_name("--pixels", said, names, shaped, "input of the shape of an image")
    for name, scaling in found.items():
        if not _is_float(tensors[name]) and scaling != RAW_PIXELS:
            raise UsageError(
                f"--pixels {scaling}: the input {name} takes {tensors[name].dtype}, whole pixels; say --pixels "
                f"{RAW_PIXELS}"
            )
        if scaling == "imagenet" and tensors[name].shape[3:] != (3,):
            raise UsageError(f"--pixels imagenet: the input {name} has no three channels of colour")
    return {name: scaling for name, scaling in found.items() if scaling is not None}


def _is_float(tensor: Tensor) -> bool:
    return EDGE_DTYPES[tensor.dtype] == "float32"


def _is_whole(tensor: Tensor, first: FirstLayers) -> bool:
    return not _is_float(tensor) or first.only_embeddings


def _is_image(tensor: Tensor, first: FirstLayers) -> bool:
    """Whether an input takes pictures without the user saying so: it scales pixels itself, or takes bytes."""
    whole = tensor.dtype == "uint8" and len(tensor.shape) == 4
    return is_image_shape(tensor.shape[1:]) and (_takes_pixels(tensor, first) or whole)


def _takes_pixels(tensor: Tensor, first: FirstLayers) -> bool:
    return first.takes_pixels(tuple(size or 0 for size in tensor.shape[1:]))


def _image(name: str, tensor: Tensor, resize: str) -> InputRecord:
    height, width, *channels = (size or 0 for size in tensor.shape[1:])
    shape = (height, width, *(channels or [1]))
    return InputRecord("image", name, shape, "uint8", low=0, high=255, resize=resize)


def _notes_on_pixels(name: str, scales: bool, said: str | None) -> list[str]:
    if said is None:
        why = "scales pixels itself" if scales else "takes bytes"
        return [
            f"input {name}: an image with pixels from 0 to 255, because the model {why}; --pixels overrides"
        ]
    if said != RAW_PIXELS and scales:
        return [
            f"input {name}: the model scales pixels itself, and --pixels {said} scales them once more; leave it out "
            "unless it was trained so"
        ]
    return []


def _numbers(name: str, tensor: Tensor, first: FirstLayers) -> InputRecord:
    """An input of numbers: a table, a sequence or a tensor."""
    shape = tuple(size or 0 for size in tensor.shape[1:])
    if _is_whole(tensor, first):
        dtype = "int32" if _is_float(tensor) else EDGE_DTYPES[tensor.dtype]
        kind = "sequence" if len(shape) == 1 and shape[0] > 1 else "tensor"
        high = first.highest_number
        low = 0 if high is not None else _LOWEST.get(tensor.dtype)
        bounded = dtype in ("int32", "int64")
        return InputRecord(
            kind, name, shape, dtype, low=low if bounded else None, high=high if bounded else None
        )
    if len(shape) == 1:
        return InputRecord(
            "table", name, shape, "float", columns=tuple(f"column {index}" for index in range(shape[0]))
        )
    return InputRecord("sequence" if len(shape) == 2 else "tensor", name, shape, "float")


def _text(name: str, tensor: Tensor, first: FirstLayers, words: int, file: str) -> InputRecord:
    shape = tuple(size or 0 for size in tensor.shape[1:])
    if len(shape) != 1:
        raise UsageError(f"--vocabulary: the input {name} takes {_sizes(tensor)}; a text is [batch, words]")
    highest = first.highest_number
    if highest is not None and highest < words + 1:
        raise UsageError(
            f"--vocabulary: it has {words} words, whose numbers go up to {words + 1}, and the table of embeddings "
            f"that takes the input {name} has rows up to {highest}; give the vocabulary that the model was trained with"
        )
    dtype = "int64" if EDGE_DTYPES[tensor.dtype] == "int64" else "int32"
    return InputRecord("text", name, shape, dtype, low=0, high=words + 1, vocabulary=file)


def read_words(path: Path) -> list[str]:
    """The words of a vocabulary: UTF-8, one a line, no word twice.

    Raises:
        DataError: the file is not one.
    """
    try:
        return list(read_vocabulary(path.read_bytes()))
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); give a text file with one word a line"
        ) from error
    except BundleError as error:
        raise DataError(
            f"{path}: {error}; padding and unknown words have the numbers 0 and 1 by themselves, without lines"
        ) from error
