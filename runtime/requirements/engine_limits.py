"""What each release of each engine can run: the data behind `file_problem` and `engine_problem`.

Source: the engines themselves. `python -m bench limits` asks an installed engine to open the smallest file for every
op in every version, every tensor type, IR version and opset, and prints such a row; tests do it again for the engines
at hand. A row stands for its minor release, measured on the patch release that its comment names.
"""

# Plain tuples: a record type costs 0.25 ms at import, and a cold start counts them.
Release = tuple[int, int]

# The highest code of a tensor's type; the highest version of each builtin op by its code, "-" where there is none.
TfliteLimits = tuple[int, str]

# The highest IR version, the highest opset of ONNX's own domain, and that of ai.onnx.ml.
OnnxLimits = tuple[int, int, int]

TFLITE: dict[str, dict[Release, TfliteLimits]] = {
    "tflite-runtime": {
        (2, 14): (  # 2.14.0
            17,
            "5 3 4 7 7 2 5 3 1 10 1 2 1 1 3 1 4 3 7 3 1 3 1 4 3 3 2 4 3 - 1 - - 1 4 3 6 4 4 6 3 5 2 2 4 8 3 2 3 4 "
            "2 - 3 5 1 4 3 4 3 1 4 2 3 2 4 6 1 4 3 3 1 4 3 1 2 1 2 1 1 3 2 2 3 4 1 1 1 1 4 3 3 1 1 1 4 2 2 4 2 2 "
            "3 5 2 1 1 3 1 4 1 2 1 1 1 1 3 1 1 1 1 1 1 1 1 2 1 1 4 - 1 1 3 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 "
            "2 1 1 1 1 1 1 1 2 1 1 1 - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - "
            "- - - - - - - - - -",
        ),
    },
    "litert": {
        (1, 0): (  # 1.0.1
            18,
            "5 3 4 8 7 2 6 4 1 13 1 2 1 1 3 1 4 3 7 3 1 3 1 4 3 3 2 4 3 - 1 - - 1 4 3 7 4 4 6 3 5 2 2 4 8 3 2 3 4 "
            "2 - 3 6 1 4 3 4 3 1 4 2 3 2 4 6 1 5 3 3 1 4 3 2 2 1 3 1 1 3 2 2 3 4 1 1 1 1 4 3 3 1 1 1 4 2 2 4 2 2 "
            "3 5 2 1 1 3 1 5 1 2 1 1 1 1 3 1 1 1 1 1 1 1 1 2 1 1 4 - 1 1 3 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 "
            "2 2 1 1 1 1 1 1 2 1 1 1 - 1 - 1 1 - - - - - - - - - - - - - - 1 - - - - - - - - 1 - - - - 1 - - 1 - "
            "- 1 - 1 1 1 1 - - -",
        ),
        (1, 1): (  # 1.1.2
            18,
            "5 3 4 8 7 2 6 4 1 13 1 2 1 1 3 1 4 3 7 3 1 3 1 4 3 3 2 4 3 - 1 - - 1 4 3 7 4 4 6 3 5 2 2 4 8 3 2 3 4 "
            "2 - 3 7 1 4 3 4 3 1 4 2 3 2 4 6 1 5 3 3 1 4 3 2 2 1 3 1 1 3 2 2 3 4 1 1 1 1 4 3 3 1 1 1 4 2 2 4 2 2 "
            "3 5 2 1 1 3 1 5 1 2 1 1 1 1 3 1 1 1 1 1 1 1 1 2 1 1 4 - 1 1 3 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 "
            "2 3 1 1 1 1 1 1 2 1 1 1 - 1 - 1 1 - - - - - - - - - 1 - - - - 1 - - - - - - - - 1 - - - - 1 - - 1 - "
            "- 1 - 1 1 1 1 1 - 1",
        ),
        (1, 2): (  # 1.2.0
            18,
            "5 3 4 8 7 2 6 4 1 13 1 2 1 1 3 1 4 3 7 3 1 3 1 4 3 3 2 4 3 - 1 - - 1 4 3 7 4 4 7 3 5 2 2 4 8 3 2 3 4 "
            "2 - 3 7 1 4 3 4 3 1 4 2 3 2 4 6 1 5 3 3 1 4 3 2 2 1 3 1 1 3 2 2 3 4 1 1 1 1 4 3 3 1 1 1 4 2 2 4 2 2 "
            "3 5 2 1 1 3 1 5 1 2 1 1 1 1 3 1 1 1 1 1 1 1 1 2 1 1 4 - 1 1 3 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 "
            "2 3 1 1 1 1 1 1 2 1 1 1 - 1 - 1 1 - - - - - - - - - 1 - - - - 1 - - - - - - - - 1 - - - - 1 - - 1 - "
            "- 1 - 1 1 1 1 1 - 1",
        ),
        (1, 3): (  # 1.3.0
            18,
            "5 3 4 8 7 2 6 4 1 13 1 2 1 1 3 1 4 3 7 3 1 3 1 4 3 3 2 4 3 - 1 - - 1 4 3 7 4 4 7 3 5 2 2 4 8 3 2 3 4 "
            "2 - 3 7 1 4 3 4 3 1 4 2 3 2 4 6 1 5 3 3 1 4 3 2 2 1 3 1 1 3 2 2 3 4 1 1 1 1 4 3 3 1 1 1 4 2 2 4 2 2 "
            "3 5 2 1 1 3 1 5 1 2 1 1 1 1 3 1 1 1 1 1 1 1 1 2 1 1 4 - 1 1 3 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 "
            "2 4 1 1 1 1 1 1 2 1 1 1 - 1 - 1 1 - - - - - - - - - 1 - - - - 1 - - - - - - - - 1 - - - - 1 - - 1 - "
            "- 1 - 1 1 1 1 1 - 1",
        ),
        (1, 4): (  # 1.4.0
            18,
            "5 3 4 8 7 2 6 4 1 13 1 2 1 1 3 1 4 3 7 3 1 3 1 4 3 3 2 4 3 - 1 - - 1 4 3 7 4 4 7 3 5 2 2 4 8 3 2 3 4 "
            "2 - 3 7 1 4 3 4 3 1 4 2 3 2 4 6 1 5 3 3 1 4 3 2 2 1 3 1 1 3 2 2 3 4 1 1 1 1 4 3 3 1 1 1 4 2 2 4 2 2 "
            "3 5 2 1 1 3 1 5 1 2 1 1 1 1 3 1 1 1 1 1 1 1 1 2 1 1 4 - 1 1 3 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 "
            "2 4 1 1 1 1 1 1 2 1 1 1 - 1 - 1 1 - - - - - - - - - 1 - - - - 1 - - - - - - - - 1 - - - - 1 - - 1 - "
            "- 1 - 1 1 1 1 1 - 1",
        ),
        (2, 0): (  # 2.0.2
            18,
            "5 3 4 8 7 2 6 4 1 13 1 2 1 1 3 1 4 3 7 3 1 3 1 4 3 3 2 4 3 - 1 - - 1 5 3 7 4 4 7 3 5 2 2 4 8 3 2 3 4 "
            "2 - 3 7 1 4 3 4 3 1 5 2 3 2 4 6 1 5 3 3 1 4 3 2 2 2 3 1 1 3 2 2 3 4 1 1 1 1 4 3 3 1 1 1 4 2 2 4 2 2 "
            "3 5 2 1 1 3 1 5 1 2 1 1 1 1 3 1 1 1 1 1 1 1 1 2 1 1 4 - 1 1 3 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 "
            "2 4 1 1 1 1 1 1 2 1 1 1 - 1 - 1 1 - - - - - - - - - 1 - - - - 1 - - - - - - - - 1 - - - - 1 - - 1 - "
            "- 1 - 1 1 1 1 1 - 1",
        ),
        (2, 1): (  # 2.1.6
            22,
            "6 3 6 8 7 2 8 5 1 14 1 2 1 1 3 1 4 3 8 3 1 3 1 4 3 4 2 4 3 - 1 - - 1 5 3 7 4 4 9 3 5 2 2 4 8 3 2 3 4 "
            "2 - 3 8 1 4 3 4 3 1 5 2 3 2 4 8 2 5 3 3 1 5 4 2 2 2 3 1 1 3 2 2 3 4 1 1 1 1 5 3 3 1 1 1 4 2 2 4 2 2 "
            "3 5 2 1 1 3 1 5 2 2 1 1 1 1 6 1 1 1 1 1 1 1 1 2 1 1 4 - 1 1 3 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 "
            "3 6 1 1 1 1 1 1 2 1 1 1 - 1 - 1 1 - - - - - - - - - 1 - - - - 1 - - - - - - - - 1 - - - - 1 - - 1 - "
            "- 1 - 1 1 1 1 1 - 1",
        ),
        (2, 2): (  # 2.2.0
            22,
            "6 3 7 8 7 2 9 5 1 14 1 2 1 1 3 1 4 3 8 3 1 3 1 4 3 4 2 4 3 - 1 - - 1 6 3 8 4 4 9 3 5 2 2 4 8 3 2 3 5 "
            "2 - 3 9 1 4 3 4 3 1 6 2 3 2 4 8 2 5 3 3 1 5 4 2 2 2 3 1 1 3 2 2 3 5 1 1 1 1 6 3 3 1 1 1 5 2 2 4 2 2 "
            "3 5 3 1 1 4 1 6 2 2 1 1 1 1 6 1 1 1 1 1 1 1 1 2 1 1 4 - 1 1 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 "
            "3 6 1 1 1 1 1 1 2 1 1 1 - 1 - 1 1 - - - - - - - - - 1 - - - - 1 - - - - - - - - 1 - - - - 1 - - 1 - "
            "- 1 - 1 1 1 1 1 - 1",
        ),
        (2, 3): (  # 2.3.0
            22,
            "6 3 7 8 7 2 9 5 1 14 1 2 1 1 3 1 4 3 8 3 1 3 1 4 3 4 2 4 3 - 1 - - 1 6 3 8 4 4 9 3 5 2 2 4 8 3 2 3 5 "
            "2 - 3 9 1 4 3 4 3 1 6 2 3 2 4 8 2 5 3 3 1 5 4 2 2 2 3 1 1 3 2 2 3 5 1 1 1 1 6 3 3 1 1 1 5 2 2 4 2 2 "
            "3 5 3 1 1 4 1 6 2 2 1 1 1 1 6 1 1 1 1 1 1 1 1 2 1 1 4 - 1 1 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 "
            "3 6 1 1 1 1 1 1 2 1 1 1 - 1 - 1 1 - - - - - - - - - 1 - - - - 1 - - - - - - - - 1 - - - - 1 - - 1 - "
            "- 1 - 1 1 1 1 1 - 1",
        ),
    },
}

ONNX: dict[Release, OnnxLimits] = {
    (1, 16): (9, 19, 3),  # 1.16.3
    (1, 17): (9, 20, 4),  # 1.17.3
    (1, 18): (10, 21, 5),  # 1.18.1; the same in 1.19.2 and 1.20.1
    (1, 21): (10, 22, 5),  # 1.21.1; the same in 1.22.1
    (1, 23): (11, 23, 5),  # 1.23.2
    (1, 24): (13, 25, 5),  # 1.24.1
    (1, 25): (13, 26, 5),  # 1.25.0; the same in 1.26.0, 1.27.0, 1.28.0 and 1.31.1
}
NEWEST: dict[str, Release] = {"tflite-runtime": (2, 14), "litert": (2, 3), "onnxruntime": (1, 31)}

# Other domains that every wheel of ONNX Runtime holds, each at opset 1. All else needs a library of custom ops.
ONNX_DOMAINS = frozenset(
    {"com.microsoft", "com.microsoft.nchwc", "com.microsoft.experimental", "ai.onnx.training",
     "ai.onnx.preview.training", "org.pytorch.aten"}
)  # fmt: skip

# Custom ops that TensorFlow Lite and LiteRT bring along.
CUSTOM_OPS = frozenset({"NumericVerify", "Mfcc", "AudioSpectrogram", "TFLite_Detection_PostProcess"})

# The first release that works beside numpy 2; None: no release does.
NUMPY_2: dict[str, Release | None] = {"tflite-runtime": None, "litert": (1, 1), "onnxruntime": (1, 16)}

# The first release that computes a dense layer on floats with a scale for each channel of its int8 weights. Before,
# it takes the first scale for all: the file loads, and the answers are garbage.
HYBRID_PER_CHANNEL: dict[str, Release | None] = {"tflite-runtime": None, "litert": (1, 0)}

# The first release of ONNX Runtime whose exact kernels take int8 weights without a zero point. Before, on x86-64
# processors without VNNI, it ends the process (signal 6) when it opens the file, or overflows.
WITHOUT_ZERO_POINT: Release = (1, 30)
