"""A user's own model, registered; with imports inside, since tests without TensorFlow lie here too."""

import numpy as np
import pytest


@pytest.fixture
def seeded():
    import keras

    keras.utils.set_random_seed(1)


@pytest.fixture
def registered(tmp_path):
    """Saves and registers a model, and checks what holds for every one."""
    from data.original import read_original
    from export.trained.original_model import open_original
    from export.trained.register import register
    from export.trained.user_model import UserModel
    from tests.export.trained.own_models import saved

    def run(model, **said):
        found = register(UserModel(saved(model, tmp_path), **said), tmp_path / "out" / "own")
        original = read_original(tmp_path / "out" / "own")
        assert original == found.original
        inputs, outputs = original.golden()
        answers = open_original(original).call(inputs)
        for name, values in outputs.items():
            np.testing.assert_array_equal(answers[name], values)
        return found

    return run
