"""Drawn shapes that stand in for photographs and handwriting: digits, garments, and plain blobs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from data.outlines import GARMENTS, STROKES

_OVERSAMPLING = 8
_STYLES = ("digits", "garments", "blobs")

_Map = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def draw(random: np.random.Generator, size: tuple[int, int], style: str | None = None) -> NDArray[np.float64]:
    """Draws one image, float64 [height, width] from 0 to 1, of the style "digits", "garments" or "blobs"; None: any."""
    style = style or _STYLES[int(random.integers(len(_STYLES)))]
    painter = {"digits": _digit, "garments": _garment, "blobs": _blobs}[style]
    image: NDArray[np.float64] = np.clip(painter(random, size), 0, 1)
    return image


def _digit(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """Draws the strokes of a random digit with a pen of random width, bent and softened."""
    strokes = STROKES[int(random.integers(len(STROKES)))]
    # Large images keep the margin of MNIST (20 of 28 pixels are used); tiny ones are filled.
    extent = random.uniform(0.6, 0.74) if min(size) >= 16 else random.uniform(0.8, 0.95)
    transform = _placement(random, extent, turn=0.2, shear=0.25)
    width = extent * random.uniform(0.09, 0.17)
    canvas = Image.new("L", (size[1] * _OVERSAMPLING, size[0] * _OVERSAMPLING))
    pen = ImageDraw.Draw(canvas)
    pixels = max(1, round(width * min(canvas.size)))
    for stroke in strokes:
        bent = np.asarray(stroke) + random.normal(0, 0.02, (len(stroke), 2))
        points = [tuple(point) for point in transform(bent) * canvas.size]
        pen.line(points, fill=255, width=pixels, joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - pixels / 2, y - pixels / 2, x + pixels / 2, y + pixels / 2), fill=255)
    return _softened(canvas, size, random.uniform(0.25, 0.6)) * random.uniform(0.9, 1.15)


def _garment(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """Fills the outline of a random garment with a shade, a gradient, stripes and a little noise."""
    parts = GARMENTS[int(random.integers(len(GARMENTS)))]
    stretch = random.uniform(0.85, 1.05, 2)
    transform = _placement(random, 0.95, turn=0.03, shear=0.03)
    canvas = Image.new("L", (size[1] * _OVERSAMPLING, size[0] * _OVERSAMPLING))
    pen = ImageDraw.Draw(canvas)
    shade = random.uniform(0.25, 0.95)
    for outline, darkness in parts:
        bent = (np.asarray(outline) - 0.5) * stretch + 0.5 + random.normal(0, 0.012, (len(outline), 2))
        points = [tuple(point) for point in transform(bent) * canvas.size]
        pen.polygon(points, fill=round(255 * shade * darkness))
    filled = _softened(canvas, size, random.uniform(0.1, 0.4))
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]] / max(size)
    angle, waves = random.uniform(0, np.pi), random.uniform(2, 9)
    across = rows * np.sin(angle) + columns * np.cos(angle)
    texture = (
        1 + random.uniform(0, 0.3) * np.sin(2 * np.pi * waves * across) + random.uniform(-0.4, 0.4) * across
    )
    return np.asarray(filled * texture * random.normal(1, 0.06, size))


def _blobs(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float64]:
    """Adds a few soft round spots on a gradient."""
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]] / max(size)
    image = random.uniform(0, 0.4) + random.uniform(-0.3, 0.3) * rows + random.uniform(-0.3, 0.3) * columns
    for _ in range(int(random.integers(2, 7))):
        (y, x), spread = random.uniform(0, 1, 2), random.uniform(0.04, 0.25)
        distance = (rows - y) ** 2 + (columns - x) ** 2
        image = image + random.uniform(-0.5, 0.9) * np.exp(-distance / (2 * spread**2))
    return np.asarray(image + random.normal(0, 0.02, size))


def _placement(random: np.random.Generator, extent: float, turn: float, shear: float) -> _Map:
    """Draws a random affine map of points [n, 2], x to the right and y down, about the unit square."""
    angle, slant = random.normal(0, turn / 2), random.normal(0, shear / 2)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = extent * turned @ np.array([[1.0, slant], [0.0, 1.0]])
    centre = 0.5 + random.normal(0, 0.02, 2)
    return lambda points: (points - 0.5) @ matrix.T + centre


def _softened(canvas: Image.Image, size: tuple[int, int], blur: float) -> NDArray[np.float64]:
    """Scales the canvas down to `size`, blurred by `blur` final pixels; float64 from 0 to 1."""
    blurred = canvas.filter(ImageFilter.GaussianBlur(blur * _OVERSAMPLING))
    return np.asarray(blurred.resize((size[1], size[0]), Image.Resampling.BOX), np.float64) / 255
