"""Every error a user can cause: one root, few children; messages say what, received, expected, how to fix."""


class EdgeProofError(Exception):
    """The root of all errors raised on purpose; a command prints it in one line and exits with 1."""


class UsageError(EdgeProofError):
    """The command or call names something that does not exist; commands exit with 2."""


class BundleError(EdgeProofError):
    """A bundle, or a file in it, is missing, damaged, unknown or not what its manifest says."""


class InputError(EdgeProofError):
    """An array or file given to a model has the wrong dtype, shape or values."""


class EngineError(EdgeProofError):
    """An engine is not installed, or cannot run the file it was given."""


class PackageError(EdgeProofError):
    """A command needs a package that is not installed here; the message has the line that installs it."""


class ParityError(EdgeProofError):
    """Outputs disagree with the original's beyond the tolerance."""


class ModelError(EdgeProofError):
    """A trained model's folder or a model file is missing, damaged, or cannot be loaded."""


class ConversionError(EdgeProofError):
    """A converter cannot build a file, or the file it built is not what its name says."""


class DataError(EdgeProofError):
    """A dataset is missing or damaged."""


def first_line(error: BaseException) -> str:
    """The first line of what a library says in its error: the rest of a long story helps nobody on a device."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
