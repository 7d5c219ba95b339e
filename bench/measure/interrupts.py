"""Signals that stop a run, turned into one exception at a moment when nothing can be lost."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from bench.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _State:
    """The signals that are heeded, the number of active shields, the signal that they hold back, and the error that was raised last."""

    heeded: tuple[signal.Signals, ...] = ()
    shields = 0
    held_back: int | None = None
    raised: Interrupted | None = None


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into `Interrupted`; further ones do not disturb the clean-up.

    A signal that is ignored already stays so: `nohup` lets a bench go on when its terminal is closed.
    """
    before = {number: handler for number in SIGNALS if (handler := signal.getsignal(number)) is not signal.SIG_IGN}
    _State.heeded = tuple(before)
    heed_signals()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def heed_signals() -> None:
    """Let the next signal raise `Interrupted`, also after a first one, whose clean-up is done."""
    _State.raised = None
    for number in _State.heeded:
        signal.signal(number, _stop)


def _stop(number: int, _frame: FrameType | None) -> None:
    for other in _State.heeded:
        signal.signal(other, signal.SIG_IGN)
    if _State.shields:
        _State.held_back = number
    else:
        _raise(number)


def _raise(number: int) -> NoReturn:
    _State.raised = Interrupted(number)
    raise _State.raised


@contextmanager
def interruptible() -> Iterator[None]:
    """End this block with `Interrupted` after a signal, whatever other code has made of it: pydantic wraps it, a destructor drops it."""
    try:
        yield
    finally:
        raised, _State.raised = _State.raised, None
        if raised is not None:
            raise raised


@contextmanager
def shielded() -> Iterator[None]:
    """Hold back `Interrupted` until the block ends, so that no start or stop in the block is left half done."""
    _State.shields += 1
    try:
        yield
    finally:
        _State.shields -= 1
        number, _State.held_back = _State.held_back, None
        if number is not None:
            if _State.shields:
                _State.held_back = number
            else:
                _raise(number)
