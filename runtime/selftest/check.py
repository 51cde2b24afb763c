"""The self-test: checks that a loaded model answers the golden inputs here as it did at export."""

import numpy as np

from runtime.bundle.golden import Golden
from runtime.bundle.manifest import Variant
from runtime.errors import EngineError, ParityError
from runtime.model import Model
from runtime.selftest import parity
from runtime.selftest.probes import probe_inputs

_ADVICE = "do not use it here; `python -m runtime verify` tries the others"


def self_test(model: Model, golden: Golden) -> None:
    """Sends golden inputs and probes through `predict`, one by one, and compares the answers with the known ones.

    The answers to the golden inputs must be within the variant's tolerance of the original's. All answers must be
    within much smaller limits, which the manifest sets, of those that the variant gave at export on one of its engines.

    Raises:
        ParityError: an answer is further away than that, or the engine gave none.
    """
    variant = model.manifest.variants[model.variant]
    try:
        outputs = singles(model, golden.inputs)
        parity.check(outputs, golden.outputs, variant.tolerance)
        check_drift(outputs, golden.recordings(variant.name), variant)
        if golden.probe_recordings(variant.name):
            answers = singles(model, probe_inputs(golden.inputs, model.manifest.input))
            check_drift(answers, golden.probe_recordings(variant.name), variant)
    except (ParityError, EngineError) as error:
        raise ParityError(
            f"{model.variant} fails its self-test on {model.engine}: {error}; {_ADVICE}"
        ) from None


def singles(model: Model, inputs: np.ndarray) -> np.ndarray:
    """Returns the answers to single rows as one array; raises ParityError where they do not make one."""
    try:
        return np.concatenate([model.predict(inputs[row : row + 1]) for row in range(len(inputs))])
    except (
        TypeError,
        ValueError,
        AttributeError,
    ) as error:  # an engine that answers something else than an array
        raise ParityError(f"the answers for single rows are no rows of an array: {error}") from None


def check_drift(outputs: np.ndarray, recordings: list[np.ndarray], variant: Variant) -> None:
    """Compares a variant's outputs with those recorded at export; does nothing where none were recorded.

    Raises:
        ParityError: the outputs are further from all recordings than the manifest allows.
    """
    if variant.recorded is not None:
        parity.check_drift(outputs, recordings, variant.recorded)
