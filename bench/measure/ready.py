"""From commands to servers that answer, each on a port of its own, or one line that says why one does not."""

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
from bench.measure.interrupts import shielded
from bench.measure.processes import (
    POLL_S,
    RunningStack,
    clean_environment,
    end_processes,
    find_marked,
    listeners,
    pin_stack,
    spawn_stack,
    stop_stacks,
)
from bench.plan.stacks import Stack

REQUEST_TIMEOUT_S = 2.0
PORT_ATTEMPTS = 5
# So many starts share the cores that each of them ends within its time, also where there are forty.
STARTED_AT_ONCE = 8
STRANGERS = 2
LOOK_EVERY_S = 1.0
NAMED_VARIABLES = 12
ASKED_HOSTS = {"127.0.0.1", "0.0.0.0", "::"}  # noqa: S104 - what a server listens on that answers there


def launch_stacks(stacks: Sequence[Stack], cores: Sequence[int], folder: Path, stack_of_exits: contextlib.ExitStack) -> list[RunningStack]:
    """Start all stacks, wait until each is ready, and pin them to `cores`; they are stopped when `stack_of_exits` unwinds.

    Several stacks start on all cores, in half of the time, at most `STARTED_AT_ONCE` at a time, and are pinned once they are ready; one
    alone starts pinned, as on a machine of that size. A port that somebody else took first is no failure of the stack: another one is
    tried.
    """
    cores_at_start = cores if len(stacks) == 1 else ()
    started: list[RunningStack] = []
    stack_of_exits.callback(lambda: stop_stacks(started))
    for place, stack in enumerate(stacks):
        for ahead in stacks[len(started) : place + STARTED_AT_ONCE]:
            with shielded():
                started.append(spawn_stack(ahead, cores_at_start, folder, {running.port for running in started}))
        strangers: list[Stranger] = []
        for _ in range(PORT_ATTEMPTS):
            if await_ready(started[place]):
                break
            if started[place].process.poll() is None and not listeners(started[place]):
                strangers.append(meet_stranger(started[place]))
                refuse_strangers(stack, strangers)
            with shielded():
                stop_stacks([started[place]])
                started[place] = spawn_stack(stack, cores_at_start, folder, {running.port for running in started})
        else:
            message = f"{stack.name}: other programs took {PORT_ATTEMPTS} free ports in a row; try again."
            raise StackError(message)
    for running in started:
        pin_stack(running, cores)
    return started


def await_ready(running: RunningStack) -> bool:
    """Wait until the stack answers on a port that is its own and return True; False if another took the port, or shares it.

    Two servers can listen on one port where both ask for it (SO_REUSEPORT, as granian does): each connection goes to one of them.
    It has its `ready_timeout_s` from now on. Raises `StackError` with the end of its log if it ends or does not answer in time.
    """
    stack = running.stack
    begin_s = looked_s = time.monotonic()
    while (now_s := time.monotonic()) < begin_s + stack.ready_timeout_s:
        if running.process.poll() is not None:
            refuse_daemon(running)
            if _is_taken(running.port):
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
    """Raise `StackError` if a command has ended well and left processes of its own behind."""
    left = find_marked([running.mark]) if running.process.returncode == 0 else []
    if left:
        message = (
            f"{running.stack.name}: its command ended and left {len(left)} processes behind, "
            "as a daemon does. A server is measured that its command runs itself, in the foreground: leave out what sends it into the "
            "background (gunicorn: --daemon)."
        )
        raise StackError(message)


class Stranger(NamedTuple):
    """Who listens on a stack's port in its place, in words, and those of them that were started for the stack by somebody else."""

    words: str
    started_for_it: list[psutil.Process]


def meet_stranger(running: RunningStack) -> Stranger:
    """Return who listens on a stack's port. They were started for it if they are younger than its command and name the port."""
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
    """Raise `StackError` if strangers answered on two ports of a stack, and end what was started for it.

    A program that took one of the ports by chance, as another bench may, would hardly take the other, and is left alone.
    """
    if len(strangers) < STRANGERS:
        return
    end_processes([process for stranger in strangers for process in stranger.started_for_it])
    message = (
        f"{stack.name}: on its port answers {strangers[-1].words}. A server is measured that its command runs itself, in the foreground: a "
        "supervisor, or the client of a container engine, asks another program to run it."
    )
    raise StackError(message)


def refuse_other_address(running: RunningStack) -> None:
    """Raise `StackError` if a stack listens on its port, but not where it is asked."""
    hosts = {host for host, _ in listeners(running)}
    if hosts and not hosts & ASKED_HOSTS:
        message = f"{running.stack.name} listens on {', '.join(sorted(hosts))} alone; 127.0.0.1 is what is asked: let it listen there."
        raise StackError(message)


def foreign_listeners(running: RunningStack) -> list[int | None]:
    """Return who else listens where a stack is asked: process ids, None for a process that may not be seen."""
    own = running.pids()
    there = [(one.pid, *one.laddr) for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    return [pid for pid, host, port in there if port == running.port and host in ASKED_HOSTS and pid not in own]


def removed_variables() -> str:
    """Return a line that names what of our environment a server does not get; nothing where it gets all of it."""
    removed = sorted(set(os.environ) - set(clean_environment()), key=lambda name: (not name.startswith(("PY", "LD_")), name))
    if not removed:
        return ""
    more = f" and {len(removed) - NAMED_VARIABLES} more" if len(removed) > NAMED_VARIABLES else ""
    return (
        f"\nOf the environment it does not get {', '.join(removed[:NAMED_VARIABLES])}{more}; "
        "the key environment of a stack sets what it needs."
    )


def _answers(running: RunningStack) -> bool:
    request = f"GET {running.stack.ready} HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\nConnection: close\r\n\r\n"
    try:
        return exchange(running.port, request.encode(), REQUEST_TIMEOUT_S)[0] == HTTPStatus.OK
    except (OSError, HttpParserError):
        return False


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
