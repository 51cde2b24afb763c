"""Does a loaded model still answer as it did at export? Golden inputs, probes, and how far answers may differ."""
