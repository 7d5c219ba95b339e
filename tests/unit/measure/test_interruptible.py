"""A signal ends a block as `Interrupted`, whatever the code in it has made of the exception."""

import os
import signal

import pytest

from bench.errors import Interrupted
from bench.measure.interrupts import heed_signals, interruptible, shielded, stopped_by_signals


@pytest.fixture(autouse=True)
def signals():
    with stopped_by_signals():
        yield


def interrupt():
    os.kill(os.getpid(), signal.SIGTERM)


def interrupt_as_value_error():
    try:
        interrupt()
    except Interrupted:
        raise ValueError from None


def interrupt_unseen():
    try:
        interrupt()
    except Interrupted:
        return


def interrupt_behind_a_shield():
    try:
        with shielded():
            interrupt()
    except Interrupted:
        raise ValueError from None


@pytest.mark.parametrize("work", [interrupt, interrupt_as_value_error, interrupt_unseen, interrupt_behind_a_shield])
def test_a_signal_ends_a_block_as_interrupted(work):
    with pytest.raises(Interrupted, match="stopped by SIGTERM"), interruptible():
        work()


def test_an_error_without_a_signal_stays_what_it_is():
    with pytest.raises(ValueError, match=r"^$"), interruptible():
        raise ValueError


def test_one_signal_ends_one_block():
    with pytest.raises(Interrupted), interruptible():
        interrupt()
    with interruptible():
        pass


def test_a_signal_that_was_answered_is_not_raised_again():
    with pytest.raises(Interrupted):
        interrupt()
    heed_signals()
    with interruptible():
        pass
