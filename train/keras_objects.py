"""Keras' own objects from their names and options: optimizers, losses, metrics, initializers, regularizers …"""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from typing import Any

import keras

from runtime.errors import UsageError
from train.recipe import Recipe

_BASES = {
    "optimizer": (keras.optimizers, keras.optimizers.Optimizer),
    "loss": (keras.losses, keras.losses.Loss),
    "metric": (keras.metrics, keras.metrics.Metric),
    "initializer": (keras.initializers, keras.initializers.Initializer),
    "regularizer": (keras.regularizers, keras.regularizers.Regularizer),
    "constraint": (keras.constraints, keras.constraints.Constraint),
}
_SHORT = {"mse": "MeanSquaredError", "mae": "MeanAbsoluteError", "rmse": "RootMeanSquaredError"}
# Keras averages these over classes only when told to; a figure per class is no figure to plot.
_DEFAULTS: dict[str, dict[str, Any]] = {"FBetaScore": {"average": "macro"}, "F1Score": {"average": "macro"}}


def known(kind: str) -> dict[str, type]:
    """Keras' classes of a kind (`optimizer`, `loss`, `metric`, …) by name."""
    module, base = _BASES[kind]
    classes = {name: value for name, value in vars(module).items() if inspect.isclass(value)}
    return {
        name: value
        for name, value in sorted(classes.items())
        if issubclass(value, base) and value is not base
    }


def make(kind: str, words: str, **options: Any) -> Any:
    """Makes one of Keras' objects.

    Args:
        kind: `optimizer`, `loss`, `metric`, `initializer`, `regularizer` or `constraint`.
        words: `Name` or `Name:option=value,option=value`. Case and underscores do not matter:
            `mean_squared_error` is `MeanSquaredError`.
        options: further options; those in `words` win over them.

    Raises:
        UsageError: Keras has no such name, or the name takes no such option; the message lists those there are.
    """
    name, _, rest = words.partition(":")
    classes = known(kind)
    plain = {candidate.lower(): candidate for candidate in classes}
    found = plain.get(_SHORT.get(name.lower(), name).replace("_", "").lower())
    if found is None:
        raise UsageError(f"unknown {kind} {name!r}; known: {', '.join(classes)}")
    settings = {**_DEFAULTS.get(found, {}), **options, **_options(rest)}
    try:
        return classes[found](**settings)
    except (TypeError, ValueError) as error:
        takes = inspect.signature(classes[found]).parameters
        reason = str(error).splitlines()[0]
        raise UsageError(f"{kind} {words!r}: {reason}; {found} takes {', '.join(takes)}") from error


def activation(name: str) -> str:
    """The name, if it is one of Keras' activations.

    Raises:
        UsageError: it is none; the message lists them.
    """
    names = sorted(key for key, value in vars(keras.activations).items() if inspect.isfunction(value))
    names = [name for name in names if name not in ("get", "serialize", "deserialize")]
    if name not in names:
        raise UsageError(f"unknown activation {name!r}; known: {', '.join(names)}")
    return name


def regularizer(words: str | None) -> Any:
    """Makes a regularizer from `l2=0.01`, `l1=0.01`, both with a comma, or any of Keras' by name; None from None.

    Raises:
        UsageError: Keras has no such regularizer.
    """
    if words is None:
        return None
    if words.lower().startswith(("l1=", "l2=")):
        return make("regularizer", f"L1L2:{words.lower()}")
    return make("regularizer", words)


def metrics(recipe: Recipe, outputs: Sequence[str]) -> Any:
    """Makes the metrics of a recipe; their names in the history do not depend on earlier trainings.

    Args:
        recipe: the recipe.
        outputs: the names of the outputs that are trained.

    Returns:
        A list for one output, else a list by name.

    Raises:
        UsageError: Keras has no such metric, or the model no such output.
    """
    found: dict[str, list[Any]] = {name: [] for name in outputs}
    for text in recipe.metrics:
        output, words = _of_output("metric", text, outputs)
        found[output].append(words if words == "accuracy" else make("metric", words, name=_snake(words)))
    return found if len(outputs) > 1 else found[outputs[0]]


def loss(recipe: Recipe, outputs: Sequence[str]) -> Any:
    """Makes the loss of a recipe: one for one output, else one by name for each of `outputs`.

    Raises:
        UsageError: Keras has no such loss, or the model no such output, or an output has none.
    """
    texts = recipe.loss.split() if len(outputs) > 1 else [recipe.loss]
    named = dict(_of_output("loss", text, outputs) for text in texts)
    missing = [name for name in outputs if name not in named]
    if missing:
        raise UsageError(f"loss {recipe.loss!r}: the output {missing[0]} has none; give OUTPUT=LOSS for each")
    found = {
        name: make("loss", words, **_smoothing(recipe, words, len(outputs))) for name, words in named.items()
    }
    return found if len(outputs) > 1 else found[outputs[0]]


def _smoothing(recipe: Recipe, words: str, outputs: int) -> dict[str, Any]:
    """The smoothing of labels: of several losses, for those that have labels."""
    labelled = outputs == 1 or "crossentropy" in words.replace("_", "").lower()
    return {"label_smoothing": recipe.label_smoothing} if recipe.label_smoothing and labelled else {}


def _of_output(kind: str, text: str, outputs: Sequence[str]) -> tuple[str, str]:
    """The output that a loss or metric is of, and its words; `output=` may be left out where there is one output."""
    name, equals, words = text.partition("=")
    if not equals or ":" in name:
        name, words = (outputs[0] if len(outputs) == 1 else ""), text
    if name not in outputs:
        raise UsageError(
            f"{kind} {text!r}: give OUTPUT={kind.upper()} for one of the outputs {', '.join(outputs)}"
        )
    return name, words


def optimizer(recipe: Recipe, steps_per_epoch: int) -> Any:
    """Makes the optimizer of a recipe, with its learning rate schedule where that goes by steps.

    Raises:
        UsageError: Keras has no such optimizer, or it takes no such option.
    """
    names = ("momentum", "weight_decay", "clipnorm", "clipvalue")
    options = {name: getattr(recipe, name) for name in names if getattr(recipe, name) is not None}
    if recipe.nesterov:
        options["nesterov"] = True
    return make("optimizer", recipe.optimizer, learning_rate=_rate(recipe, steps_per_epoch), **options)


def _rate(recipe: Recipe, steps_per_epoch: int) -> Any:
    rate, steps = recipe.learning_rate, recipe.epochs * steps_per_epoch
    schedules = keras.optimizers.schedules
    if recipe.schedule == "cosine":
        if not recipe.warmup_epochs:
            return schedules.CosineDecay(rate, steps)
        warmup = recipe.warmup_epochs * steps_per_epoch
        return schedules.CosineDecay(0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup)
    if recipe.schedule == "exponential":
        return schedules.ExponentialDecay(rate, steps_per_epoch, decay_rate=0.9)
    return rate


def _options(words: str) -> dict[str, Any]:
    pairs = [part.partition("=") for part in words.split(",") if part]
    return {name.strip(): _value(value) for name, _, value in pairs}


def _value(words: str) -> Any:
    try:
        return json.loads(words.lower())
    except ValueError:
        return words


def _snake(words: str) -> str:
    name = words.partition(":")[0]
    name = _SHORT.get(name.lower(), name)
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
