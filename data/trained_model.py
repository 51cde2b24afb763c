"""The record of a trained model: all that training.json says of it, typed, and its JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.bundle.signature_json import inputs_to_json, outputs_to_json, read_inputs, read_outputs
from runtime.bundle.strict_json import Fields, parse_object
from runtime.bundle.variant_json import read_sha256
from runtime.errors import ModelError

RECORD = "training.json"
MODEL, MODEL_H5, SAVED_MODEL = "model.keras", "model.h5", "saved_model"
REFERENCE, GOLDEN, SAMPLES, VOCABULARY = "reference.npz", "golden.npz", "samples.npz", "vocabulary.txt"
# What a Keras model with pixels of its own was trained on; the scaling is put before it.
PIXELS = ("0-1", "-1-1", "imagenet")
# Not written where there is none.
_OPTIONAL = ("source", "refused", "dataset", "recipe", "weights", "seed", "backend", "history", "metrics")
_MOST = 1 << 50  # samples, weights
_MOST_TENSORS, _MOST_FILES = 64, 10_000


@dataclass(frozen=True)
class DatasetRecord:
    """The dataset of a training: its name, the SHA-256 of its files by name, and the samples of each split."""

    name: str
    sha256: Mapping[str, str]
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class MetricRecord:
    """The original's own metric: accuracy as a fraction or rmse in the output's unit, on "test" or "samples"."""

    name: str
    value: float
    split: str


@dataclass(frozen=True)
class Source:
    """How the model beside the record is loaded, and what is put before it.

    Attributes:
        file: "model.keras", "model.h5", or "saved_model", which is a folder.
        custom_objects: where the user's own layers are found, as `--custom-objects` takes it: MODULE:NAME.
        signature: the signature of a SavedModel.
        shapes: by the model's own names of its inputs, sizes that the file leaves open, the batch first, which is None.
        names: by public name of an input or output, the model's own, where it is another.
        pixels: by the name of an image input, what the model was trained on: "0-1", "-1-1" or "imagenet"; one that is
            missing takes pixels as they are.
    """

    file: str = MODEL
    custom_objects: tuple[str, ...] = ()
    signature: str | None = None
    shapes: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    pixels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainedModel:
    """What is known of a trained model.

    Attributes:
        model: its name.
        inputs: what it takes, raw.
        outputs: what it gives.
        versions: of the packages it was trained or loaded with.
        device: the name of the processor or GPU on which it gave its reference answers.
        parameters: the number of its weights.
        source: how it is loaded.
        refused: by format ("tflite", "onnx"), why it has no form there: the layer and the remedy.
        dataset: what it was trained on; None for a network that was not trained here.
        recipe: every choice of its training, as `train` writes it; None for a network that was not trained here.
        weights: where the weights of a network of `keras.applications` come from.
        seed: of the training.
        backend: of Keras.
        history: the figures of every epoch by name; NaN where a figure was no finite number.
        metrics: the original's own, by output; an output without labelled samples is missing.
        sha256: of the files beside the record, by name.
    """

    model: str
    inputs: tuple[InputRecord, ...]
    outputs: tuple[OutputRecord, ...]
    versions: Mapping[str, str]
    device: str
    parameters: int
    source: Source = Source()
    refused: Mapping[str, str] = field(default_factory=dict)
    dataset: DatasetRecord | None = None
    recipe: Mapping[str, Any] | None = None
    weights: str | None = None
    seed: int | None = None
    backend: str | None = None
    history: Mapping[str, tuple[float, ...]] | None = None
    metrics: Mapping[str, MetricRecord] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)

    @property
    def made_by_train(self) -> bool:
        """Whether `python -m train` made it; the others are models of the user's own."""
        return self.recipe is not None or self.weights is not None


def to_json(record: TrainedModel) -> str:
    """The text of training.json; the same text for a record that was read from it.

    Raises:
        ModelError: the reader would refuse it.
    """
    values = {
        "model": record.model,
        "inputs": inputs_to_json(record.inputs),
        "outputs": outputs_to_json(record.outputs),
        "source": _source_to_json(record.source),
        "refused": record.refused,
        "dataset": record.dataset and asdict(record.dataset),
        "recipe": record.recipe,
        "weights": record.weights,
        "seed": record.seed,
        "versions": record.versions,
        "backend": record.backend,
        "device": record.device,
        "history": record.history and _without_nan(record.history),
        "metrics": {name: asdict(metric) for name, metric in record.metrics.items()},
        "parameters": record.parameters,
        "sha256": record.sha256,
    }
    values = {key: value for key, value in values.items() if key not in _OPTIONAL or value not in (None, {})}
    try:
        text = json.dumps(values, indent=1, allow_nan=False) + "\n"
    except ValueError as error:
        raise ModelError(f"{record.model}: its record cannot be written: {error}") from None
    from_json(text, f"{record.model}: its record cannot be written")
    return text


def from_json(text: str | bytes, where: str) -> TrainedModel:
    """The record in the text of a training.json; errors begin with `where`.

    Raises:
        ModelError: a field is missing, or is not of its type.
    """
    top = parse_object(text, where, _RecordFields)
    inputs = read_inputs(top.fields("inputs", _MOST_TENSORS))
    outputs = read_outputs(top.fields("outputs", _MOST_TENSORS), inputs)
    source = _source(top.fields("source")) if "source" in top else Source()
    return TrainedModel(
        model=top.text("model", 100),
        inputs=tuple(map(_whole_bounds, inputs.values())),
        outputs=tuple(outputs.values()),
        versions=_texts(top.fields("versions")),
        device=top.text("device"),
        parameters=top.integer("parameters", 0, _MOST),
        source=source,
        refused=_texts(top.fields("refused")) if "refused" in top else {},
        dataset=_dataset(top.fields("dataset")) if "dataset" in top else None,
        recipe=_object(top, "recipe") if "recipe" in top else None,
        weights=top.text("weights") if "weights" in top else None,
        seed=top.integer("seed", 0, _MOST) if "seed" in top else None,
        backend=top.text("backend") if "backend" in top else None,
        history=_history(top.fields("history")) if "history" in top else None,
        metrics=_metrics(top.fields("metrics"), outputs) if "metrics" in top else {},
        sha256=_files(top, source),
    )


class _RecordFields(Fields):
    """An object of a training.json."""

    error = ModelError
    remedy = "expected what python -m train writes"


def _texts(fields: Fields) -> dict[str, str]:
    return {name: fields.text(name) for name in fields}


def _digests(fields: Fields) -> dict[str, str]:
    return {name: read_sha256(fields, name) for name in fields}


def _files(top: Fields, source: Source) -> dict[str, str]:
    """The digests, among them those of the golden samples and of the model's file or files."""
    fields = top.fields("sha256", _MOST_FILES)
    fields.value(GOLDEN)  # refuses a missing one
    if source.file != SAVED_MODEL:
        fields.value(source.file)
    elif not any(name.startswith(f"{SAVED_MODEL}/") for name in fields):
        top.refuse("sha256", f"names no file of the folder {SAVED_MODEL}")
    return _digests(fields)


def _object(fields: Fields, key: str) -> dict[str, Any]:
    fields.fields(key)  # refuses anything but an object
    return dict(fields.value(key))


def _whole_bounds(taken: InputRecord) -> InputRecord:
    """Bounds as the whole numbers they are; a manifest has them as floats."""
    return taken._replace(
        low=None if taken.low is None else int(taken.low),
        high=None if taken.high is None else int(taken.high),
    )


def _source_to_json(source: Source) -> dict[str, Any]:
    """What is not as it is for most models."""
    return {key: value for key, value in asdict(source).items() if value and (key, value) != ("file", MODEL)}


def _source(fields: Fields) -> Source:
    file = fields.text("file") if "file" in fields else MODEL
    if file not in (MODEL, MODEL_H5, SAVED_MODEL):
        fields.refuse("file", f"is {file[:80]!r}; known: {MODEL}, {MODEL_H5}, {SAVED_MODEL}")
    pixels = _texts(fields.fields("pixels")) if "pixels" in fields else {}
    unknown = next((value for value in pixels.values() if value not in PIXELS), None)
    if unknown is not None:
        fields.refuse("pixels", f"holds {unknown[:80]!r}; known: {', '.join(PIXELS)}")
    return Source(
        file=file,
        custom_objects=fields.texts("custom_objects", 1000) if "custom_objects" in fields else (),
        signature=fields.text("signature") if "signature" in fields else None,
        shapes=_shapes(fields.fields("shapes")) if "shapes" in fields else {},
        names=_texts(fields.fields("names", 2 * _MOST_TENSORS)) if "names" in fields else {},
        pixels=pixels,
    )


def _shapes(fields: Fields) -> dict[str, tuple[int | None, ...]]:
    found = {}
    for name in fields:
        shape = fields.items(name, 9)
        if not shape or not all(size is None or (type(size) is int and size > 0) for size in shape):
            fields.refuse(name, "must hold sizes, whole numbers of at least 1 or null")
        found[name] = tuple(shape)
    return found


def _dataset(fields: Fields) -> DatasetRecord:
    train, validation, test = (fields.integer(split, 0, _MOST) for split in ("train", "validation", "test"))
    return DatasetRecord(fields.text("name"), _digests(fields.fields("sha256")), train, validation, test)


def _metrics(fields: Fields, outputs: Mapping[str, OutputRecord]) -> dict[str, MetricRecord]:
    found = {}
    for name in fields:
        if name not in outputs:
            fields.refuse(name, f"is no output; the outputs are {', '.join(outputs)}")
        metric = fields.fields(name)
        found[name] = MetricRecord(metric.text("name"), metric.number("value"), metric.text("split"))
    return found


def _history(fields: Fields) -> dict[str, tuple[float, ...]]:
    found = {}
    for name in fields:
        figures = fields.items(name, 1 << 20)
        if not all(figure is None or type(figure) in (int, float) for figure in figures):
            fields.refuse(name, "must hold numbers, or null where a figure was none")
        found[name] = tuple(math.nan if figure is None else float(figure) for figure in figures)
    return found


def _without_nan(history: Mapping[str, tuple[float, ...]]) -> dict[str, list[float | None]]:
    """JSON has no NaN and no infinity."""
    return {
        name: [figure if math.isfinite(figure) else None for figure in figures]
        for name, figures in history.items()
    }
