"""Turns a PNG or JPEG into raw pixels of the size and channels a model takes. The only user of Pillow."""

from pathlib import Path
from typing import Any

import numpy as np

from runtime.bundle.manifest import InputRecord
from runtime.errors import InputError


def read_image(path: Path, record: InputRecord) -> tuple[np.ndarray, list[str]]:
    """The pixels, uint8 [1, height, width, channels] from low to high; and notes on what was converted."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise InputError(
            f"{path}: reading images needs Pillow; install it with: pip install pillow"
        ) from None
    height, width, channels = record.shape
    notes = []
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as opened:
            image: Any = ImageOps.exif_transpose(opened)
            image.load()
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist") from None
    except Exception as error:  # Pillow raises a dozen kinds on damaged files
        raise InputError(f"{path}: not a sound PNG or JPEG file ({error})") from None
    if image.mode.startswith("I"):
        # 16 bits a pixel: Pillow's own conversion to 8 would clip instead of scale.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        notes.append("16 bits a pixel became 8")
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")  # what a viewer shows behind it
        image = Image.alpha_composite(white, image)
        notes.append("transparent parts became white")
    mode = "L" if channels == 1 else "RGB"
    if image.mode != mode:
        if mode == "L" and image.mode not in ("1", "L"):
            notes.append("colours became grey")
        image = image.convert(mode)
    if image.size != (width, height):
        notes.append(f"resized from {image.size[0]}x{image.size[1]} to {width}x{height}")
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    pixels = np.asarray(image, np.uint8).reshape(1, *record.shape)
    low, high = record.low or 0, 255 if record.high is None else record.high
    if (low, high) != (0, 255):
        notes.append(f"pixels scaled from 0..255 to {low:g}..{high:g}")
        pixels = np.rint(low + pixels * ((high - low) / 255)).astype(np.uint8)
    return pixels, notes
