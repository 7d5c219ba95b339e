"""The load generator: `python -m bench.measure.generator PLAN.json SAMPLES.npy`, a process of its own, imported by nobody.

Locust patches its process; that is why nothing else shares it. Locust spawns the users; each user waits for its turn and
then sends requests until the slice ends. One slice gives one line of JSON on stdout when it has drained; all samples go to
SAMPLES.npy at the end, one row per request in the order of `records.SAMPLE_COLUMNS`.
"""

import os

os.environ.setdefault("LOCUST_SKIP_URLLIB3_PATCH", "1")

import locust as locust

import gc
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import gevent
import gevent.event
import gevent.queue
import numpy as np
from locust import FastHttpUser, User, task
from locust.env import Environment

from bench.measure.client import PAUSE_AFTER_ERROR_S, Connection, Exchange, SampleTuple

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROCESS_CLOCK = 2  # the scheduler's clock of all threads of a process, see clock_getcpuclockid(3)


@dataclass
class Turn:
    """One slice under way: what each user sends, until when, and the samples so far."""

    stack: str
    exchange: Exchange
    end_ns: int
    waiting_for: int
    samples: list[SampleTuple] = field(default_factory=list)
    done: gevent.event.Event = field(default_factory=gevent.event.Event)

    def finish(self) -> None:
        """Count one user as done."""
        self.waiting_for -= 1
        if not self.waiting_for:
            self.done.set()


class LeanUser(User):
    """A user with a lean connection to each stack; waits for turns."""

    everyone: ClassVar[list["LeanUser"]] = []
    ports: ClassVar[dict[str, int]] = {}

    def on_start(self) -> None:
        """Take a number."""
        self.number = len(self.everyone)
        self.turns: Any = gevent.queue.SimpleQueue()
        self.connections: dict[str, Connection] = {}
        self.everyone.append(self)

    @task
    def take_turns(self) -> None:
        """Serve one turn after the other, for as long as the process lives."""
        while True:
            turn: Turn = self.turns.get()
            try:
                self.serve(turn)
            finally:
                turn.finish()

    def serve(self, turn: Turn) -> None:
        """Load the stack of this turn until its end."""
        if turn.stack not in self.connections:
            self.connections[turn.stack] = Connection(self.number, self.ports[turn.stack])
        self.connections[turn.stack].run_closed(turn.exchange, turn.end_ns, turn.samples)

    def abort(self, stack: str) -> None:
        """Make this user's request under way fail."""
        if stack in self.connections:
            self.connections[stack].abort()


class PlainUser(FastHttpUser):
    """The same turns by Locust's own FastHttpUser: what the lean client is measured against."""

    everyone: ClassVar[list["PlainUser"]] = []
    ports: ClassVar[dict[str, int]] = {}
    host = "http://127.0.0.1"

    on_start = LeanUser.on_start
    take_turns = LeanUser.take_turns
    connections: dict[str, Connection]
    number: int
    turns: Any

    def serve(self, turn: Turn) -> None:
        """Load the stack of this turn until its end."""
        url = f"http://127.0.0.1:{self.ports[turn.stack]}/predict"
        body = turn.exchange.request.partition(b"\r\n\r\n")[2].decode()
        headers = {"Content-Type": "application/json"}
        while time.perf_counter_ns() < turn.end_ns:
            sent_ns = time.perf_counter_ns()
            answer = self.client.post(url, data=body, headers=headers, name="/predict")
            done_ns = time.perf_counter_ns()
            correct = answer.status_code == turn.exchange.status and answer.content == turn.exchange.body
            turn.samples.append((self.number, sent_ns, sent_ns, done_ns, done_ns, answer.status_code, int(correct)))
            if not answer.status_code:
                gevent.sleep(PAUSE_AFTER_ERROR_S)

    def abort(self, stack: str) -> None:
        """Leave it to the client's own time-out."""


class Controller:
    """Runs the slices of a launch one after the other and keeps what they gave."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._exchanges: dict[tuple[str, str], Exchange] = {}
        for stack, places in plan["stacks"].items():
            for scenario, accepted in places["scenarios"].items():
                fields = {name: bytes.fromhex(accepted[name]) for name in ("request", "body")}
                self._exchanges[stack, scenario] = Exchange(status=accepted["status"], **fields)
        self._lengths_ms: dict[tuple[str, str, str], float] = {}
        self.samples: list[Any] = []

    def run_slice(self, planned: dict[str, Any], users: list[Any]) -> dict[str, Any]:
        """Give one stack all the load for one slice; return its record."""
        cell = (planned["stack"], planned["scenario"], planned["load"])
        warm_up, stack = planned["warm_up"], planned["stack"]
        length_ms = self._plan["warm_up_ms"] if warm_up else self._lengths_ms[cell]
        chosen = users[: planned["users"]]
        pids = self._plan["stacks"][stack]["pids"]
        gc.collect()
        before = _read_clocks(pids)
        start_ns = time.perf_counter_ns()
        end_ns = start_ns + int(length_ms * 1e6)
        turn = Turn(stack, self._exchanges[stack, planned["scenario"]], end_ns, len(chosen))
        for user in chosen:
            user.turns.put(turn)
        drain_timeout_s = self._plan["drain_timeout_s"]
        if not turn.done.wait(length_ms / 1e3 + drain_timeout_s):
            for user in chosen:
                user.abort(stack)
            turn.done.wait(drain_timeout_s)
        drained_ns = time.perf_counter_ns()
        after = _read_clocks(pids)
        self._keep(planned["index"], turn.samples)
        correct = sum(sample[-1] for sample in turn.samples)
        if warm_up:
            self._lengths_ms[cell] = self._length_ms(correct / (drained_ns - start_ns) * 1e9, len(chosen))
        elapsed_ticks = (drained_ns - start_ns) / 1e9 * TICKS_PER_S
        return {
            "slice": planned["index"],
            "start_ns": start_ns,
            "settled_ns": start_ns + self._plan["settle_ms"] * 1_000_000,
            "end_ns": end_ns,
            "drained_ns": drained_ns,
            "server_cpu_ns": after[0] - before[0],
            "generator_cpu_ns": after[1] - before[1],
            "steal_ratio": (after[2] - before[2]) / elapsed_ticks,
            "answers": correct,
            "errors": len(turn.samples) - correct,
        }

    def _length_ms(self, rps: float, users: int) -> float:
        """Return the length of a slice: long enough for the shortest allowed, for enough answers, and to outweigh its drain."""
        plan = self._plan
        shortest_ms: float = plan["slice_ms"]
        answers = max(plan["min_answers"], plan["drains_per_slice"] * users)
        return min(plan["max_slice_ms"], max(shortest_ms, answers / rps * 1e3)) if rps else shortest_ms

    def _keep(self, index: int, samples: list[SampleTuple]) -> None:
        rows = np.empty((len(samples), 8), dtype=np.int64)
        rows[:, 0] = index
        if samples:
            rows[:, 1:] = samples
        self.samples.append(rows)


def _read_clocks(pids: list[int]) -> tuple[int, int, int]:
    """Return the CPU time of the server's processes and of this one (ns), and the machine's stolen ticks so far."""
    server_ns = 0
    for pid in pids:
        try:
            server_ns += time.clock_gettime_ns((~pid << 3) | _PROCESS_CLOCK)
        except OSError:  # the process is gone; the errors of the slice tell the rest
            continue
    try:
        steal = int(Path("/proc/stat").read_text("ascii").split(maxsplit=9)[8])
    except (OSError, ValueError, IndexError):
        steal = 0
    return server_ns, time.process_time_ns(), steal


def main(plan_path: Path, samples_path: Path) -> None:
    """Run the plan; the samples file appears when everything is done."""
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
        print(json.dumps(controller.run_slice(planned, user_class.everyone)), flush=True)  # noqa: T201 - the way to the runner
    temporary = samples_path.with_suffix(".part")
    with temporary.open("wb") as file:
        np.save(file, np.concatenate(controller.samples))
    temporary.replace(samples_path)
    sys.stdout.flush()
    os._exit(0)  # sockets close with the process; Locust's own farewell takes a second


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
