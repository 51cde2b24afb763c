"""Bundles of the tiny models, built once, and copies to spoil."""

import shutil

import pytest

from tests import bundles


@pytest.fixture(scope="session")
def image_bundle(tmp_path_factory):
    """A classifier's bundle; do not change it."""
    return bundles.image_bundle(tmp_path_factory.mktemp("bundles") / "tiny-image")


@pytest.fixture(scope="session")
def table_bundle(tmp_path_factory):
    """A regressor's bundle; do not change it."""
    return bundles.table_bundle(tmp_path_factory.mktemp("bundles") / "tiny-table")


@pytest.fixture(scope="session")
def several_bundle(tmp_path_factory):
    """The bundle of a model of several inputs and outputs; do not change it."""
    return bundles.several_bundle(tmp_path_factory.mktemp("bundles") / "tiny-several")


@pytest.fixture
def spoilt(image_bundle, tmp_path):
    """A copy of the classifier's bundle, to be changed."""
    return shutil.copytree(image_bundle, tmp_path / "bundle")


@pytest.fixture(scope="session")
def golden():
    """The golden samples of the tiny models: images, probabilities, rows, values."""
    return bundles.golden()
