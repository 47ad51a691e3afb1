"""The ways in which the lab refuses to go on, each with its exit code."""

from collections.abc import Iterator
from contextlib import contextmanager


class LabError(Exception):
    """A failure that the user can act on: one sentence, and a hint how to mend it."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(LabError):
    """Wrong usage or configuration."""

    exit_code = 2


class DataError(LabError):
    """Images that are missing, unreadable or too few."""

    exit_code = 3


class CorruptError(LabError):
    """A run directory whose files are not what its manifest says."""

    exit_code = 4


class LockedError(LabError):
    """A run directory that another process is writing."""

    exit_code = 5


class NumericalError(LabError):
    """A loss, weight or feature that is not finite."""

    exit_code = 6


@contextmanager
def errors_of(place: str, kind: type[LabError] = LabError) -> Iterator[None]:
    """Names the place, such as ``generation 3``, in an error of this kind that passes."""
    try:
        yield
    except kind as error:
        raise type(error)(f"{place}: {error.message}", error.hint) from error


class EnvironmentalError(LabError):
    """A device, package or weight file that is not there."""

    exit_code = 7


class Stopped(LabError):
    """Stopped on request with everything committed; the same command goes on."""

    exit_code = 75


TORCH_OUT_OF_MEMORY = ("OutOfMemoryError", "DefaultCPUAllocator")


def as_lab_error(error: BaseException) -> LabError:
    """Any error as one that names what was wrong: no memory, the machine, or a fault of the lab."""
    if isinstance(error, LabError):
        return error
    kind = type(error).__name__
    if isinstance(error, MemoryError) or any(
        sign in f"{kind}: {error}" for sign in TORCH_OUT_OF_MEMORY
    ):
        says = str(error).partition("\n")[0] or kind
        return EnvironmentalError(
            f"out of memory: {says}",
            "lower training.batch_size, sampling.batch_size or the numbers of images "
            "(sampling.num_images, scores.num_images, profile.num_max)",
        )
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return EnvironmentalError(f"{error.strerror or error}{where}")
    return LabError(f"{kind}: {error}", "a fault of the lab; --debug shows where")
