"""The one error of the emulation."""

from runtime.errors import EdgeProofError


class ArmError(EdgeProofError):
    """The boards cannot be set up here; the message says what is missing."""
