"""Servers on another machine: a reader there, reached by the template of the user, starts them and answers questions about them."""

import contextlib
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench.errors
from bench.errors import BenchError, StackError
from bench.measure.far_pipe import ask_reader
from bench.measure.interrupts import shielded
from bench.measure.model_time import TIMEOUT_S as MODELS_TIMEOUT_S
from bench.measure.processes import clean_environment, describe_exit, kill_group, last_lines, start_process
from bench.plan.places import ServerPlace, fill_template
from bench.plan.scenarios import Scenario
from bench.plan.stacks import Stack
from bench.records.record import adapter

MODULE = "bench.measure.reader"
# Beside the time that stacks may take to be ready.
ANSWER_TIMEOUT_S = 60.0
# A reader stops its servers when we hang up: so long it may take.
FAREWELL_S = 30.0
EXIT_S = 1.0


class Far:
    """The machine of the servers, through its reader."""

    def __init__(self, place: ServerPlace, process: subprocess.Popen[bytes], log: Path) -> None:
        self.place, self._process, self._log = place, process, log

    @property
    def pipe(self) -> tuple[int, int]:
        """The descriptors to write questions to and to read answers from."""
        assert self._process.stdin is not None  # noqa: S101 - asked for
        assert self._process.stdout is not None  # noqa: S101 - asked for
        return self._process.stdin.fileno(), self._process.stdout.fileno()

    def ask(self, question: str, *of: Any, timeout_s: float = ANSWER_TIMEOUT_S) -> Any:
        """Return the answer to a question; raise the error that the reader met, or `StackError` if there is no answer."""
        reply = ask_reader(*self.pipe, question, *of, timeout_s=timeout_s)
        if reply is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(EXIT_S)  # its pipe ends a moment before it does
            status = self._process.poll()
            how = f"ended ({describe_exit(status)})" if status is not None else f"did not answer in {timeout_s:.0f} s"
            tail = "\n".join(f"    {line}" for line in last_lines(self._log.read_bytes())) or "    (it printed nothing)"
            message = f"The machine of the servers ({self.place.template}) {how}. Its last output:\n{tail}"
            raise StackError(message)
        if "error" in reply:
            met: type[BenchError] = getattr(bench.errors, reply["error"])
            message = f"On the machine of the servers: {reply['message']}"
            raise met(message)
        return reply["answer"]

    def describe_machine(self, stacks: Iterable[Stack]) -> dict[str, Any]:
        """Return the facts of that machine."""
        facts: dict[str, Any] = self.ask("machine", [as_data(stack) for stack in stacks])
        return facts

    def launch(self, stacks: Sequence[Stack]) -> "list[FarStack]":
        """Start stacks there and return them once all are ready."""
        longest_s = ANSWER_TIMEOUT_S + sum(stack.ready_timeout_s for stack in stacks)
        started = self.ask("launch", [as_data(stack) for stack in stacks], timeout_s=longest_s)
        return [FarStack(stack, self.place.address, one["port"], self) for stack, one in zip(stacks, started, strict=True)]

    def find_deaths(self) -> dict[str, str]:
        """Return how each stack ended that did, with its last output, by name: one question for all of them."""
        deaths: dict[str, str] = self.ask("deaths")
        return deaths

    def time_models(self, engines: Sequence[str], scenario: Scenario) -> dict[str, float]:
        """Return the milliseconds of a prediction by each engine there."""
        times: dict[str, float] = self.ask("models", engines, scenario.name, timeout_s=ANSWER_TIMEOUT_S + MODELS_TIMEOUT_S)
        return times


@dataclass
class FarStack:
    """A stack that runs on another machine; what is asked of it is asked of the reader there."""

    stack: Stack
    host: str
    port: int
    far: Far

    def log_bytes(self) -> int:
        """Return how many bytes it has printed so far."""
        return int(self.far.ask("log_bytes", self.stack.name))

    def read_conditions(self) -> dict[str, Any]:
        """Return how it runs now."""
        conditions: dict[str, Any] = self.far.ask("conditions", self.stack.name)
        return conditions

    def read_memory(self) -> tuple[int, int]:
        """Return its memory (RSS, PSS) in bytes."""
        rss_bytes, pss_bytes = self.far.ask("memory", self.stack.name)
        return rss_bytes, pss_bytes


def as_data(stack: Stack) -> dict[str, Any]:
    """Return a stack as plain data for another machine."""
    data: dict[str, Any] = adapter(Stack).dump_python(stack, mode="json")
    return data


@contextlib.contextmanager
def reach(place: ServerPlace, folder: Path) -> Iterator[Far]:
    """Start a reader on the machine of the servers; at the end it stops what it has started there."""
    command = fill_template(place.template, sys.executable, ["-m", MODULE, place.address])
    log = folder / "reader.log"
    with contextlib.ExitStack() as exits:
        with log.open("wb") as errors, shielded():
            try:
                process = start_process(
                    command, (), folder, clean_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
                )
            except OSError as error:
                message = f"The machine of the servers cannot be reached: {command[0]} ({error.strerror})."
                raise StackError(message) from None
            exits.callback(_part_from, process)
        yield Far(place, process, log)


def _part_from(process: subprocess.Popen[bytes]) -> None:
    """Hang up and wait until the reader has stopped its servers; then end what is left of the command that reached it."""
    with shielded():
        for stream in (process.stdin, process.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(FAREWELL_S)
        kill_group(process)
