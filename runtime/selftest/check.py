"""The self-test: does a loaded model answer the golden inputs as it did at export, on this device?"""

import numpy as np

from runtime.bundle.golden import Golden
from runtime.bundle.manifest import Variant
from runtime.errors import EngineError, ParityError
from runtime.model import Model
from runtime.selftest import parity
from runtime.selftest.probes import probe_inputs

_ADVICE = "do not use it here; `python -m runtime verify` tries the others"


def self_test(model: Model, golden: Golden) -> None:
    """Sends golden inputs and probes through `predict`, one by one; ParityError where the answers are not known ones.

    Those to the golden inputs must be within the variant's tolerance of the original's; all must be within the much
    smaller limits that the manifest sets of what the variant itself answered at export, on one of its engines.
    """
    variant = model.manifest.variants[model.variant]
    try:
        outputs = singles(model, golden.inputs)
        parity.check(outputs, golden.outputs, variant.tolerance)
        check_drift(outputs, golden.recordings(variant.name), variant)
        if golden.probings(variant.name):
            answers = singles(model, probe_inputs(golden.inputs, model.manifest.input))
            check_drift(answers, golden.probings(variant.name), variant)
    except (ParityError, EngineError) as error:
        raise ParityError(
            f"{model.variant} fails its self-test on {model.engine}: {error}; {_ADVICE}"
        ) from None


def singles(model: Model, inputs: np.ndarray) -> np.ndarray:
    """The answers for single rows, as one array; ParityError where they do not even make one."""
    try:
        return np.concatenate([model.predict(inputs[row : row + 1]) for row in range(len(inputs))])
    except (
        TypeError,
        ValueError,
        AttributeError,
    ) as error:  # an engine that answers something else than an array
        raise ParityError(f"the answers for single rows are no rows of an array: {error}") from None


def check_drift(outputs: np.ndarray, recordings: list[np.ndarray], variant: Variant) -> None:
    """ParityError where a variant's outputs are not those recorded at export; nothing where none were."""
    if variant.recorded is not None:
        parity.check_drift(outputs, recordings, variant.recorded)
