"""Makes few bits suffice: finds the ranges of activations, and prepares weights and ranges for quantization."""
