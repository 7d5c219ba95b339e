"""The users of one load process, and what they do in one slice.

Locust patches the process that imports this module, so only the generator and its load processes do.
"""

import os

os.environ.setdefault("LOCUST_SKIP_URLLIB3_PATCH", "1")
# gevent's usual backend waits in whole milliseconds and wakes 0.5 to 1 ms late; `select` is as exact as the kernel's timers.
os.environ.setdefault("GEVENT_BACKEND", "select")

import locust as locust

import contextlib
import gc
import itertools
import resource
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import gevent
import gevent.event
import gevent.queue
import numpy as np
import numpy.typing as npt
from locust import FastHttpUser, User, task

from bench.measure.client import PAUSE_AFTER_ERROR_S, Connection, Exchange, SampleTuple
from bench.measure.clocks import read_own_clocks

NO_CONNECTION = -1
SAMPLE_FIELDS = 7

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Order:
    """What one slice asks: stack, scenario, how many users, and scheduled times in ns from its start (None: closed loop)."""

    stack: str
    scenario: str
    users: int
    due_ns: Sequence[int] | None = None


@dataclass
class Outcome:
    """What became of a slice: stamps on one clock, the samples of each order, and the traffic.

    `cpu_ns` has the CPU time of each load process, `wait_ns` the longest time for which one of them waited for a core, `late_ns` is how
    much later than the first one the last one began.
    """

    start_ns: int
    drained_ns: int
    samples: list[Rows]
    cpu_ns: tuple[int, ...]
    wait_ns: int
    connections: int
    received_bytes: int
    late_ns: int = 0


class LiveSlice:
    """One slice under way: its requests and their stack, the samples so far, and `done`, which is set when no user takes part any more.

    All users together send the requests in turn, in every slice from the first one.
    """

    def __init__(self, stack: str, exchanges: Iterator[Exchange]) -> None:
        self.stack = stack
        self.exchanges = exchanges
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

    def __init__(self, stack: str, exchanges: Iterator[Exchange], users: list[Any], end_ns: int) -> None:
        super().__init__(stack, exchanges)
        self.end_ns = end_ns
        self._users = users

    def begin(self) -> None:
        """Give every user its turn."""
        for user in self._users:
            self._enter(user)
        if not self._users:
            self.done.set()

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

    def __init__(self, stack: str, exchanges: Iterator[Exchange], users: list[Any], due_ns: list[int]) -> None:
        super().__init__(stack, exchanges)
        self._due_ns = due_ns
        self._next = 0
        self._idle = users[::-1]
        self._is_awaited = False

    def begin(self) -> None:
        """Let the first user wait for the first arrival."""
        if self._due_ns:
            self._let_next_wait()
        else:
            self.done.set()

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
    addresses: ClassVar[dict[str, tuple[str, int]]] = {}

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
            self.connections[stack] = Connection(self.number, *self.addresses[stack])
        return self.connections[stack]

    def abort(self, stack: str) -> None:
        """End this user's request under way, unfinished."""
        if stack in self.connections:
            self.connections[stack].abort()


class PlainUser(FastHttpUser):
    """The closed loop with Locust's own FastHttpUser, for comparison with the lean client."""

    everyone: ClassVar[list["PlainUser"]] = []
    addresses: ClassVar[dict[str, tuple[str, int]]] = {}
    host = "http://127.0.0.1"

    on_start = LeanUser.on_start
    take_turns = LeanUser.take_turns
    connections: dict[str, Connection]
    number: int
    slices: Any

    def run_closed(self, live: ClosedSlice) -> None:
        """Load the stack of this slice until its end."""
        host, port = self.addresses[live.stack]
        url = f"http://{host}:{port}/predict"
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


USER_CLASSES: Mapping[str, Any] = {"lean": LeanUser, "fasthttp": PlainUser}


@dataclass
class LocalCrew:
    """The users of this process: number `number` of `count` load processes, which share users, requests and arrivals evenly."""

    stacks: Mapping[str, Any]
    user_class: Any
    number: int = 0
    count: int = 1
    places: Sequence[Mapping[str, Any]] = ()
    _exchanges: dict[tuple[str, str], list[Exchange]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the plan's addresses, requests and right answers."""
        for stack, own in self.stacks.items():
            self.user_class.addresses[stack] = own["host"], own["port"]
            for scenario, accepted in own["scenarios"].items():
                self._exchanges[stack, scenario] = [
                    Exchange(bytes.fromhex(one["request"]), one["status"], bytes.fromhex(one["body"])) for one in accepted
                ]

    def start(self, users: int, runner: Any) -> None:
        """Start so many users, and wait until they are there; then garbage is collected between slices alone."""
        runner.start(users, spawn_rate=max(1, users))
        self.settle(users)

    def settle(self, users: int) -> None:
        """Wait until so many users are there; then garbage is collected between slices alone."""
        while len(self.user_class.everyone) < users:
            gevent.sleep(0.001)
        gc.collect()
        gc.freeze()
        gc.disable()

    def prepare(self) -> None:
        """Collect garbage, so that the next slice need not."""
        gc.collect()

    def run(self, orders: Sequence[Order], length_ms: float, drain_timeout_s: float) -> Outcome:
        """Give one stack all the load for one slice, by one order or by two beside each other, and wait until it has drained."""
        users = self.user_class.everyone
        opened, received = count_traffic(orders[0].stack, users)
        cpu_ns, wait_ns = read_own_clocks()
        start_ns = time.perf_counter_ns()
        end_ns = start_ns + int(length_ms * 1e6)
        lives, first = [], 0
        for order in orders:
            lives.append(self._begin(order, users[first : first + order.users], start_ns, end_ns))
            first += order.users
        deadline_s = length_ms / 1e3 + drain_timeout_s
        if not all(live.done.wait(max(0.0, deadline_s - (time.perf_counter_ns() - start_ns) / 1e9)) for live in lives):
            for user in users:
                user.abort(orders[0].stack)
            for live in lives:
                live.done.wait(drain_timeout_s)
        drained_ns = time.perf_counter_ns()
        now_cpu_ns, now_wait_ns = read_own_clocks()
        now_opened, now_received = count_traffic(orders[0].stack, users)
        return Outcome(
            start_ns,
            drained_ns,
            [rows_from_samples(live.samples) for live in lives],
            (now_cpu_ns - cpu_ns,),
            now_wait_ns - wait_ns,
            now_opened - opened,
            now_received - received,
        )

    def _begin(self, order: Order, users: list[Any], start_ns: int, end_ns: int) -> LiveSlice:
        exchanges = itertools.islice(itertools.cycle(self._exchanges[order.stack, order.scenario]), self.number, None, self.count)
        live: ClosedSlice | OpenSlice
        if order.due_ns is None:
            live = ClosedSlice(order.stack, exchanges, users, end_ns)
        else:
            live = OpenSlice(order.stack, exchanges, users, [start_ns + due for due in order.due_ns])
        live.begin()
        return live


def share_of(order: Order, place: int, places: int) -> Order:
    """Return the part of an order for one of several load processes: users and arrivals are dealt in turn."""
    places = max(1, min(places, order.users))
    users = order.users // places + (place < order.users % places) if place < places else 0
    due_ns = None if order.due_ns is None else order.due_ns[place::places] if place < places else ()
    return Order(order.stack, order.scenario, users, due_ns)


def rows_from_samples(samples: Sequence[SampleTuple]) -> Rows:
    """Return samples as an array of shape (requests, SAMPLE_FIELDS)."""
    return np.array(samples, dtype=np.int64).reshape(len(samples), SAMPLE_FIELDS)


def count_traffic(stack: str, users: Iterable[Any]) -> tuple[int, int]:
    """Return how many connections these users have opened to a stack so far, and how many bytes came over them."""
    found = [user.connections[stack] for user in users if stack in user.connections]
    return sum(connection.opened for connection in found), sum(connection.received for connection in found)


def sharpen_process() -> None:
    """Let timers fire without the kernel's usual slack of 50 us, and allow as many connections as the system permits."""
    with contextlib.suppress(OSError):
        Path("/proc/self/timerslack_ns").write_text(os.environ.get("BENCH_TIMER_SLACK_NS", "1"), "ascii")
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
