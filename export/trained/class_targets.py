"""What targets tell of an output of which its model says too little: that it chooses between classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def by_targets(
    task: str, shape: Sequence[int | None], targets: NDArray[Any] | None, folders: Sequence[str] | None
) -> str | None:
    """Why an output is a classification, as its data are of classes; None where they do not say so.

    Args:
        task: what the model alone tells.
        shape: of a row of the output.
        targets: as they stand in the data; None where they have none.
        folders: the names of the folders of pictures; None for other data.
    """
    classes = (shape[-1] if shape else None) or 0
    if classes < 2 or task not in ("tensor", "regression", "multilabel"):
        return None
    if folders is not None and task != "multilabel" and list(shape) == [len(folders)]:
        return f"the data have folders of {len(folders)} classes"
    if targets is None or not targets.size:
        return None
    if targets.dtype.kind in "US":
        return "its targets are names"
    if targets.dtype.kind not in "iufb":
        return None
    # A class number for each answer, where values would be as many as the answer has.
    if list(targets.shape[1:]) in ([*shape[:-1]], [*shape[:-1], 1]):
        whole = (targets == np.floor(targets)).all() and targets.min() >= 0 and targets.max() < classes
        return f"its targets are class numbers up to {int(targets.max())}" if whole else None
    one_hot = list(targets.shape[1:]) == list(shape) and np.isin(targets, (0, 1)).all()
    if task == "tensor" and one_hot and (targets.sum(axis=-1) == 1).all():
        return "its targets are one-hot"
    return None
