"""The record of a trained model: all that training.json says of it, typed, and its JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.bundle.manifest_json import read_sha256, read_signature
from runtime.bundle.strict_json import Fields, parse_object
from runtime.errors import ModelError
from runtime.measure.metric import metric_name

RECORD = "training.json"
MODEL, REFERENCE, GOLDEN, SAMPLES = "model.keras", "reference.npz", "golden.npz", "samples.npz"
_OPTIONAL = ("weights", "seed", "backend", "history", "custom_objects")  # not written where there is none
_MOST = 1 << 50  # samples, weights


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
        "task": record.task,
        "labels": record.labels,
        "unit": record.unit,
        "input": {key: value for key, value in record.input._asdict().items() if value is not None},
        "output": record.output._asdict(),
        "dataset": record.dataset and asdict(record.dataset),
        "recipe": record.recipe,
        "weights": record.weights,
        "seed": record.seed,
        "versions": record.versions,
        "backend": record.backend,
        "device": record.device,
        "history": record.history and _without_nan(record.history),
        "metric": record.metric and asdict(record.metric),
        "parameters": record.parameters,
        "custom_objects": record.custom_objects or None,
        "sha256": record.sha256,
    }
    values = {key: value for key, value in values.items() if value is not None or key not in _OPTIONAL}
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
    task, labels, unit, taken, given = read_signature(top)
    return TrainedModel(
        model=top.text("model", 100),
        task=task,
        labels=labels,
        unit=unit,
        inputs=(_whole_pixels(taken, top.fields("input")),),
        outputs=(given,),
        versions=_texts(top.fields("versions")),
        device=top.text("device"),
        parameters=top.integer("parameters", 0, _MOST),
        dataset=None if top.value("dataset") is None else _dataset(top.fields("dataset")),
        recipe=None if top.value("recipe") is None else _object(top, "recipe"),
        weights=top.text("weights") if "weights" in top else None,
        seed=top.integer("seed", 0, _MOST) if "seed" in top else None,
        backend=top.text("backend") if "backend" in top else None,
        history=_history(top.fields("history")) if "history" in top else None,
        metric=None if top.value("metric") is None else _metric(top.fields("metric")),
        custom_objects=top.texts("custom_objects", 1000) if "custom_objects" in top else (),
        sha256=_digests(top.fields("sha256"), MODEL, GOLDEN),
    )


class _RecordFields(Fields):
    """An object of a training.json."""

    error = ModelError
    remedy = "expected what python -m train writes"


def _texts(fields: Fields) -> dict[str, str]:
    return {name: fields.text(name) for name in fields}


def _digests(fields: Fields, *needed: str) -> dict[str, str]:
    for name in needed:
        fields.value(name)  # refuses a missing one
    return {name: read_sha256(fields, name) for name in fields}


def _object(fields: Fields, key: str) -> dict[str, Any]:
    fields.fields(key)  # refuses anything but an object
    return dict(fields.value(key))


def _whole_pixels(taken: InputRecord, fields: Fields) -> InputRecord:
    """An image's bounds as the whole numbers they are; a manifest takes other numbers too."""
    if taken.kind != "image":
        return taken
    return taken._replace(low=fields.integer("low", 0, 255), high=fields.integer("high", 0, 255))


def _dataset(fields: Fields) -> DatasetRecord:
    train, validation, test = (fields.integer(split, 0, _MOST) for split in ("train", "validation", "test"))
    return DatasetRecord(fields.text("name"), _digests(fields.fields("sha256")), train, validation, test)


def _metric(fields: Fields) -> MetricRecord:
    return MetricRecord(fields.text("name"), fields.number("value"), fields.text("split"))


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
