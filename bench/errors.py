"""What can stop a bench, as one tree; the command line prints the message and exits with the status.

    BenchError                 2   a sentence with the value and the remedy
      ConfigError              2   a profile, stack or scenario that cannot be used
      RunFolderError           2   a results folder that cannot be read or written
      StackError               3   a stack that does not start, dies or answers wrongly
        ParityError            3   two answers that should be equal and are not
      GeneratorError           3   the load generator failed
      NothingVerifiedError     4   this machine lets nothing be verified just now
    Interrupted                128 + signal; what was measured is kept as a partial run

A failed request is none of these: it is a row of the samples.
"""

import signal


class BenchError(Exception):
    """A failure that a user can act on: the message is a sentence, the traceback is of no use to them."""

    exit_status = 2


class ConfigError(BenchError):
    """A profile, stack or scenario that cannot be used."""


class RunFolderError(BenchError):
    """A results folder that cannot be read or written."""


class StackError(BenchError):
    """A stack that does not start, dies or answers wrongly."""

    exit_status = 3


class ParityError(StackError):
    """Two answers that should be equal and are not."""


class GeneratorError(BenchError):
    """The load generator failed."""

    exit_status = 3


class NothingVerifiedError(BenchError):
    """This machine lets nothing be verified just now."""

    exit_status = 4


class Interrupted(Exception):  # noqa: N818 - it is no error: somebody asked us to stop
    """A signal asked the bench to stop."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.exit_status = 128 + signal_number
