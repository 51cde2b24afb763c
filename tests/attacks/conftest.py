"""The same bundles as in the tests of the runtime."""

from tests.runtime.conftest import golden, image_bundle, several_bundle, spoilt, table_bundle

__all__ = ["golden", "image_bundle", "several_bundle", "spoilt", "table_bundle"]
