"""Runs on a device, and on this machine for comparison: reads pictures as `predict` does, in each way to fit them.

    python pictures.py PIXELS.npz FOLDER

On this machine it draws them too.
"""

import sys
from pathlib import Path

import numpy as np

from runtime.bundle.manifest import RESIZES, InputRecord
from runtime.commands.images import read_image

SHAPES = (28, 28, 1), (32, 24, 3)


def draw_pictures(folder: Path) -> None:
    """Fills a new folder with pictures without symmetry: wide, tall, small, in colours, grey, of PNG and JPEG."""
    from PIL import Image

    folder.mkdir()
    random = np.random.default_rng(2)
    for name, size in (("wide", (31, 97)), ("tall", (160, 45)), ("small", (7, 9))):
        down, across = np.indices(size)
        smooth = np.stack([255 * across // size[1], 255 * down // size[0], across * down % 256], axis=-1)
        colours = Image.fromarray(
            np.clip(smooth + random.integers(-40, 41, smooth.shape), 0, 255).astype(np.uint8)
        )
        colours.save(folder / f"{name}.png")
        colours.save(folder / f"{name}.jpg")
        colours.convert("L").save(folder / f"{name}-grey.png")


def pixels(folder: Path) -> dict[str, np.ndarray]:
    """What each picture in the folder becomes, uint8 [1, height, width, channels], by name, way and channels."""
    return {
        f"{path.name} {resize} {shape[-1]}": read_image(
            path, InputRecord("image", "x", shape, "uint8", resize=resize)
        )[0]
        for path in sorted(folder.iterdir())
        for resize in RESIZES
        for shape in SHAPES
    }


if __name__ == "__main__":
    np.savez(sys.argv[1], **pixels(Path(sys.argv[2])))
