"""Fixtures: a small dataset, so that a training takes seconds."""

from dataclasses import replace

import pytest

import data


def _first(split: data.Split, count: int) -> data.Split:
    first = (
        {name: values[:count] for name, values in part.items()} for part in (split.inputs, split.targets)
    )
    return data.Split(*first)


@pytest.fixture(scope="session")
def few_digits() -> data.Dataset:
    """The digits with 256 training, 100 validation and 100 test images."""
    digits = data.load("digits")
    splits = {"train": 256, "validation": 100, "test": 100}
    return replace(digits, **{name: _first(getattr(digits, name), count) for name, count in splits.items()})
