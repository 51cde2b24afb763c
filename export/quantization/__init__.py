"""What is done so that few bits suffice: ranges of activations, and repairs of weights and ranges."""
