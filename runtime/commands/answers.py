"""What the answers of a model say: for each output what its task means, as JSON and as one line."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.measure.metric import decided, in_scale_of

_ROUNDING = 1e-4  # a probability may be above 1 by this much
_MOST_VALUES = 8  # of a tensor
_MOST_NAMED = 20  # values of a regression with names


class Answer(NamedTuple):
    """One row of an output: what it means, its numbers [*shape], and how far a reconstruction is off, if known."""

    record: OutputRecord
    row: np.ndarray
    rms: float | None = None


def rms_of(row: np.ndarray, given: Any, taken: InputRecord, record: OutputRecord) -> float | None:
    """The root mean square difference of a reconstruction from the input that it is compared with, in its own scale.

    Args:
        row: one row of the reconstruction, [*shape].
        given: the row of the input, raw.
        taken: the record of the input.
        record: that of the reconstruction.

    Returns:
        None for a text, and for an image where the manifest does not say which scale the model works in.
    """
    if isinstance(given, str) or (taken.kind == "image" and record.scale is None):
        return None
    difference = row.astype(np.float64) - in_scale_of(record, np.asarray(given).reshape(row.shape))
    return float(np.sqrt(np.mean(difference * difference)))


def as_json(answer: Answer, top: int) -> dict[str, Any]:
    """One answer, for a program.

    Args:
        answer: one row of an output.
        top: how many labels are given, the best first.

    Returns:
        `labels`, each with its `probability` (or `score`, where it is none), of a classification, a binary or a
        multilabel; `shape`, `frequent` and `classes` where there is one for each of many places; `values` with
        `columns` and `units` of a regression; `shape` and `values` of others, and `rms` of a reconstruction.
    """
    record, row, rms = answer
    if record.labels:
        return _places(record, row, top) if _has_places(row) else _labels(record, row.reshape(-1), top)
    if record.task == "regression":
        units = record.units or (None,) * row.size
        return {
            "values": row.tolist(),
            "columns": record.columns and list(record.columns),
            "unit": units[0] if len(set(units)) == 1 else None,
            "units": record.units and list(record.units),
        }
    found: dict[str, Any] = {"shape": list(row.shape), "values": row.tolist()}
    return found | {"rms": rms} if record.task == "reconstruction" else found


def in_words(answer: Answer, top: int) -> str:
    """One answer in one line; `top` as for `as_json`."""
    record, row, rms = answer
    if record.labels:
        in_a_line = _places_in_words if _has_places(row) else _labels_in_words
        return in_a_line(record, row, top)
    if record.task == "regression" and (record.columns or row.size <= _MOST_VALUES):
        return _values_in_words(record, row.reshape(-1))
    first = " ".join(map(_number, row.reshape(-1)[:_MOST_VALUES]))
    shown = f"[{', '.join(map(str, row.shape))}] {first}{' …' if row.size > _MOST_VALUES else ''}"
    return shown if rms is None else f"{rms:.6g} (root mean square) from {record.input}, {shown}"


def _has_places(row: np.ndarray) -> bool:
    """Whether a row holds an answer for each of several places, such as the steps of a sequence."""
    columns: int = row.shape[-1]
    return row.size > columns


def _labels(record: OutputRecord, row: np.ndarray, top: int) -> dict[str, Any]:
    labels = record.labels or ()
    scores = np.array([1 - row[0], row[0]]) if record.task == "binary" else row
    what = "probability" if _are_probabilities(scores) else "score"
    best = [
        {"label": labels[index], what: float(scores[index])} for index in np.argsort(-scores, kind="stable")
    ]
    if (
        record.task == "binary" and row[0] >= 0.5
    ):  # from 0.5 on it is the second, also where both are as probable
        best.sort(key=lambda found: found["label"] != labels[1])
    if record.task == "multilabel":
        return {"labels": [found for found in best if found[what] >= 0.5], "top": best[:top]}
    return {"labels": best[:top]}


def _labels_in_words(record: OutputRecord, row: np.ndarray, top: int) -> str:
    found = _labels(record, row.reshape(-1), top)
    if record.task == "multilabel" and not found["labels"]:
        return f"none; the nearest is {_label(found['top'][0])}"
    shown = found["labels"][:1] if record.task == "binary" else found["labels"]
    return ", ".join(map(_label, shown))


def _label(found: Mapping[str, Any]) -> str:
    if "probability" in found:
        return f"{found['label']} {found['probability']:.2%}"
    return f"{found['label']} {found['score']:.6g}"


def _are_probabilities(scores: np.ndarray) -> bool:
    """Whether all scores lie between 0 and 1, as probabilities do and logits hardly ever do."""
    return bool(scores.min() >= -_ROUNDING and scores.max() <= 1 + _ROUNDING)


def _places(record: OutputRecord, row: np.ndarray, top: int) -> dict[str, Any]:
    """The classes of many places, such as the steps of a sequence or the pixels of a map."""
    labels = record.labels or ()
    if record.task == "multilabel":
        classes = (row >= 0.5).astype(np.int64)
        counts = classes.reshape(-1, len(labels)).sum(axis=0)
    else:
        classes = decided(row)
        counts = np.bincount(classes.reshape(-1), minlength=len(labels))
    places = row.shape[:-1]
    shares = counts / (row.size // row.shape[-1])
    frequent = [
        {"label": labels[index], "share": float(shares[index])}
        for index in np.argsort(-shares, kind="stable")[:top]
        if counts[index]
    ]
    return {"shape": list(places), "frequent": frequent, "classes": classes.tolist()}


def _places_in_words(record: OutputRecord, row: np.ndarray, top: int) -> str:
    found = _places(record, row, top)
    shares = ", ".join(f"{label['label']} {label['share']:.2%}" for label in found["frequent"])
    return f"[{', '.join(map(str, found['shape']))}] {shares or 'none of the labels'}"


def _values_in_words(record: OutputRecord, row: np.ndarray) -> str:
    units = record.units or (None,) * len(row)
    if record.columns is None and len(set(units)) == 1:
        values = " ".join(map(_number, row))
        return f"{values} ({units[0]})" if units[0] else values
    names = record.columns or ("",) * len(row)
    shown = [
        f"{name} {_number(value)}{f' ({unit})' if unit else ''}".strip()
        for name, value, unit in zip(names[:_MOST_NAMED], row, units, strict=False)
    ]
    more = [f"{len(row) - _MOST_NAMED} more"] if len(row) > _MOST_NAMED else []
    return ", ".join(shown + more)


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, np.floating) else str(value.item())
