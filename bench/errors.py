"""The errors that can stop a bench, as one tree; the command line prints the message and exits with the status.

    BenchError                 2   its message is a sentence with the value and the remedy
      ConfigError              2   a profile, stack or scenario that cannot be used
      RunFolderError           2   a results folder that cannot be read or written
      MachineError             2   a system or machine that cannot hold what is planned
      StackError               3   a stack that does not start, dies or answers wrongly
        ParityError            3   two answers that should be equal and are not
      GeneratorError           3   the load generator failed
      UnfinishedError          3   the measurements are safe, but the tables or the report are incomplete
      NothingVerifiedError     4   the checks cannot be made on this machine now
    Interrupted                128 + signal; the measurements so far stay as a partial run

A failed request is none of these: it is a row of the samples.
"""

import errno
import signal

# The system lacks room: an `OSError` of this kind is no fault of ours.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO}
STOPPED_EARLY = 3


class BenchError(Exception):
    """A failure that a user can act on: the message is a sentence, a traceback would not help them."""

    exit_status = 2


class ConfigError(BenchError):
    """A profile, stack or scenario that cannot be used."""


class RunFolderError(BenchError):
    """A results folder that cannot be read or written."""


class MachineError(BenchError):
    """A system or machine that cannot hold what is planned."""


class StackError(BenchError):
    """A stack that does not start, dies or answers wrongly."""

    exit_status = 3


class ParityError(StackError):
    """Two answers that should be equal and are not."""


class GeneratorError(BenchError):
    """The load generator failed."""

    exit_status = 3


class UnfinishedError(BenchError):
    """The measurements are safe, but the tables or the report are incomplete; a signal that was the cause gives its status."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


class NothingVerifiedError(BenchError):
    """The checks cannot be made on this machine now."""

    exit_status = 4


def as_bench_error(error: OSError) -> BenchError:
    """Return an error of the system as one that a user can act on; raise `error` itself if it is of another kind."""
    if error.errno not in NO_ROOM:
        raise error
    what = f"{error.filename}: " if error.filename else ""
    return MachineError(f"{what}{error.strerror}.")


class Interrupted(BaseException):
    """A signal asked the bench to stop."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.exit_status = 128 + signal_number
