"""Runs on a device, and on this machine for comparison: reads pictures as `predict` does, in each way to fit them.

    python pictures.py PIXELS.npz FOLDER
"""

import sys
from pathlib import Path

import numpy as np

from runtime.bundle.manifest import RESIZES, InputRecord
from runtime.commands.images import read_image

SHAPES = (28, 28, 1), (32, 24, 3)


def pixels(folder: Path) -> dict[str, np.ndarray]:
    """What each picture in the folder becomes, uint8 [1, height, width, channels], by name, way and channels."""
    return {
        f"{path.name} {resize} {shape[-1]}": read_image(path, InputRecord("image", "x", shape, "uint8", resize=resize))[0]
        for path in sorted(folder.iterdir())
        for resize in RESIZES
        for shape in SHAPES
    }


if __name__ == "__main__":
    np.savez(sys.argv[1], **pixels(Path(sys.argv[2])))
