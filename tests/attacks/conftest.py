"""The bundles of the runtime's tests; what spoils one of them is tried with one input and output, and with six."""

import shutil

import pytest

from tests.runtime.conftest import golden, image_bundle, several_bundle, table_bundle

__all__ = ["golden", "image_bundle", "several_bundle", "table_bundle"]


@pytest.fixture(params=["image_bundle", "several_bundle"])
def kind(request):
    """The name of the bundle's fixture, and of the function in `tests.bundles` that builds it."""
    return request.param


@pytest.fixture
def sound(kind, request):
    """A bundle; do not change it."""
    return request.getfixturevalue(kind)


@pytest.fixture
def spoilt(sound, tmp_path):
    """A copy of the bundle, to be changed."""
    return shutil.copytree(sound, tmp_path / "bundle")
