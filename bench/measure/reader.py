"""The bench's end on a machine of servers: `python -m bench.measure.reader ADDRESS`, started there by the user's own template.

It starts the servers that it is asked for, and reads what only their machine can tell. A line of JSON on stdin asks, a line on stdout
answers. When stdin ends, the bench has gone or has finished, and all servers are stopped. It listens nowhere.
"""

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.errors import BenchError, Interrupted
from bench.measure.clocks import read_clocks
from bench.measure.conditions import read_conditions, read_memory
from bench.measure.environment import Cores, allowed_cores, describe_machine, refuse_system
from bench.measure.interrupts import stopped_by_signals
from bench.measure.model_time import measure_models
from bench.measure.processes import RunningStack, find_deaths
from bench.measure.ready import launch_stacks
from bench.plan.scenarios import SCENARIOS
from bench.plan.stacks import Stack
from bench.records.record import adapter


class Reader:
    """The servers of one launch on this machine, and the questions about them: each public method is one."""

    def __init__(self, host: str, folder: Path, exits: contextlib.ExitStack) -> None:
        self._host, self._folder, self._exits = host, folder, exits
        cores = tuple(allowed_cores())
        self._cores = Cores(cores[:1], (), cores[1:])
        self._running: dict[str, RunningStack] = {}

    def machine(self, stacks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the facts of this machine."""
        refuse_system()
        return describe_machine(self._cores, _read_stacks(stacks))

    def launch(self, stacks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Start servers and return the port of each once it is ready."""
        started = launch_stacks(_read_stacks(stacks), self._cores.of_servers, self._folder, self._exits, self._host)
        self._running = {running.stack.name: running for running in started}
        return [{"name": running.stack.name, "port": running.port} for running in started]

    def conditions(self, name: str) -> dict[str, Any]:
        """Return how a server runs now."""
        return read_conditions(self._running[name])

    def memory(self, name: str) -> tuple[int, int]:
        """Return the memory of a server in bytes."""
        return read_memory(self._running[name])

    def deaths(self) -> dict[str, str]:
        """Return how each server ended that did, with its last output; logs are kept short."""
        return find_deaths(self._running.values())

    def log_bytes(self, name: str) -> int:
        """Return how many bytes a server has printed so far."""
        return self._running[name].log_bytes()

    def clocks(self, name: str) -> dict[str, Any]:
        """Return the kernel's counters for a server and its cores, with this machine's own stamp."""
        running = self._running[name]
        return asdict(read_clocks(running.process.pid, self._cores.of_servers[: running.stack.workers]))

    def models(self, engines: Sequence[str], scenario: str) -> dict[str, float]:
        """Return the milliseconds of a prediction by each engine on this machine."""
        return measure_models(engines, SCENARIOS[scenario], self._cores)


def answer(reader: Reader, line: str) -> dict[str, Any]:
    """Return the answer to one question, or the error of the bench that it met."""
    question = json.loads(line)
    ask: Callable[..., Any] = getattr(reader, question["ask"])
    try:
        return {"answer": ask(*question["of"])}
    except BenchError as error:
        return {"error": type(error).__name__, "message": str(error)}


def _read_stacks(stacks: Sequence[Mapping[str, Any]]) -> list[Stack]:
    return [adapter(Stack).validate_python(stack) for stack in stacks]


def main(host: str) -> int:
    """Answer questions until stdin ends; return the exit status."""
    with stopped_by_signals():
        try:
            with contextlib.ExitStack() as exits:
                folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
                reader = Reader(host, folder, exits)
                for line in sys.stdin:
                    print(json.dumps(answer(reader, line)), flush=True)  # noqa: T201 - the way to the bench
        except Interrupted as error:
            return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
