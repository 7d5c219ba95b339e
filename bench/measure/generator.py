"""The load generator: `python -m bench.measure.generator PLAN.json SAMPLES.npy`, a process of its own that no module imports.

Locust patches its process, so nothing else shares it. Locust spawns the users; each user waits for its turn and then sends requests
until the slice ends. When a slice has drained, it prints one line of JSON on stdout. The next slice begins once a line has come back on
stdin, so that the reader works between slices and not beside them. All samples go to SAMPLES.npy at the end, one row per request, in
the order of the fields of `records.samples.Sample`.
"""

from bench.measure import load as load  # first: it tells Locust how to patch

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from locust.env import Environment

from bench.errors import GeneratorError
from bench.measure.clocks import Clocks, read_clocks
from bench.measure.crew import LocustCrew, LostLoadProcessError
from bench.measure.far_pipe import ask_reader
from bench.measure.load import USER_CLASSES, LocalCrew, Order, Rows, sharpen_process
from bench.plan.arrivals import Arrivals, Rates
from bench.plan.pace import Pace, is_kept

READER_TIMEOUT_S = 10.0
# Columns of samples.
DONE, CORRECT = 4, 6
# Fields that a slice beside another one shares with it; they are counted in the other slice.
NOT_ITS_OWN = {
    "connections": 0, "received_bytes": 0, "server_cpu_ns": None, "server_user_ns": None, "server_kernel_ns": None, "generator_cpu_ns": 0,
}  # fmt: skip


class LostReaderError(RuntimeError):
    """The machine of the servers did not answer."""


class Controller:
    """Runs the slices of a launch one after the other and holds their samples."""

    def __init__(self, plan: dict[str, Any], crew: LocalCrew | LocustCrew) -> None:
        self._plan = plan
        self._crew = crew
        self._pace = Pace(**plan["pace"])
        self._rates = Rates(len(plan["server_cores"]) or 1, plan["last_rps"])
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

    def run_slice(self, planned: dict[str, Any], beside: dict[str, Any] | None) -> list[dict[str, Any]]:
        """Give one stack all the load for one slice, with the slice planned beside it if any; return the facts of each."""
        pace = self._pace
        cell = (planned["stack"], planned["scenario"], planned["load"])
        rate_rps = self._rate_rps(planned)
        length_ms = planned["length_ms"]
        if length_ms is None:
            length_ms = self._length_ms(cell, planned["arrivals"], rate_rps)
        orders = [self._order(own, length_ms) for own in (planned, beside) if own]
        self._crew.prepare()
        before = self._read_clocks(planned["stack"])
        outcome = self._crew.run(orders, length_ms, pace.drain_timeout_s)
        after = self._read_clocks(planned["stack"])
        elapsed_ns = outcome.drained_ns - outcome.start_ns
        fact = {
            "slice": planned["index"],
            "offered_rps": rate_rps,
            "connections": outcome.connections,
            "received_bytes": outcome.received_bytes,
            "start_ns": outcome.start_ns,
            "settled_ns": outcome.start_ns + pace.settle_ms * 1_000_000,
            "end_ns": outcome.start_ns + int(length_ms * 1e6),
            "drained_ns": outcome.drained_ns,
            **after.since(before),
            "generator_cpu_ns": max(outcome.cpu_ns),  # of the busiest of its processes
            "generator_wait_ratio": outcome.wait_ns / elapsed_ns,
            "load_places": self._crew.places,
            "load_cpu_ns": sum(outcome.cpu_ns),
            "load_late_ns": outcome.late_ns,
        }
        self._keep(planned["index"], outcome.samples[0])
        if planned["warm_up"]:
            self._learn(planned, fact, outcome.samples[0])
        if not beside:
            return [fact]
        self._keep(beside["index"], outcome.samples[1])
        return [fact, {**fact, **NOT_ITS_OWN, "slice": beside["index"], "offered_rps": self._rate_rps(beside)}]

    def _read_clocks(self, stack: str) -> Clocks:
        """Return the kernel's counters for a stack, from the reader on its machine if that is another one."""
        if not self._plan["reader"]:
            place = self._plan["stacks"][stack]
            return read_clocks(place["pid"], place["cores"])
        reply = ask_reader(*self._plan["reader"], "clocks", stack, timeout_s=READER_TIMEOUT_S)
        if reply is None:
            message = "The machine of the servers does not answer any more."
            raise LostReaderError(message)
        counters = reply["answer"]
        return Clocks(**{**counters, "pids": tuple(counters["pids"])})

    def _rate_rps(self, planned: dict[str, Any]) -> float | None:
        """Return the rate of a slice of an open loop (req/s); None for a closed loop."""
        if not planned["arrivals"]:
            return None
        return self._rates.find(planned["stack"], planned["load"], Arrivals(**planned["arrivals"]), calibrates=planned["calibrates"])

    def _order(self, planned: dict[str, Any], length_ms: float) -> Order:
        """Return what a slice asks of the users."""
        rate_rps = self._rate_rps(planned)
        due_ns = tuple(Arrivals(**planned["arrivals"]).draw(rate_rps, length_ms)) if rate_rps else None
        return Order(planned["stack"], planned["scenario"], planned["users"], due_ns)

    def _length_ms(self, cell: tuple[str, str, str], arrivals: dict[str, Any] | None, rate_rps: float | None) -> float:
        if arrivals:
            return self._pace.open_length_ms(rate_rps, is_own=arrivals["own_share"] is not None)
        return self._lengths_ms[cell]

    def _learn(self, planned: dict[str, Any], fact: dict[str, Any], samples: Rows) -> None:
        """Learn rates and lengths of later slices from a slice that is not counted."""
        stack, load = planned["stack"], planned["load"]
        correct = int(samples[:, CORRECT].sum())
        if planned["arrivals"]:
            self._rates.learn_cost(load, correct, fact["server_cpu_ns"])
        elif planned["calibrates"]:
            settled_ns, end_ns = fact["settled_ns"], fact["end_ns"]
            done_ns = samples[:, DONE]
            answers = int(samples[(settled_ns <= done_ns) & (done_ns < end_ns), CORRECT].sum())
            self._rates.learn_capacity(stack, answers, (end_ns - settled_ns) / 1e9)
        else:
            rate_rps = correct / (fact["drained_ns"] - fact["start_ns"]) * 1e9
            self._rates.warm_up(stack, rate_rps)
            self._lengths_ms[stack, planned["scenario"], load] = self._pace.length_ms(rate_rps, planned["users"])

    def _keep(self, index: int, samples: Rows) -> None:
        self.samples.append(np.insert(samples, 0, index, axis=1))


def make_crew(plan: dict[str, Any], users: int) -> LocalCrew | LocustCrew:
    """Return the users of this process, or of as many load processes as the plan has."""
    user_class = USER_CLASSES[plan["client"]]
    environment = Environment(user_classes=[user_class])
    if plan["load"]["templates"]:
        return LocustCrew(plan, environment, users)
    crew = LocalCrew(plan["stacks"], user_class)
    crew.start(users, environment.create_local_runner())
    return crew


def main(plan_path: Path, samples_path: Path) -> None:
    """Run the plan; the samples file appears when everything is done."""
    sharpen_process()
    plan = json.loads(plan_path.read_text("utf-8"))
    if plan["cores"]:
        os.sched_setaffinity(0, plan["cores"])
    planned_slices = plan["slices"]
    followed = dict(zip(range(len(planned_slices)), planned_slices[1:], strict=False))
    besides = {place: other for place, other in followed.items() if other["beside"]}
    crew = make_crew(plan, max(own["users"] + besides.get(place, {"users": 0})["users"] for place, own in enumerate(planned_slices)))
    controller = Controller(plan, crew)
    for place, planned in enumerate(planned_slices):
        if planned["beside"] or not controller.is_needed(planned):
            continue
        for fact in controller.run_slice(planned, besides.get(place)):
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
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except (LostLoadProcessError, LostReaderError) as lost:
        print(lost, file=sys.stderr)  # noqa: T201 - what the bench shows
        sys.stderr.flush()
        os._exit(GeneratorError.exit_status)
