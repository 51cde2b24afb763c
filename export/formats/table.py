"""The table of formats."""

from export.formats.format import Format, FormatName
from export.formats.onnx import ONNX
from export.formats.saved_model import SAVED_MODEL
from export.formats.tflite import TFLITE

FORMATS: dict[FormatName, Format] = {format_.name: format_ for format_ in (SAVED_MODEL, TFLITE, ONNX)}
