"""Several load processes as one: Locust's master in the generator's process, a Locust worker in each load process.

Locust connects them, spawns the users and carries messages; a slice is a message of ours. All workers begin when it arrives, each stamps
with its own clock and ends by it. What comes back is put on the master's axis of time by each worker's own start: no stamp of one machine
is subtracted from another's.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from time import monotonic, perf_counter_ns
from typing import Any

import gevent.event
import numpy as np
from locust.env import Environment

from bench.measure.load import SAMPLE_FIELDS, Order, Outcome, Rows, share_of
from bench.plan.places import HERE, fill_template

READY_TIMEOUT_S = 60.0
# What a slice may take beyond its length and its drains before a load process counts as lost.
REPLY_TIMEOUT_S = 10.0
# How often we look whether a load process has ended while we wait for its message.
LOOK_S = 0.1
# A load process that begins later than the first one by more than this share of a slice, or by this time, has not loaded beside it.
LATE_SHARE, LATE_S = 0.1, 0.05
# Connections of the load processes keep apart by this distance between their numbers.
USERS_EACH = 100_000
# Locust's word for a worker that sends no heartbeat any more.
MISSING = "missing"
MODULE = "bench.measure.load_worker"


class LostLoadProcessError(RuntimeError):
    """A load process that could not be started, ended, fell silent or came too late; the message names it."""


class LocustCrew:
    """The users of all load processes of a plan: its `load` has the templates that start them and the address of the master."""

    def __init__(self, plan: dict[str, Any], environment: Environment, users: int) -> None:
        load = plan["load"]
        self._templates: list[str] = load["templates"]
        count = len(self._templates)
        self._names = [f"Load process {number} of {count} ({_in_words(words)})" for number, words in enumerate(self._templates, start=1)]
        self._ids: dict[int, str] = {}
        self._replies: dict[str, dict[int, Any]] = {}
        self._arrived = gevent.event.Event()
        self._runner: Any = environment.create_master_runner(load["address"], load["port"])
        for kind in ("hello", "planned", "settled", "begun", "sliced"):
            self._runner.register_message(kind, self._take)
        self._processes = [self._start(number, load["address"], plan["cores"]) for number in range(count)]
        # The machine of each load process and its cores there.
        self.places = [
            {name: hello[name] for name in ("boot_id", "cores")} for _, hello in sorted(self._gather("hello", READY_TIMEOUT_S).items())
        ]
        self._send_all("plan", {"count": count, "client": plan["client"], "stacks": plan["stacks"]})
        self._gather("planned", READY_TIMEOUT_S)
        each = -(-users // count)
        self._runner.start(each * count, spawn_rate=each * count)
        self._send_all("settle", {"users": each})
        self._gather("settled", READY_TIMEOUT_S)

    def prepare(self) -> None:
        """Do nothing: each load process collects its garbage after a slice."""

    def run(self, orders: Sequence[Order], length_ms: float, drain_timeout_s: float) -> Outcome:
        """Let all load processes give one stack its load for one slice; raise `LostLoadProcessError` if one does not take part."""
        start_ns = perf_counter_ns()
        for number in self._ids:
            parts = [share_of(order, number, len(self._templates)) for order in orders]
            asked = [[part.stack, part.scenario, part.users, part.due_ns] for part in parts]
            self._send("slice", number, {"orders": asked, "length_ms": length_ms, "drain_timeout_s": drain_timeout_s})
        late_ns = self._find_late(self._gather("begun", REPLY_TIMEOUT_S), length_ms / 1e3)
        replies = self._gather("sliced", length_ms / 1e3 + 2 * drain_timeout_s + REPLY_TIMEOUT_S)
        return Outcome(
            start_ns=start_ns,
            drained_ns=start_ns + max(reply["elapsed_ns"] for reply in replies.values()),
            samples=[self._merge(replies, place, start_ns) for place in range(len(orders))],
            cpu_ns=tuple(reply["cpu_ns"] for _, reply in sorted(replies.items())),
            wait_ns=max(reply["wait_ns"] for reply in replies.values()),
            connections=sum(reply["connections"] for reply in replies.values()),
            received_bytes=sum(reply["received_bytes"] for reply in replies.values()),
            late_ns=late_ns,
        )

    def _find_late(self, begun: dict[int, Any], length_s: float) -> int:
        """Return how much later than the first one the last one began, in ns, seen by our own clock alone.

        Raises `LostLoadProcessError` if that is so late that the load was not what was asked for.
        """
        arrived_ns = {number: reply["arrived_ns"] for number, reply in begun.items()}
        last = max(arrived_ns, key=lambda number: arrived_ns[number])
        late_ns: int = arrived_ns[last] - min(arrived_ns.values())
        if late_ns / 1e9 > max(LATE_S, LATE_SHARE * length_s):
            message = f"{self._names[last]} began a slice {late_ns / 1e9:.2f} s after the first one."
            raise LostLoadProcessError(message)
        return late_ns

    def _merge(self, replies: dict[int, Any], place: int, start_ns: int) -> Rows:
        """Return the samples of an order from all load processes, on one axis of time; connections keep apart by process."""
        parts = []
        for number, reply in sorted(replies.items()):
            rows = np.frombuffer(reply["samples"][place], dtype=np.int64).reshape(-1, SAMPLE_FIELDS).copy()
            stamps = rows[:, 1:5]
            stamps[stamps > 0] += start_ns - reply["start_ns"]
            rows[rows[:, 0] >= 0, 0] += number * USERS_EACH
            parts.append(rows)
        rows = np.concatenate(parts)
        return rows[np.argsort(rows[:, 1:5].max(axis=1), kind="stable")]  # in the order in which they ended, as from one process

    def _start(self, number: int, address: str, cores: Sequence[int]) -> subprocess.Popen[bytes]:
        template = self._templates[number]
        words = fill_template(template, sys.executable, ["-m", MODULE, address, str(self._runner.server.port), str(number)])
        try:
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=sys.stderr.fileno())  # noqa: S603 - the user's own template
        except OSError as error:
            message = f"{self._names[number]} cannot be started: {error.strerror}."
            raise LostLoadProcessError(message) from None
        if template == HERE and cores:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(process.pid, {cores[number % len(cores)]})
        return process

    def _send_all(self, kind: str, content: dict[str, Any]) -> None:
        for number in self._ids:
            self._send(kind, number, content)

    def _send(self, kind: str, number: int, content: dict[str, Any]) -> None:
        self._runner.send_message(kind, content, client_id=self._ids[number])

    def _take(self, environment: Environment, msg: Any) -> None:  # noqa: ARG002 - Locust's own signature
        number = msg.data["number"]
        self._ids[number] = msg.node_id
        self._replies.setdefault(msg.type, {})[number] = {**msg.data, "arrived_ns": perf_counter_ns()}
        self._arrived.set()

    def _gather(self, kind: str, timeout_s: float) -> dict[int, Any]:
        """Wait for a message of this kind from every load process."""
        deadline = monotonic() + timeout_s
        while len(found := self._replies.get(kind, {})) < len(self._templates):
            for number in range(len(self._templates)):
                if number not in found:
                    self._refuse_lost(number, is_late=monotonic() > deadline, timeout_s=timeout_s)
            self._arrived.clear()
            self._arrived.wait(LOOK_S)
        return self._replies.pop(kind)

    def _refuse_lost(self, number: int, *, is_late: bool, timeout_s: float) -> None:
        status = self._processes[number].poll()
        client = self._runner.clients.get(self._ids.get(number, ""))
        if status is not None:
            why = f"ended ({f'signal {-status}' if status < 0 else f'exit status {status}'})"
        elif client is not None and client.state == MISSING:
            why = "is not heard of any more"
        elif is_late:
            why = f"did not answer in {timeout_s:.0f} s"
        else:
            return
        message = f"{self._names[number]} {why}."
        raise LostLoadProcessError(message)


def _in_words(template: str) -> str:
    return "on this machine" if template == HERE else template
