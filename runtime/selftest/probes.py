"""Makes probes of the golden inputs: unusual inputs, which reach weights that usual inputs leave silent."""

from collections.abc import Mapping

import numpy as np

from runtime.bundle.manifest import InputRecord


def probe_inputs(
    inputs: Mapping[str, np.ndarray], records: Mapping[str, InputRecord]
) -> dict[str, np.ndarray]:
    """Returns the probes by input: as many raw inputs as there are golden ones, of the same shapes and dtypes.

    They are made by exact arithmetic, so that they are the same on every machine; docs/bundle.md specifies it. Only a
    variant's own answers to them are known, not the original's.
    """
    return {
        name: _images(rows, records[name]) if records[name].kind == "image" else _rows(rows, records[name])
        for name, rows in inputs.items()
    }


def _images(images: np.ndarray, record: InputRecord) -> np.ndarray:
    """Each image is turned upside down, mirrored, moved by half its size and made a negative, as its number says."""
    low, high = int(record.low or 0), int(255 if record.high is None else record.high)
    height, width, _ = record.shape
    index = np.arange(len(images))
    negative, upside_down, mirrored, down, right = ((index >> bit & 1).astype(bool) for bit in range(5))
    probes = images.copy()
    # All images of a kind are changed at once: this takes 0.1 ms at a cold start, image by image 0.4.
    probes[down] = np.roll(probes[down], height // 2, axis=1)
    probes[right] = np.roll(probes[right], width // 2, axis=2)
    probes[upside_down] = probes[upside_down, ::-1]
    probes[mirrored] = probes[mirrored, :, ::-1]
    probes[negative] = low + (high - probes[negative])
    return probes


def _rows(rows: np.ndarray, record: InputRecord) -> np.ndarray:
    """Each element is that of another row in the same place; floats of every second row are moved from the middle."""
    count = len(rows)
    flat = rows.reshape(count, -1)
    places = np.arange(flat.shape[1])
    index = np.arange(count)[:, None]
    mixed: np.ndarray = flat[(index * (2 * places + 1) + 5 * places) % count, places]
    if record.dtype == "float":
        middle = np.sort(flat, axis=0)[count // 2]
        mixed[1::2] = middle + (mixed[1::2] - middle) * np.float32(2)
    return mixed.reshape(rows.shape)
