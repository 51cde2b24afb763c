"""Networks for phones at small widths: MobileNetV2, MobileNetV3-Small and EfficientNet, for pictures of 32×32 pixels.

All three are rows of inverted residual blocks: a 1×1 convolution widens the picture, a depthwise one works on each
channel alone, a 1×1 convolution without activation makes it narrow again, and a shortcut joins the narrow ends
(Sandler, Howard, Zhu, Zhmoginov and Chen, 2018). The two later ones weigh the channels of the wide part by what a
small network makes of their means, squeeze-and-excite (Hu, Shen and Sun, 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras import layers

from train import keras_objects
from train.building_blocks import convolution, dense, normalized, options
from train.recipe import Recipe


@dataclass(frozen=True)
class Block:
    """An inverted residual block.

    Attributes:
        filters: of the narrow end, which is the block's output.
        wide: channels of the depthwise convolution; as many as come in, and there is no widening convolution.
        size: height and width of the depthwise kernel.
        halves: whether it halves the picture.
        squeezed: units of the squeeze-and-excite network's hidden layer; 0 where there is none.
        activation: instead of the recipe's.
    """

    filters: int
    wide: int
    size: int = 3
    halves: bool = False
    squeezed: int = 0
    activation: str | None = None


# The first halving comes right behind the first convolution, where the papers halve twice: their pictures are larger.
_MOBILENET_V2 = (
    Block(16, 16, halves=True),
    Block(24, 64),
    Block(40, 96, halves=True),
    Block(40, 160),
    Block(64, 160, halves=True),
    Block(96, 384),
    Block(96, 384),
)
# As in the paper, relu comes first and hard-swish later, where there are fewer values to compute it of.
_MOBILENET_V3 = (
    Block(16, 16, halves=True, squeezed=8, activation="relu"),
    Block(24, 64, activation="relu"),
    Block(40, 96, size=5, halves=True, squeezed=24),
    Block(40, 120, size=5, squeezed=32),
    Block(56, 120, size=5, halves=True, squeezed=32),
    Block(96, 288, size=5, squeezed=72),
    Block(96, 384, size=5, squeezed=96),
)
_EFFICIENTNET = (
    Block(16, 16, halves=True, squeezed=4),
    Block(24, 64, squeezed=4),
    Block(40, 96, size=5, halves=True, squeezed=6),
    Block(40, 160, size=5, squeezed=10),
    Block(64, 160, size=5, halves=True, squeezed=10),
    Block(96, 384, size=5, squeezed=16),
    Block(96, 576, size=5, squeezed=24),
)
_FIRST, _LAST = 16, 384


def mobilenet_v2(x: Any, recipe: Recipe) -> Any:
    """MobileNetV2's blocks, of images [n, height, width, channels]; its activation is relu6."""
    return _network(x, _MOBILENET_V2, recipe)


def mobilenet_v3(x: Any, recipe: Recipe) -> Any:
    """MobileNetV3-Small's blocks (Howard and others, 2019); its activation is hard-swish, `hard_silu` in Keras."""
    return _network(x, _MOBILENET_V3, recipe, squeezing="relu", gate="hard_sigmoid")


def efficientnet(x: Any, recipe: Recipe) -> Any:
    """EfficientNet's blocks (Tan and Le, 2019); its activation is swish, `silu` in Keras."""
    return _network(x, _EFFICIENTNET, recipe, squeezing=recipe.activation, gate="sigmoid")


def _network(x: Any, blocks: tuple[Block, ...], recipe: Recipe, squeezing: str = "", gate: str = "") -> Any:
    """A 3×3 convolution, the blocks, a 1×1 convolution, the mean, and dense layers of `recipe.hidden` units.

    `squeezing` and `gate` are the activations of the squeeze-and-excite networks.
    """
    x = convolution(x, _FIRST, recipe)
    for block in blocks:
        x = _inverted_residual(x, block, recipe, squeezing, gate)
    x = layers.GlobalAveragePooling2D()(convolution(x, _LAST, recipe, size=1))
    for units in recipe.hidden:
        x = dense(units, recipe)(x)
    return layers.Dropout(recipe.dropout)(x) if recipe.dropout else x


def _inverted_residual(x: Any, block: Block, recipe: Recipe, squeezing: str, gate: str) -> Any:
    activation = keras_objects.activation(block.activation or recipe.activation)
    inner = x
    if block.wide != x.shape[-1]:
        inner = layers.Activation(activation)(normalized(inner, block.wide, 1, recipe))
    inner = layers.DepthwiseConv2D(
        block.size,
        strides=1 + block.halves,
        padding="same",
        use_bias=False,
        depthwise_initializer=keras_objects.make("initializer", recipe.initializer),
    )(inner)
    inner = layers.Activation(activation)(layers.BatchNormalization(momentum=0.9)(inner))
    if block.squeezed:
        inner = _squeeze_and_excite(inner, block.squeezed, squeezing, gate, recipe)
    inner = normalized(inner, block.filters, 1, recipe)
    return layers.Add()([x, inner]) if inner.shape == x.shape else inner


def _squeeze_and_excite(x: Any, squeezed: int, squeezing: str, gate: str, recipe: Recipe) -> Any:
    """Each channel times a factor from 0 to 1, which two 1×1 convolutions make of the means of all channels."""
    factors = layers.GlobalAveragePooling2D(keepdims=True)(x)
    factors = layers.Conv2D(squeezed, 1, activation=keras_objects.activation(squeezing), **options(recipe))(
        factors
    )
    factors = layers.Conv2D(x.shape[-1], 1, activation=keras_objects.activation(gate), **options(recipe))(
        factors
    )
    return layers.Multiply()([x, factors])
