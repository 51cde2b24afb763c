"""Turns a picture file into raw pixels of the size and channels a model takes. The only user of Pillow."""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from runtime.bundle.manifest import InputRecord
from runtime.errors import InputError, PackageError

# The kinds of picture files that are read, on the desk and on the device, by the suffix of their names.
SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".webp": "WEBP",
}
_FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))
_DONE = {
    "stretch": "resized",
    "crop": "cropped and resized",
    "pad": "resized and padded with black",
}


def fitted(image: Any, height: int, width: int, policy: str | None = None) -> Any:
    """A picture in the size that a model takes, by the rule in docs/bundle.md; the same bits everywhere.

    Args:
        image: a Pillow image in mode L or RGB.
        height: of the picture that is wanted, in pixels.
        width: likewise.
        policy: one of `runtime.bundle.manifest.RESIZES`; None is "stretch".
    """
    from PIL import Image

    across, down = image.size
    if policy == "crop":
        # The side that is too long for the ratio is cut. In whole numbers: floats would round otherwise here and there.
        cut = min(across, _nearest(down * width, height)), min(down, _nearest(across * height, width))
        left, top = (across - cut[0]) // 2, (down - cut[1]) // 2
        image = image.crop((left, top, left + cut[0], top + cut[1]))
    elif policy == "pad":
        size = min(width, _nearest(across * height, down)), min(height, _nearest(down * width, across))
        ground = Image.new(image.mode, (width, height))
        ground.paste(_resized(image, *size), ((width - size[0]) // 2, (height - size[1]) // 2))
        return ground
    return _resized(image, width, height)


def _resized(image: Any, width: int, height: int) -> Any:
    """First across, then down: after each, pixels are rounded, and versions of Pillow differ in which comes first."""
    from PIL import Image

    lanczos = Image.Resampling.LANCZOS
    return image.resize((width, image.size[1]), lanczos).resize((width, height), lanczos)


def _nearest(part: int, whole: int) -> int:
    """The quotient as the nearest whole number of at least 1; a half is rounded up."""
    return max(1, (2 * part + whole) // (2 * whole))


def read_image(path: Path, record: InputRecord, file: BinaryIO | None = None) -> tuple[np.ndarray, list[str]]:
    """The pixels of a picture, and notes on what was converted.

    Args:
        path: a file of one of the kinds in SUFFIXES, or where `file` is given, its name for errors.
        record: the image input that it is for.
        file: the open file, where it is none of its own, such as the member of an archive.

    Returns:
        The pixels, uint8 [1, height, width, channels] from the input's `low` to its `high`; and the notes.

    Raises:
        InputError: there is no such file, or it is no sound picture.
        PackageError: Pillow is not installed.
    """
    image, notes = _opened(path, file or path, "L" if record.shape[-1] == 1 else "RGB")
    height, width, _ = record.shape
    if image.size != (width, height):
        done = _DONE[record.resize or "stretch"]
        notes.append(f"{done} from {image.size[0]}x{image.size[1]} to {width}x{height}")
        image = fitted(image, height, width, record.resize)
    pixels = np.asarray(image, np.uint8).reshape(1, *record.shape)
    low, high = record.low or 0, 255 if record.high is None else record.high
    if (low, high) != (0, 255):
        notes.append(f"pixels scaled from 0..255 to {low:g}..{high:g}")
        pixels = np.rint(low + pixels * ((high - low) / 255)).astype(np.uint8)
    return pixels, notes


def _opened(path: Path, file: Any, mode: str) -> tuple[Any, list[str]]:
    """The upright picture in this mode, and notes on what was converted."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise PackageError(
            f"{path}: reading images needs Pillow; install it with: pip install pillow"
        ) from None
    try:
        with Image.open(file, formats=_FORMATS) as opened:
            frames = getattr(opened, "n_frames", 1)
            image: Any = ImageOps.exif_transpose(opened)
            image.load()
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist") from None
    except Exception as error:  # Pillow raises a dozen kinds on damaged files
        raise InputError(
            f"{path}: not a sound picture file ({error}); known kinds: {', '.join(_FORMATS)}"
        ) from None
    notes = [f"the first of {frames} frames"] if frames > 1 else []
    if image.mode.startswith("I"):
        # 16 bits a pixel: Pillow's own conversion to 8 would clip instead of scale.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        notes.append("16 bits a pixel became 8")
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")  # what a viewer shows behind it
        image = Image.alpha_composite(white, image)
        notes.append("transparent parts became white")
    if image.mode != mode:
        if mode == "L" and image.mode not in ("1", "L"):
            notes.append("colours became grey")
        image = image.convert(mode)
    return image, notes
