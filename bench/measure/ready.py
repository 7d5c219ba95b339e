"""From commands to servers that answer, each on a port of its own, or to one line that says why a server does not."""

import contextlib
import os
import socket
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import psutil
from httptools import HttpParserError

from bench.errors import StackError
from bench.measure.answers import exchange
from bench.measure.guard import find_marked
from bench.measure.interrupts import shielded
from bench.measure.processes import (
    POLL_S,
    RunningStack,
    clean_environment,
    end_processes,
    listeners,
    pin_stack,
    spawn_stack,
    stop_stacks,
)
from bench.plan.places import LOOPBACK
from bench.plan.stacks import Stack

REQUEST_TIMEOUT_S = 2.0
PORT_ATTEMPTS = 5
# At this number of starts at once, each ends within its time, even in a launch of forty stacks.
STARTED_AT_ONCE = 8
STRANGERS = 2
LOOK_EVERY_S = 1.0
NAMED_VARIABLES = 12
EVERY_HOST = {"0.0.0.0", "::"}  # noqa: S104 - servers that listen there can be asked at any address


def launch_stacks(
    stacks: Sequence[Stack], cores: Sequence[int], folder: Path, stack_of_exits: contextlib.ExitStack, host: str = LOOPBACK
) -> list[RunningStack]:
    """Start all stacks at an address of this machine, wait until each is ready, and pin it to as many of `cores` as it has workers.

    They are stopped when `stack_of_exits` unwinds.

    Several stacks start on all cores, at most `STARTED_AT_ONCE` at a time, which halves the time; they are pinned once they are ready. A
    single stack starts pinned, as on a machine of that size. If another program took a port first, another port is tried. Raises
    `StackError`.
    """
    cores_at_start = cores[: stacks[0].workers] if len(stacks) == 1 else ()
    started: list[RunningStack] = []
    stack_of_exits.callback(lambda: stop_stacks(started))
    for place, stack in enumerate(stacks):
        for ahead in stacks[len(started) : place + STARTED_AT_ONCE]:
            with shielded():
                started.append(spawn_stack(ahead, cores_at_start, folder, {running.port for running in started}, host))
        strangers: list[Stranger] = []
        for _ in range(PORT_ATTEMPTS):
            if await_ready(started[place]):
                break
            if started[place].process.poll() is None and not listeners(started[place]):
                strangers.append(meet_stranger(started[place]))
                refuse_strangers(stack, strangers)
            with shielded():
                stop_stacks([started[place]])
                started[place] = spawn_stack(stack, cores_at_start, folder, {running.port for running in started}, host)
        else:
            message = f"{stack.name}: other programs took {PORT_ATTEMPTS} free ports in a row; try again."
            raise StackError(message)
    for running in started:
        pin_stack(running, cores[: running.stack.workers])
    return started


def await_ready(running: RunningStack) -> bool:
    """Wait until the stack answers on a port of its own and return True; False if another program took the port, or shares it.

    Two servers can listen on one port if both use SO_REUSEPORT, as granian does: each connection goes to one of them. The time limit
    `ready_timeout_s` begins now. Raises `StackError` with the end of the log if the stack ends or does not answer in time.
    """
    stack = running.stack
    begin_s = looked_s = time.monotonic()
    while (now_s := time.monotonic()) < begin_s + stack.ready_timeout_s:
        if running.process.poll() is not None:
            refuse_daemon(running)
            if _is_taken(running.host, running.port):
                return False
            message = f"{running.describe_death()}{removed_variables()}"
            raise StackError(message)
        if _answers(running):
            running.ready_s = (time.perf_counter_ns() - running.started_ns) / 1e9
            return len(listeners(running)) > 0 and not foreign_listeners(running)
        if now_s > looked_s + LOOK_EVERY_S:
            looked_s = now_s
            refuse_other_address(running)
        time.sleep(POLL_S)
    message = (
        f"{stack.name} was not ready after {stack.ready_timeout_s} s (the key ready_timeout_s of a stack sets this limit): "
        f"no 200 on {stack.ready}. Its last output:\n{running.log_tail()}{removed_variables()}"
    )
    raise StackError(message)


def refuse_daemon(running: RunningStack) -> None:
    """Raise `StackError` if a command has ended with status 0 and left processes behind."""
    left = find_marked([running.mark]) if running.process.returncode == 0 else []
    if left:
        message = (
            f"{running.stack.name}: its command ended and left {len(left)} processes behind, "
            "as a daemon does. The command must run the server itself, in the foreground: leave out the option that sends it into the "
            "background (gunicorn: --daemon)."
        )
        raise StackError(message)


class Stranger(NamedTuple):
    """A program that listens on a stack's port in its place, in words, and the processes that another program started for the stack."""

    words: str
    started_for_it: list[psutil.Process]


def meet_stranger(running: RunningStack) -> Stranger:
    """Return the program that listens on a stack's port. It was started for the stack if it is younger and its command names the port."""
    words, started_for_it = "a program that it did not start", []
    for pid in filter(None, foreign_listeners(running)):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            words = f"process {pid} ({process.name()}), which it did not start"
            is_younger = process.create_time() >= psutil.Process(running.process.pid).create_time()
            if is_younger and any(str(running.port) in word for word in process.cmdline()):
                started_for_it.append(process)
    return Stranger(words, started_for_it)


def refuse_strangers(stack: Stack, strangers: Sequence[Stranger]) -> None:
    """Raise `StackError` if strangers answered on two ports of a stack, and end the processes that were started for it.

    A program that took one port by chance, as another bench may, would hardly take the other, and is left alone.
    """
    if len(strangers) < STRANGERS:
        return
    end_processes([process for stranger in strangers for process in stranger.started_for_it])
    message = (
        f"{stack.name}: its port is answered by {strangers[-1].words}. The command must run the server itself, in the foreground: a "
        "supervisor, or the client of a container engine, lets another program run it."
    )
    raise StackError(message)


def refuse_other_address(running: RunningStack) -> None:
    """Raise `StackError` if a stack listens on its port, but not on the address that the bench uses."""
    hosts = {host for host, _ in listeners(running)}
    if hosts and not hosts & {running.host, *EVERY_HOST}:
        message = f"{running.stack.name} listens on {', '.join(sorted(hosts))} alone. The bench uses {running.host}: let it listen there."
        raise StackError(message)


def foreign_listeners(running: RunningStack) -> list[int | None]:
    """Return the ids of other processes that listen on a stack's address and port, None for a hidden process."""
    own = running.pids()
    there = [(one.pid, *one.laddr) for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    return [pid for pid, host, port in there if port == running.port and host in {running.host, *EVERY_HOST} and pid not in own]


def removed_variables() -> str:
    """Return a line that names the variables of our environment that a server does not get; empty if it gets all."""
    removed = sorted(set(os.environ) - set(clean_environment()), key=lambda name: (not name.startswith(("PY", "LD_")), name))
    if not removed:
        return ""
    more = f" and {len(removed) - NAMED_VARIABLES} more" if len(removed) > NAMED_VARIABLES else ""
    return (
        f"\nThe server does not get these variables of your shell: {', '.join(removed[:NAMED_VARIABLES])}{more}. "
        "The key environment of a stack sets those that it needs."
    )


def _answers(running: RunningStack) -> bool:
    request = f"GET {running.stack.ready} HTTP/1.1\r\nHost: {running.host}:{running.port}\r\nConnection: close\r\n\r\n"
    try:
        return exchange(running.host, running.port, request.encode(), REQUEST_TIMEOUT_S)[0] == HTTPStatus.OK
    except (OSError, HttpParserError):
        return False


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
