"""The self-test: checks that a loaded model answers the golden inputs here as it did at export."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from runtime.bundle.golden import Golden, kept
from runtime.bundle.manifest import Variant
from runtime.errors import EngineError, ParityError
from runtime.model import Model
from runtime.selftest import parity
from runtime.selftest.probes import probe_inputs

_ADVICE = "do not use it here; `python -m runtime verify` tries the others"


def self_test(model: Model, golden: Golden) -> None:
    """Sends golden inputs and probes through `predict`, one by one, and compares the answers with the known ones.

    The answers to the golden inputs must be within the variant's tolerances of the original's. All answers must be
    within much smaller limits, which the manifest sets, of those that the variant gave at export on one of its engines.

    Raises:
        ParityError: an answer is further away than that, or the engine gave none.
    """
    variant = model.manifest.variants[model.variant]
    try:
        answers = singles(model, golden.inputs)
        for output, tolerance in variant.tolerances.items():
            with named(output, variant):
                parity.check(answers[output], golden.outputs[output], tolerance)
        check_drift(answers, golden.recordings, variant)
        if any(golden.probe_recordings(variant.name, output) for output in variant.recorded):
            probes = singles(model, probe_inputs(golden.inputs, model.manifest.inputs))
            check_drift(probes, golden.probe_recordings, variant)
    except (ParityError, EngineError) as error:
        raise ParityError(
            f"{model.variant} fails its self-test on {model.engine}: {error}; {_ADVICE}"
        ) from None


def singles(model: Model, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns what is kept of the answers to single rows, [n, …] by output.

    Raises:
        ParityError: the answers do not make arrays.
    """
    count = len(next(iter(inputs.values())))
    try:
        answers = [
            model.answers({name: rows[row : row + 1] for name, rows in inputs.items()})
            for row in range(count)
        ]
        return {
            output: np.concatenate([kept(answer[output]) for answer in answers])
            for output in model.manifest.outputs
        }
    except (
        TypeError,
        ValueError,
        AttributeError,
        KeyError,
    ) as error:  # an engine that answers something else
        raise ParityError(f"the answers for single rows are no rows of an array: {error}") from None


def check_drift(
    answers: Mapping[str, np.ndarray],
    recordings: Callable[[str, str], list[np.ndarray]],
    variant: Variant,
) -> None:
    """Compares what is kept of a variant's answers with what was recorded at export, where something was.

    Args:
        answers: by output.
        recordings: `Golden.recordings` or `Golden.probe_recordings`.
        variant: whose answers they are.

    Raises:
        ParityError: the answers are further from all recordings than the manifest allows.
    """
    for output, limits in variant.recorded.items():
        with named(output, variant):
            parity.check_drift(answers[output], recordings(variant.name, output), limits)


@contextmanager
def named(output: str, variant: Variant) -> Iterator[None]:
    """Puts the name of an output before a ParityError, where the variant has several."""
    try:
        yield
    except ParityError as error:
        if len(variant.outputs) == 1:
            raise
        raise ParityError(f"output {output}: {error}") from None
