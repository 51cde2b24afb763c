"""The errors of the emulation."""

from runtime.errors import EdgeProofError


class ArmError(EdgeProofError):
    """The boards cannot be set up here; the message says what is missing."""


class CommandError(ArmError):
    """A command failed. One that downloads may succeed when it is run again."""
