"""What each means to meet the budget gains, on models that are hard to quantize."""
