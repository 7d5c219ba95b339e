"""The load generator: `python -m bench.measure.generator PLAN.json SAMPLES.npy`, a process of its own that no module imports.

Locust patches its process, so nothing else shares it. Locust spawns the users; each user waits for its turn and then sends requests
until the slice ends. When a slice has drained, it prints one line of JSON on stdout. The next slice begins once a line has come back on
stdin, so that the reader works between slices and not beside them. All samples go to SAMPLES.npy at the end, one row per request, in
the order of the fields of `records.samples.Sample`.
"""

import os

os.environ.setdefault("LOCUST_SKIP_URLLIB3_PATCH", "1")
# gevent's usual backend waits in whole milliseconds and wakes 0.5 to 1 ms late; `select` is as exact as the kernel's timers.
os.environ.setdefault("GEVENT_BACKEND", "select")

import locust as locust

import contextlib
import gc
import itertools
import json
import resource
import sys
import time
from collections.abc import Iterable, Sequence
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
from bench.plan.arrivals import Arrivals, Rates
from bench.plan.pace import Pace, is_kept

NO_CONNECTION = -1
# Fields that a slice beside another one shares with it; they are counted in the other slice.
NOT_ITS_OWN = {
    "connections": 0, "received_bytes": 0, "server_cpu_ns": None, "server_user_ns": None, "server_kernel_ns": None, "generator_cpu_ns": 0,
}  # fmt: skip


class LiveSlice:
    """One slice under way: its requests and their stack, the samples so far, and `done`, which is set when no user takes part any more.

    All users together send the requests in turn, in every slice from the first one.
    """

    def __init__(self, stack: str, exchanges: Sequence[Exchange]) -> None:
        self.stack = stack
        self.exchanges = itertools.cycle(exchanges)
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

    def __init__(self, stack: str, exchanges: Sequence[Exchange], users: list[Any], end_ns: int) -> None:
        super().__init__(stack, exchanges)
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
    """One slice of an open loop: requests are sent at their scheduled times, whether or not earlier ones were answered.

    One of the users waits for the next arrival. At its time that user lets an idle user wait for the arrival after it, then sends its
    own request at once: no hand-over lies between scheduled time and sending. If no user is idle, too many requests are under way. The
    first user that gets its answer then records the arrivals of the meantime as not sent, and waits for the next.
    """

    def __init__(self, stack: str, exchanges: Sequence[Exchange], users: list[Any], due_ns: list[int]) -> None:
        super().__init__(stack, exchanges)
        self._due_ns = due_ns
        self._next = 0
        self._idle = users[::-1]
        self._is_awaited = False

    def begin(self) -> None:
        """Let the first user wait for the first arrival."""
        self._let_next_wait()

    def serve(self, user: Any) -> None:
        """Let one user wait for the next arrival and send its request, and again while no other user waits."""
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
    """Let other users run until at least `due_ns`."""
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
        self.connect(live.stack).run_closed(live.exchanges, live.end_ns, live.samples)

    def run_once(self, live: OpenSlice, due_ns: int) -> None:
        """Send one request that was scheduled for `due_ns`."""
        self.connect(live.stack).run_once(next(live.exchanges), due_ns, live.samples)

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
    """The closed loop with Locust's own FastHttpUser, for comparison with the lean client."""

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
        headers = {"Content-Type": "application/json"}
        while (sent_ns := time.perf_counter_ns()) < live.end_ns:
            exchange = next(live.exchanges)
            body = exchange.request.partition(b"\r\n\r\n")[2].decode()
            answer = self.client.post(url, data=body, headers=headers, name="/predict")
            done_ns = time.perf_counter_ns()
            correct = exchange.accepts(answer.status_code, answer.content or b"")
            live.samples.append((self.number, sent_ns, sent_ns, done_ns, done_ns, answer.status_code, int(correct)))
            if not answer.status_code:
                gevent.sleep(PAUSE_AFTER_ERROR_S)

    def abort(self, stack: str) -> None:
        """Do nothing: the client has its own time-out."""


def count_traffic(stack: str, users: Iterable[Any]) -> tuple[int, int]:
    """Return how many connections these users have opened to a stack so far, and how many bytes came over them."""
    found = [user.connections[stack] for user in users if stack in user.connections]
    return sum(connection.opened for connection in found), sum(connection.received for connection in found)


class Controller:
    """Runs the slices of a launch one after the other and holds their samples."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._pace = Pace(**plan["pace"])
        self._rates = Rates(len(plan["server_cores"]) or 1, plan["last_rps"])
        self._exchanges: dict[tuple[str, str], list[Exchange]] = {}
        for stack, places in plan["stacks"].items():
            for scenario, accepted in places["scenarios"].items():
                self._exchanges[stack, scenario] = [
                    Exchange(bytes.fromhex(one["request"]), one["status"], bytes.fromhex(one["body"])) for one in accepted
                ]
        self._lengths_ms: dict[tuple[str, str, str], float] = {}
        self._stretches: dict[tuple[str, str], float] = {}
        self.samples: list[Any] = []

    def is_needed(self, planned: dict[str, Any]) -> bool:
        """Whether the block of a slice is measured: if slices must be longer than planned, fewer blocks take the planned time.

        The measured blocks are spread evenly; the first block is always one of them.
        """
        if planned["warm_up"] or not planned["block"]:
            return True
        cell = planned["scenario"], planned["load"]
        if cell not in self._stretches:
            own = [place for place in self._plan["slices"] if (place["scenario"], place["load"], place["block"]) == (*cell, 0)]
            lengths_ms = [self._lengths_ms[place["stack"], *cell] for place in own if not place["arrivals"]]
            self._stretches[cell] = self._pace.stretch(lengths_ms)
        return is_kept(planned["block"], self._stretches[cell])

    def run_slice(self, planned: dict[str, Any], beside: dict[str, Any] | None, users: list[Any]) -> list[dict[str, Any]]:
        """Give one stack all the load for one slice, with the slice planned beside it if any; return the facts of each."""
        pace = self._pace
        cell = (planned["stack"], planned["scenario"], planned["load"])
        stack = planned["stack"]
        rate_rps = self._rate_rps(planned)
        length_ms = planned["length_ms"]
        if length_ms is None:
            length_ms = self._length_ms(cell, planned["arrivals"], rate_rps)
        chosen, others = users[: planned["users"]], users[planned["users"] :]
        server = self._plan["stacks"][stack]["pid"], self._plan["server_cores"]
        due = [self._draw(own, length_ms) for own in (planned, beside) if own]
        gc.collect()
        opened, received = count_traffic(stack, users)
        before = read_clocks(*server)
        start_ns = time.perf_counter_ns()
        end_ns = start_ns + int(length_ms * 1e6)
        lives = [self._begin(planned, due[0], chosen, start_ns, end_ns)]
        lives += [self._begin(beside, due[1], others[: beside["users"]], start_ns, end_ns)] if beside else []
        deadline_s = length_ms / 1e3 + pace.drain_timeout_s
        if not all(live.done.wait(max(0.0, deadline_s - (time.perf_counter_ns() - start_ns) / 1e9)) for live in lives):
            for user in users:
                user.abort(stack)
            for live in lives:
                live.done.wait(pace.drain_timeout_s)
        drained_ns = time.perf_counter_ns()
        after = read_clocks(*server)
        now_opened, now_received = count_traffic(stack, users)
        fact = {
            "slice": planned["index"],
            "offered_rps": rate_rps,
            "connections": now_opened - opened,
            "received_bytes": now_received - received,
            "start_ns": start_ns,
            "settled_ns": start_ns + pace.settle_ms * 1_000_000,
            "end_ns": end_ns,
            "drained_ns": drained_ns,
            **after.since(before, drained_ns - start_ns),
        }
        self._keep(planned["index"], lives[0].samples)
        if planned["warm_up"]:
            self._learn(planned, fact, lives[0].samples)
        if not beside:
            return [fact]
        self._keep(beside["index"], lives[1].samples)
        return [fact, {**fact, **NOT_ITS_OWN, "slice": beside["index"], "offered_rps": self._rate_rps(beside)}]

    def _rate_rps(self, planned: dict[str, Any]) -> float | None:
        """Return the rate of a slice of an open loop (req/s); None for a closed loop."""
        if not planned["arrivals"]:
            return None
        return self._rates.find(planned["stack"], planned["load"], Arrivals(**planned["arrivals"]), calibrates=planned["calibrates"])

    def _draw(self, planned: dict[str, Any], length_ms: float) -> list[int] | None:
        """Return the scheduled times of the requests of an open loop, in ns from the start; None for a closed loop."""
        rate_rps = self._rate_rps(planned)
        return Arrivals(**planned["arrivals"]).draw(rate_rps, length_ms) if rate_rps else None

    def _begin(self, planned: dict[str, Any], due_ns: list[int] | None, users: list[Any], start_ns: int, end_ns: int) -> LiveSlice:
        exchanges = self._exchanges[planned["stack"], planned["scenario"]]
        live: ClosedSlice | OpenSlice
        if due_ns is None:
            live = ClosedSlice(planned["stack"], exchanges, users, end_ns)
        else:
            live = OpenSlice(planned["stack"], exchanges, users, [start_ns + due for due in due_ns])
        live.begin()
        return live

    def _length_ms(self, cell: tuple[str, str, str], arrivals: dict[str, Any] | None, rate_rps: float | None) -> float:
        if arrivals:
            return self._pace.open_length_ms(rate_rps, is_own=arrivals["own_share"] is not None)
        return self._lengths_ms[cell]

    def _learn(self, planned: dict[str, Any], fact: dict[str, Any], samples: list[SampleTuple]) -> None:
        """Learn rates and lengths of later slices from a slice that is not counted."""
        stack, load = planned["stack"], planned["load"]
        correct = sum(sample[-1] for sample in samples)
        if planned["arrivals"]:
            self._rates.learn_cost(load, correct, fact["server_cpu_ns"])
        elif planned["calibrates"]:
            settled_ns, end_ns = fact["settled_ns"], fact["end_ns"]
            answers = sum(sample[-1] for sample in samples if settled_ns <= sample[4] < end_ns)
            self._rates.learn_capacity(stack, answers, (end_ns - settled_ns) / 1e9)
        else:
            rate_rps = correct / (fact["drained_ns"] - fact["start_ns"]) * 1e9
            self._rates.warm_up(stack, rate_rps)
            self._lengths_ms[stack, planned["scenario"], load] = self._pace.length_ms(rate_rps, planned["users"])

    def _keep(self, index: int, samples: list[SampleTuple]) -> None:
        rows = np.empty((len(samples), 8), dtype=np.int64)
        rows[:, 0] = index
        if samples:
            rows[:, 1:] = samples
        self.samples.append(rows)


def sharpen_process() -> None:
    """Let timers fire without the kernel's usual slack of 50 us, and allow as many connections as the system permits."""
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
    planned_slices = plan["slices"]
    followed = dict(zip(range(len(planned_slices)), planned_slices[1:], strict=False))
    besides = {place: other for place, other in followed.items() if other["beside"]}
    wanted = max(own["users"] + besides.get(place, {"users": 0})["users"] for place, own in enumerate(planned_slices))
    runner.start(wanted, spawn_rate=wanted)
    while len(user_class.everyone) < wanted:
        gevent.sleep(0.001)
    gc.collect()
    gc.freeze()
    gc.disable()
    controller = Controller(plan)
    for place, planned in enumerate(planned_slices):
        if planned["beside"] or not controller.is_needed(planned):
            continue
        for fact in controller.run_slice(planned, besides.get(place), user_class.everyone):
            print(json.dumps(fact), flush=True)  # noqa: T201 - the way to the runner
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
