"""Rows of the layers that prepare what a model is given: numbers, categories, sound, images."""

from typing import Any

from bench.layers.row import Values, graph, layer

TABLE, SOUND, WAVES = Values((4,)), Values((600,)), Values((600, 1))
TOKENS, WIDE_TOKENS = Values((5,), "int32", 0, 6), Values((5,), "int64", 0, 9)
PHOTO, SMALL = Values((12, 14, 3), low=0.0, high=255.0), Values((8, 8, 3), low=0.0, high=255.0)

# What these do, they do while a model is trained; in a trained one they pass on what they are given.
_RANDOM: dict[str, dict[str, Any]] = {
    "AugMix": {},
    "CutMix": {},
    "MixUp": {},
    "RandAugment": {},
    "RandomBrightness": {"factor": 0.2},
    "RandomColorDegeneration": {"factor": 0.2},
    "RandomColorJitter": {"brightness_factor": 0.2},
    "RandomContrast": {"factor": 0.2},
    "RandomElasticTransform": {},
    "RandomErasing": {"factor": 0.2},
    "RandomFlip": {},
    "RandomGaussianBlur": {},
    "RandomGrayscale": {},
    "RandomHue": {"factor": 0.2},
    "RandomInvert": {},
    "RandomPerspective": {},
    "RandomPosterization": {"factor": 4},
    "RandomRotation": {"factor": 0.2},
    "RandomSaturation": {"factor": 0.2},
    "RandomSharpness": {"factor": 0.2},
    "RandomShear": {"x_factor": 0.2},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
    "RandomZoom": {"height_factor": 0.2},
    "MaxNumBoundingBoxes": {"max_number": 4},
}

ROWS = (
    layer("Normalization", TABLE, mean=[1.0, 2.0, 3.0, 4.0], variance=[1.0, 4.0, 0.5, 2.0]),
    layer("Normalization", TABLE, mean=1.0, variance=2.0, axis=None, invert=True),
    layer("Rescaling", PHOTO, scale=1 / 127.5, offset=-1.0),
    layer("Discretization", TABLE, bin_boundaries=[-1.0, 0.0, 1.5]),
    layer("Discretization", TABLE, bin_boundaries=[-1.0, 0.0, 1.5], output_mode="one_hot"),
    layer("Discretization", TABLE, bin_boundaries=[-1.0, 0.0, 1.5], output_mode="count"),
    layer("CategoryEncoding", TOKENS, num_tokens=6),
    layer("CategoryEncoding", TOKENS, num_tokens=6, output_mode="one_hot"),
    layer("CategoryEncoding", TOKENS, num_tokens=6, output_mode="count"),
    layer("IntegerLookup", WIDE_TOKENS, vocabulary=[3, 1, 4, 5]),
    layer("IntegerLookup", TOKENS, vocabulary=[3, 1, 4, 5], mask_token=0, num_oov_indices=2),
    layer("IntegerLookup", WIDE_TOKENS, vocabulary=[3, 1, 4, 5], output_mode="multi_hot"),
    layer("IntegerLookup", Values((5,), "int64", 1, 5), vocabulary=[3, 1, 4, 5], invert=True),
    layer("IntegerLookup", Values((1,), "int64", 0, 9), vocabulary=[3, 1, 4, 5], output_mode="one_hot"),
    layer("STFTSpectrogram", WAVES, frame_length=64, frame_step=32),
    layer("STFTSpectrogram", WAVES, mode="psd", frame_length=64, frame_step=32, padding="same"),
    layer("STFTSpectrogram", WAVES, mode="angle", frame_length=64, frame_step=32),
    layer("MelSpectrogram", SOUND, fft_length=128, sequence_stride=64, sampling_rate=8000, num_mel_bins=16),
    layer(
        "MelSpectrogram", SOUND, fft_length=128, sequence_stride=64, sampling_rate=8000, num_mel_bins=16,
        power_to_db=False, mag_exp=1.0,
    ),
    layer("Resizing", PHOTO, height=9, width=20),
    layer("Resizing", PHOTO, height=9, width=20, interpolation="nearest"),
    layer("Resizing", PHOTO, height=9, width=20, interpolation="bicubic", antialias=True),
    layer("Resizing", PHOTO, height=8, width=8, crop_to_aspect_ratio=True),
    layer("Resizing", PHOTO, height=8, width=8, pad_to_aspect_ratio=True),
    layer("CenterCrop", PHOTO, height=8, width=9),
    layer("CenterCrop", PHOTO, height=16, width=9),
    layer("RandomCrop", PHOTO, height=8, width=9),
    layer("AutoContrast", SMALL),
    graph(
        "Equalization",
        "before Rescaling(1 / 255)",
        SMALL,
        outputs=lambda keras, x: keras.layers.Rescaling(1 / 255)(keras.layers.Equalization()(x)),
        overwrites=True,
    ),
    layer("ContrastLimitedAdaptiveHistogramEqualization", SMALL),
    layer("Solarization", SMALL, addition_factor=0.1),
    *(layer(name, SMALL, **settings) for name, settings in _RANDOM.items()),
    graph(
        "Pipeline", "layers=[Rescaling(1 / 255), RandomFlip()]", SMALL,
        outputs=lambda keras, x: keras.layers.Pipeline(
            [keras.layers.Rescaling(1 / 255), keras.layers.RandomFlip()]
        )(x),
    ),
    graph(
        "HashedCrossing", "num_bins=5", Values((), "int32", 0, 9), Values((), "int32", 0, 9),
        outputs=lambda keras, a, b: keras.layers.HashedCrossing(5)((a, b)),
    ),
    layer("Hashing", TOKENS, num_bins=5),
    layer("StringLookup", Values((1,), "string"), vocabulary=["a", "b"]),
    layer("TextVectorization", Values((1,), "string"), vocabulary=["a", "b"]),
)  # fmt: skip
