"""Tests, mirroring the tree; attacks/ holds those with hostile bundles."""
