"""One load process: `python -m bench.measure.load_worker HOST PORT NUMBER`, a Locust worker of the master at that address.

It gets its part of the plan and of each slice as messages, and sends back what its users saw. It ends when the master says so, or when
its stdin does: whoever started it has gone then.
"""

from bench.measure import load as load  # first: it tells Locust how to patch

import os
import sys
from typing import Any

import gevent
from gevent.os import tp_read
from locust.env import Environment

from bench.measure.clocks import read_place
from bench.measure.load import USER_CLASSES, LocalCrew, Order, sharpen_process


class LoadWorker:
    """The users of this process, and the messages that move them."""

    def __init__(self, host: str, port: int, number: int) -> None:
        self._number = number
        self._crew: LocalCrew | None = None
        self._environment = Environment(user_classes=list(USER_CLASSES.values()))
        self._runner: Any = self._environment.create_worker_runner(host, port)
        for kind, listener in (("plan", self._plan), ("settle", self._settle), ("slice", self._slice)):
            self._runner.register_message(kind, listener, concurrent=True)
        self._reply("hello", read_place())

    def work(self) -> None:
        """Serve until the master ends it."""
        self._runner.greenlet.join()

    def _plan(self, environment: Environment, msg: Any) -> None:  # noqa: ARG002 - as Locust calls it
        plan = msg.data
        user_class = USER_CLASSES[plan["client"]]
        self._crew = LocalCrew(plan["stacks"], user_class, self._number, plan["count"])
        self._reply("planned", {})

    def _settle(self, environment: Environment, msg: Any) -> None:  # noqa: ARG002 - as Locust calls it
        assert self._crew is not None  # noqa: S101 - the plan comes first
        self._crew.settle(msg.data["users"])
        self._reply("settled", {})

    def _slice(self, environment: Environment, msg: Any) -> None:  # noqa: ARG002 - as Locust calls it
        assert self._crew is not None  # noqa: S101 - the plan comes first
        orders = [
            Order(stack, scenario, users, None if due_ns is None else tuple(due_ns))
            for stack, scenario, users, due_ns in msg.data["orders"]
        ]
        self._reply("begun", {})
        outcome = self._crew.run(orders, msg.data["length_ms"], msg.data["drain_timeout_s"])
        self._reply(
            "sliced",
            {
                "start_ns": outcome.start_ns,
                "elapsed_ns": outcome.drained_ns - outcome.start_ns,
                "samples": [rows.tobytes() for rows in outcome.samples],
                "cpu_ns": sum(outcome.cpu_ns),
                "wait_ns": outcome.wait_ns,
                "connections": outcome.connections,
                "received_bytes": outcome.received_bytes,
            },
        )
        self._crew.prepare()

    def _reply(self, kind: str, content: dict[str, Any]) -> None:
        self._runner.send_message(kind, {"number": self._number, **content})


def end_with_stdin() -> None:
    """End this process when its stdin ends."""
    while tp_read(sys.stdin.fileno(), 1):  # in a thread of its own: users go on meanwhile
        pass
    os._exit(1)


if __name__ == "__main__":
    sharpen_process()
    gevent.spawn(end_with_stdin)
    LoadWorker(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])).work()
