"""What a recipe is: everything that decides how one model is trained, as data."""

from __future__ import annotations

from dataclasses import dataclass

# A Keras layer by name, with its arguments: ("RandomFlip", (("mode", "horizontal"),)).
LayerSpec = tuple[str, tuple[tuple[str, object], ...]]

SCALINGS = ("none", "unit", "standard", "bins")
SCHEDULES = ("constant", "cosine", "step", "exponential")


@dataclass(frozen=True)
class Recipe:
    """How one model is trained; where a tutorial teaches a choice, the field has a flag of the same name.

    Names are Keras' own. The fields that do not explain themselves:

    Attributes:
        goal: the figure to reach on the test split, in the metric of the first output that has one: accuracy as a
            fraction, or RMSE in the dataset's unit.
        tutorial: the figure that the tutorials give.
        hidden: the units of the layers between input and output, for the architectures that take them.
        scaling: how raw values are scaled inside the model, one of `SCALINGS`; the words of texts never are.
        embedding: how many numbers stand for a word of a text.
        augmentation: layers that run in training only, on the images, and are no part of the saved model.
        loss: of the output that is trained; of several, `output=loss`, separated by blanks.
        metrics: what is written down of every epoch, likewise `output=metric` of several outputs.
        monitor: the figure that early stopping and the best weights go by.
        reduce_on_plateau: the epochs without improvement after which the learning rate is halved.
        stop_at: `name=value`, the figure at which the training ends.
        streamed: whether the model is saved as one step of a stream, with its state as an input and an output.
    """

    model: str
    dataset: str
    architecture: str
    goal: float
    tutorial: str = "not given"
    # the model
    hidden: tuple[int, ...] = ()
    activation: str = "relu"
    initializer: str = "glorot_uniform"
    regularizer: str | None = None
    constraint: str | None = None
    batch_normalization: bool = False
    dropout: float = 0.0
    alpha_dropout: float = 0.0
    gaussian_dropout: float = 0.0
    scaling: str = "unit"
    embedding: int = 0
    augmentation: tuple[LayerSpec, ...] = ()
    # the optimizer
    optimizer: str = "Adam"
    learning_rate: float = 1e-3
    momentum: float | None = None
    nesterov: bool = False
    weight_decay: float | None = None
    clipnorm: float | None = None
    clipvalue: float | None = None
    schedule: str = "cosine"
    warmup_epochs: int = 0
    # the training
    loss: str = "categorical_crossentropy"
    label_smoothing: float = 0.0
    metrics: tuple[str, ...] = ("accuracy",)
    epochs: int = 30
    batch_size: int = 128
    # the callbacks
    monitor: str = "val_loss"
    patience: int | None = None
    reduce_on_plateau: int | None = None
    stop_at: str | None = None
    # the saved model
    streamed: bool = False


@dataclass(frozen=True)
class Application:
    """A network of `keras.applications`; nothing of it is trained here.

    Attributes:
        model: its name here.
        builder: the function of `keras.applications` that makes it.
        preprocessing: what its `preprocess_input` does to RGB pixels from 0 to 255: "tf" scales them to [-1, 1],
            "caffe" turns them to BGR and subtracts the means.
        classes: the number of its outputs; 0 leaves out the top, and the outputs are features.
    """

    model: str
    builder: str
    preprocessing: str
    classes: int
