"""Checks that a loaded model still answers as it did at export: golden inputs, probes, how far answers may differ."""
