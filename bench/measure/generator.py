"""The load generator: `python -m bench.measure.generator PLAN.json SAMPLES.npy`, a process of its own, imported by nobody.

Locust patches its process; that is why nothing else shares it. Locust spawns the users; each user waits for its turn and
then sends requests until the slice ends. One slice gives one line of JSON on stdout when it has drained; the next one begins once a
line has come back on stdin, so that whoever reads works between slices and not beside them. All samples go to SAMPLES.npy at the end,
one row per request, in the order of the fields of `records.samples.Sample`.
"""

import os

os.environ.setdefault("LOCUST_SKIP_URLLIB3_PATCH", "1")
# gevent's usual backend waits in whole milliseconds and wakes 0.5 to 1 ms late; this one is as exact as the kernel's timers.
os.environ.setdefault("GEVENT_BACKEND", "select")

import locust as locust

import contextlib
import gc
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import gevent
import gevent.event
import gevent.queue
import numpy as np
from locust import FastHttpUser, User, task
from locust.env import Environment

from bench.measure.client import PAUSE_AFTER_ERROR_S, Connection, Exchange, SampleTuple
from bench.measure.clocks import read_clocks
from bench.plan.pace import Pace, is_kept

NO_CONNECTION = -1


class LiveSlice:
    """One slice under way: what is sent to which stack, the samples so far, and `done` once no user takes part any more."""

    def __init__(self, stack: str, exchange: Exchange) -> None:
        self.stack = stack
        self.exchange = exchange
        self.samples: list[SampleTuple] = []
        self.done = gevent.event.Event()
        self._busy = 0

    def _enter(self, user: Any) -> None:
        """Give one user its turn."""
        self._busy += 1
        user.slices.put(self)

    def _leave(self) -> None:
        """Count one user as done."""
        self._busy -= 1
        if not self._busy:
            self.done.set()


class ClosedSlice(LiveSlice):
    """One slice of a closed loop: each user sends, waits for its answer and sends again, until the end."""

    def __init__(self, stack: str, exchange: Exchange, users: list[Any], end_ns: int) -> None:
        super().__init__(stack, exchange)
        self.end_ns = end_ns
        self._users = users

    def begin(self) -> None:
        """Give every user its turn."""
        for user in self._users:
            self._enter(user)

    def serve(self, user: Any) -> None:
        """Let one user take part until the end."""
        try:
            user.run_closed(self)
        finally:
            self._leave()


class OpenSlice(LiveSlice):
    """One slice of an open loop: requests are sent when they are due, whatever has been answered by then.

    One of the users waits for the next arrival. When it is due, that user lets an idle one wait for the arrival after it,
    then sends its own request at once: no hand-over lies between due and sent. If no user is idle, too many requests are
    under way: the first to be answered records what was due meanwhile as not sent, and waits for the next.
    """

    def __init__(self, stack: str, exchange: Exchange, users: list[Any], due_ns: list[int]) -> None:
        super().__init__(stack, exchange)
        self._due_ns = due_ns
        self._next = 0
        self._idle = users[::-1]
        self._is_awaited = False

    def begin(self) -> None:
        """Let the first user wait for the first arrival."""
        self._let_next_wait()

    def serve(self, user: Any) -> None:
        """Let one user wait for the next arrival and send its request, and again while nobody else waits."""
        try:
            while self._next < len(self._due_ns):
                due_ns = self._due_ns[self._next]
                self._next += 1
                sleep_until(due_ns)
                self._let_next_wait()
                user.run_once(self, due_ns)
                if self._is_awaited:
                    break
                self._is_awaited = True
                self._skip_overdue()
        finally:
            self._idle.append(user)
            self._leave()

    def _let_next_wait(self) -> None:
        self._is_awaited = bool(self._idle)
        if self._idle:
            self._enter(self._idle.pop())

    def _skip_overdue(self) -> None:
        now_ns = time.perf_counter_ns()
        while self._next < len(self._due_ns) and self._due_ns[self._next] < now_ns:
            self.samples.append((NO_CONNECTION, self._due_ns[self._next], 0, 0, 0, 0, 0))
            self._next += 1


def sleep_until(due_ns: int) -> None:
    """Let others run until `due_ns` at least."""
    while (left_ns := due_ns - time.perf_counter_ns()) > 0:
        gevent.sleep(left_ns / 1e9)


class LeanUser(User):
    """A user with a lean connection to each stack; waits for slices."""

    everyone: ClassVar[list["LeanUser"]] = []
    ports: ClassVar[dict[str, int]] = {}

    def on_start(self) -> None:
        """Take a number."""
        self.number = len(self.everyone)
        self.slices: Any = gevent.queue.SimpleQueue()
        self.connections: dict[str, Connection] = {}
        self.everyone.append(self)

    @task
    def take_turns(self) -> None:
        """Serve one slice after the other, for as long as the process lives."""
        while True:
            self.slices.get().serve(self)

    def run_closed(self, live: ClosedSlice) -> None:
        """Load the stack of this slice until its end."""
        self.connect(live.stack).run_closed(live.exchange, live.end_ns, live.samples)

    def run_once(self, live: OpenSlice, due_ns: int) -> None:
        """Send one request that was due at `due_ns`."""
        self.connect(live.stack).run_once(live.exchange, due_ns, live.samples)

    def connect(self, stack: str) -> Connection:
        """Return this user's connection to a stack."""
        if stack not in self.connections:
            self.connections[stack] = Connection(self.number, self.ports[stack])
        return self.connections[stack]

    def abort(self, stack: str) -> None:
        """End this user's request under way, unfinished."""
        if stack in self.connections:
            self.connections[stack].abort()


class PlainUser(FastHttpUser):
    """The closed loop by Locust's own FastHttpUser: what the lean client is measured against."""

    everyone: ClassVar[list["PlainUser"]] = []
    ports: ClassVar[dict[str, int]] = {}
    host = "http://127.0.0.1"

    on_start = LeanUser.on_start
    take_turns = LeanUser.take_turns
    connections: dict[str, Connection]
    number: int
    slices: Any

    def run_closed(self, live: ClosedSlice) -> None:
        """Load the stack of this slice until its end."""
        url = f"http://127.0.0.1:{self.ports[live.stack]}/predict"
        body = live.exchange.request.partition(b"\r\n\r\n")[2].decode()
        headers = {"Content-Type": "application/json"}
        while (sent_ns := time.perf_counter_ns()) < live.end_ns:
            answer = self.client.post(url, data=body, headers=headers, name="/predict")
            done_ns = time.perf_counter_ns()
            correct = live.exchange.accepts(answer.status_code, answer.content or b"")
            live.samples.append((self.number, sent_ns, sent_ns, done_ns, done_ns, answer.status_code, int(correct)))
            if not answer.status_code:
                gevent.sleep(PAUSE_AFTER_ERROR_S)

    def abort(self, stack: str) -> None:
        """Leave it to the client's own time-out."""


class Controller:
    """Runs the slices of a launch one after the other and keeps what they gave."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._pace = Pace(**plan["pace"])
        self._exchanges: dict[tuple[str, str], Exchange] = {}
        for stack, places in plan["stacks"].items():
            for scenario, accepted in places["scenarios"].items():
                fields = {name: bytes.fromhex(accepted[name]) for name in ("request", "body")}
                self._exchanges[stack, scenario] = Exchange(status=accepted["status"], **fields)
        self._lengths_ms: dict[tuple[str, str, str], float] = {}
        self._stretches: dict[tuple[str, str], float] = {}
        self.samples: list[Any] = []

    def is_needed(self, planned: dict[str, Any]) -> bool:
        """Whether the block of a slice is measured: where slices must be longer than planned, so many fewer blocks take the planned time.

        The blocks that stay are spread evenly; the first one always does.
        """
        if planned["warm_up"] or not planned["block"]:
            return True
        cell = planned["scenario"], planned["load"]
        if cell not in self._stretches:
            own = [place for place in self._plan["slices"] if (place["scenario"], place["load"], place["block"]) == (*cell, 0)]
            lengths_ms = [self._lengths_ms[place["stack"], *cell] for place in own if place["length_ms"] is None]
            self._stretches[cell] = self._pace.stretch(lengths_ms)
        return is_kept(planned["block"], self._stretches[cell])

    def run_slice(self, planned: dict[str, Any], users: list[Any]) -> dict[str, Any]:
        """Give one stack all the load for one slice; return its record."""
        pace = self._pace
        cell = (planned["stack"], planned["scenario"], planned["load"])
        stack, exchange = planned["stack"], self._exchanges[cell[:2]]
        length_ms = planned["length_ms"] or self._lengths_ms[cell]
        chosen = users[: planned["users"]]
        server = self._plan["stacks"][stack]["pid"], self._plan["server_cores"]
        due_ns = self._plan["arrivals"][planned["arrivals"]] if planned["arrivals"] else None
        gc.collect()
        before = read_clocks(*server)
        start_ns = time.perf_counter_ns()
        end_ns = start_ns + int(length_ms * 1e6)
        live: Any
        if due_ns is None:
            live = ClosedSlice(stack, exchange, chosen, end_ns)
        else:
            live = OpenSlice(stack, exchange, chosen, [start_ns + due for due in due_ns])
        live.begin()
        drain_timeout_s = pace.drain_timeout_s
        if not live.done.wait(length_ms / 1e3 + drain_timeout_s):
            for user in chosen:
                user.abort(stack)
            live.done.wait(drain_timeout_s)
        drained_ns = time.perf_counter_ns()
        after = read_clocks(*server)
        self._keep(planned["index"], live.samples)
        correct = sum(sample[-1] for sample in live.samples)
        if planned["warm_up"]:
            self._lengths_ms[cell] = pace.length_ms(correct / (drained_ns - start_ns) * 1e9, len(chosen))
        return {
            "slice": planned["index"],
            "start_ns": start_ns,
            "settled_ns": start_ns + pace.settle_ms * 1_000_000,
            "end_ns": end_ns,
            "drained_ns": drained_ns,
            **after.since(before, drained_ns - start_ns),
        }

    def _keep(self, index: int, samples: list[SampleTuple]) -> None:
        rows = np.empty((len(samples), 8), dtype=np.int64)
        rows[:, 0] = index
        if samples:
            rows[:, 1:] = samples
        self.samples.append(rows)


def sharpen_process() -> None:
    """Let timers fire without the kernel's usual slack of 50 us, and allow as many connections as the system does."""
    with contextlib.suppress(OSError):
        Path("/proc/self/timerslack_ns").write_text(os.environ.get("BENCH_TIMER_SLACK_NS", "1"), "ascii")
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(plan_path: Path, samples_path: Path) -> None:
    """Run the plan; the samples file appears when everything is done."""
    sharpen_process()
    plan = json.loads(plan_path.read_text("utf-8"))
    if plan["cores"]:
        os.sched_setaffinity(0, plan["cores"])
    user_class: Any = {"lean": LeanUser, "fasthttp": PlainUser}[plan["client"]]
    user_class.ports.update({stack: places["port"] for stack, places in plan["stacks"].items()})
    runner: Any = Environment(user_classes=[user_class]).create_local_runner()
    wanted = max(planned["users"] for planned in plan["slices"])
    runner.start(wanted, spawn_rate=wanted)
    while len(user_class.everyone) < wanted:
        gevent.sleep(0.001)
    gc.collect()
    gc.freeze()
    gc.disable()
    controller = Controller(plan)
    for planned in plan["slices"]:
        if not controller.is_needed(planned):
            continue
        print(json.dumps(controller.run_slice(planned, user_class.everyone)), flush=True)  # noqa: T201 - the way to the runner
        if not sys.stdin.buffer.readline():
            os._exit(1)  # the bench has gone
    temporary = samples_path.with_suffix(".part")
    with temporary.open("wb") as file:
        np.save(file, np.concatenate(controller.samples))
    temporary.replace(samples_path)
    sys.stdout.flush()
    os._exit(0)  # sockets close with the process; Locust's own farewell takes a second


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
