"""Bundles that somebody made to do harm: each must be refused with one clear error."""
