"""One file per format: SavedModel, TFLite, ONNX."""
