"""Errors a user can act on.

Every message says what was wanted, what was found and what to do, in one or two sentences. The command line prints
the message alone and exits with :attr:`FomError.exit_status`; a node shows it on itself.
"""


class FomError(Exception):
    """Base of all errors that the project raises for bad input."""

    exit_status = 1


class UsageError(FomError):
    """A command or call whose arguments contradict each other."""

    exit_status = 2


class UnsupportedModel(FomError):
    """A weights file that is damaged, unsafe or not a First Order Motion checkpoint."""


class DownloadError(FomError):
    """A download that failed or whose content is not what the catalogue promises."""


class MediaError(FomError):
    """A picture or video that cannot be read, or not be written in the wanted format."""


class WriteError(FomError):
    """A place that refuses the file that is to be written there."""


class NoFaceFound(FomError):
    """A picture or driving video without a face where one is needed."""


class MissingPackage(FomError):
    """An optional package that the chosen option needs."""


class TrainingDiverged(FomError):
    """A training step whose losses or gradients are NaN or infinite."""


class OutOfMemory(FomError):
    """Memory that did not suffice, even for one frame at a time."""


class DeviceLost(FomError):
    """A graphics card that failed while it worked."""
