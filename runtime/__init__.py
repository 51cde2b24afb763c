"""Runs the verified variants of a bundle on a device: standard library, numpy and one engine."""
