"""Networks of `keras.applications`: weights are drawn, sizes are small where the builder allows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.foreign.foreign import Foreign, picture

_CLASSES = 10


def _network(name: str, builder: str, size: int, pixels: str | None = None, **settings: Any) -> Foreign:
    """A row of a network that takes pictures of size × size pixels."""
    shape = (size, size, 3)
    return Foreign(
        name,
        f"keras.applications.{builder}",
        {"inputs": picture(*shape)},
        _built(builder, input_shape=shape, **settings),
        pixels=pixels,
    )


def _built(builder: str, **settings: Any) -> Callable[[Any], Any]:
    def build(keras: Any) -> Any:
        return getattr(keras.applications, builder)(weights=None, classes=_CLASSES, **settings)

    return build


# Those of which nothing is said scale pixels themselves.
_SCALED = "-1-1"
MODELS = (
    _network("mobilenet", "MobileNet", 96, _SCALED, alpha=0.5),
    _network("mobilenet-v2", "MobileNetV2", 96, _SCALED, alpha=0.35),
    _network("mobilenet-v3-small", "MobileNetV3Small", 96),
    _network("efficientnet-b0", "EfficientNetB0", 64),
    _network("resnet50-v2", "ResNet50V2", 64, _SCALED),
)
