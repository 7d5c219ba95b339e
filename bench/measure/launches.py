"""One launch, from fresh processes to samples on disk: start, check answers, load slice by slice, stop."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np
import psutil

from bench.errors import GeneratorError, MachineError, RunFolderError, StackError
from bench.measure.conditions import describe_traffic, read_conditions, read_memory
from bench.measure.elsewhere import Far, FarStack, reach
from bench.measure.environment import Cores
from bench.measure.interrupts import shielded
from bench.measure.model_time import measure_models
from bench.measure.parity import Accepted, check_stack
from bench.measure.processes import RunningStack, clean_environment, describe_exit, find_deaths, kill_group, last_lines, start_process
from bench.measure.ready import launch_stacks
from bench.measure.services import launch_upstream, tell_address
from bench.measure.slices import describe_slices
from bench.plan.pace import Pace
from bench.plan.places import LoadPlaces
from bench.plan.schedule import PlannedLaunch, PlannedSlice
from bench.plan.stacks import Stack
from bench.records import Memory, SliceRecord
from bench.records.samples import Ints, write_samples

GENERATOR = "bench.measure.generator"
GENERATOR_EXIT_S = 60
Running = RunningStack | FarStack
FULL_BYTES = 65_536


@dataclass(frozen=True)
class LaunchResult:
    """The result of a launch beside its samples: the record of each slice, and how each stack really ran.

    `model_ms` has the time of a prediction by each engine of the launch's `engines`. `deaths` has the end of the log of each stack that
    ended by itself. `start_s` is the time until all stacks were ready and checked, `load_s` the time with a stack under load, `total_s`
    the time of the whole launch. `load_places` has machine and cores of each load process, if there are several.
    """

    slices: tuple[SliceRecord, ...]
    conditions: dict[str, dict[str, Any]]
    memory: tuple[Memory, ...]
    model_ms: dict[str, float]
    deaths: dict[str, str]
    start_s: float
    load_s: float
    total_s: float
    load_places: tuple[dict[str, Any], ...] = ()


def measure_launch(
    launch: PlannedLaunch,
    cores: Cores,
    samples_path: Path,
    on_slice: Callable[[PlannedSlice], None],
    last_rps: Mapping[str, float] = MappingProxyType({}),
) -> LaunchResult:
    """Start every planned stack anew, pass the parity gate, run the slices, and stop everything, whatever happens.

    The samples go to `samples_path`. `last_rps` are the rates at busy shares of the launch before, by load. If a stack ends by itself
    under load, its later requests fail and the other stacks go on. `on_slice` is called when a slice has drained, before the next one
    begins. Raises `StackError`, `ParityError`, `GeneratorError`, or `RunFolderError` if the samples cannot be written.
    """
    begin_s = time.monotonic()
    with contextlib.ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        services = launch_upstream(launch.stacks, cores, folder, exits)
        far = exits.enter_context(reach(launch.servers, folder)) if launch.servers.template else None
        running = launch_servers(tell_address(launch.stacks, services), far, cores, folder, exits)
        accepted = {stack.stack.name: check_stack(stack, launch.scenarios[stack.stack.name]) for stack in running}
        conditions = {stack.stack.name: conditions_of(stack) for stack in running}
        refuse_unequal(launch.equal, conditions)
        log_bytes = {stack.stack.name: stack.log_bytes() for stack in running}
        idle = {stack.stack.name: stack for stack in running}
        rest = [memory_of(stack) for stack in running]
        model_ms = time_models(launch, cores, far)
        plan = generator_plan(launch.pace, launch.slices, running, accepted, cores, launch.load) | {"last_rps": dict(last_rps)}
        start_s = time.monotonic() - begin_s
        facts: list[dict[str, Any]] = []
        here = [stack for stack in (*services, *running) if isinstance(stack, RunningStack)]
        deaths: dict[str, str] = {}
        for fact in generate(plan, folder, exits, far):
            deaths = {**(far.find_deaths() if far else find_deaths(here)), **deaths}
            facts.append(fact)
            place = launch.slices[fact["slice"]]
            # Conditions are read after a stack has worked, while its connections are open.
            if not place.warm_up and place.stack not in deaths and (loaded := idle.pop(place.stack, None)):
                with contextlib.suppress(psutil.Error, OSError):  # a stack that ends just now is reported as dead
                    conditions[place.stack] = conditions_of(loaded)
            on_slice(place)
        samples: Ints = np.load(folder / "samples.npy")
        memory = tuple(
            Memory(launch.number, stack.stack.name, *at_rest, *memory_of(stack))
            for stack, at_rest in zip(running, rest, strict=True)
            if stack.stack.name not in deaths
        )
        log_bytes = {stack.stack.name: stack.log_bytes() - log_bytes[stack.stack.name] for stack in running}
    slices = tuple(describe_slices(launch.number, launch.slices, facts, samples))
    for name in conditions:
        conditions[name] |= describe_traffic([record for record in slices if record.stack == name], log_bytes[name])
    try:
        write_samples(samples_path, samples)
    except OSError as error:
        message = f"Cannot write {samples_path} ({error.strerror or error})."
        raise RunFolderError(message) from None
    load_s = sum(fact["drained_ns"] - fact["start_ns"] for fact in facts) / 1e9
    total_s = time.monotonic() - begin_s
    places = tuple(facts[0]["load_places"]) if facts else ()
    return LaunchResult(slices, conditions, memory, model_ms, deaths, start_s, load_s, total_s, places)


def launch_servers(stacks: Sequence[Stack], far: Far | None, cores: Cores, folder: Path, exits: contextlib.ExitStack) -> Sequence[Running]:
    """Start stacks here or on the machine of the servers, and return them once all are ready."""
    return far.launch(stacks) if far else launch_stacks(stacks, cores.of_servers, folder, exits)


def conditions_of(stack: Running) -> dict[str, Any]:
    """Return how a stack runs now, wherever it is."""
    return stack.read_conditions() if isinstance(stack, FarStack) else read_conditions(stack)


def memory_of(stack: Running) -> tuple[int, int]:
    """Return the memory (RSS, PSS) of a stack in bytes, wherever it is."""
    return stack.read_memory() if isinstance(stack, FarStack) else read_memory(stack)


def time_models(launch: PlannedLaunch, cores: Cores, far: Far | None) -> dict[str, float]:
    """Return the milliseconds of a prediction by each engine of a launch on the machine of the servers."""
    if launch.timed is None:
        return {}
    return far.time_models(launch.engines, launch.timed) if far else measure_models(launch.engines, launch.timed, cores)


def refuse_unequal(pairs: Sequence[tuple[str, str]], conditions: dict[str, dict[str, Any]]) -> None:
    """Raise `StackError` if the stacks of a pair do not serve with the same number of processes."""
    for contender, baseline in pairs:
        if contender in conditions and baseline in conditions:
            counts = [conditions[name]["serving_processes"] for name in (contender, baseline)]
            if counts[0] != counts[1]:
                message = (
                    f"{contender} serves with {counts[0]} processes and {baseline} with {counts[1]}: no fair comparison. "
                    "Give both the same number of workers, or measure them as they are with --allow-unequal."
                )
                raise StackError(message)


def generator_plan(
    pace: Pace,
    planned: Sequence[PlannedSlice],
    running: Sequence[Running],
    accepted: Mapping[str, Mapping[str, Sequence[Accepted]]],
    cores: Cores,
    load: LoadPlaces,
) -> dict[str, Any]:
    """Return the plan of the generator as plain data."""
    return {
        "client": "lean",
        "cores": list(cores.generator),
        "server_cores": list(cores.servers),
        "pace": asdict(pace),
        "last_rps": {},
        "load": asdict(load),
        "stacks": {
            stack.stack.name: {
                "host": stack.host,
                "port": stack.port,
                "pid": stack.process.pid if isinstance(stack, RunningStack) else None,
                "cores": list(cores.of_servers[: stack.stack.workers]),
                "scenarios": {
                    name: [{"request": answer.request.hex(), "status": answer.status, "body": answer.body.hex()} for answer in answers]
                    for name, answers in accepted[stack.stack.name].items()
                },
            }
            for stack in running
        },
        "slices": [asdict(place) for place in planned],
    }


def generate(plan: dict[str, Any], folder: Path, exits: contextlib.ExitStack, far: Far | None = None) -> Iterator[dict[str, Any]]:
    """Run the generator on a plan and yield its facts of each slice as it ends; afterwards `samples.npy` is in `folder`.

    During a slice it asks the reader of `far` itself, between slices the caller may.

    Blocks for which there is no time have no slices: see `Pace`. The next slice begins when the caller takes the next facts, so the
    caller's work takes no time from a slice. Raises `GeneratorError` with the end of the generator's output if it fails or falls silent,
    `MachineError` if its disk is full.
    """
    plan_path, errors_path = folder / "plan.json", folder / "generator.log"
    pipes = far.pipe if far else ()
    plan_path.write_text(json.dumps({**plan, "reader": pipes}), "utf-8")
    command = [sys.executable, "-m", GENERATOR, str(plan_path), str(folder / "samples.npy")]
    pipe = subprocess.PIPE
    with errors_path.open("wb") as errors, shielded():
        process = start_process(command, plan["cores"], folder, clean_environment(), stdin=pipe, stdout=pipe, stderr=errors, pass_fds=pipes)
        exits.callback(kill_group, process)
    assert process.stdin is not None  # noqa: S101 - asked for above
    assert process.stdout is not None  # noqa: S101 - asked for above
    longest_s = _longest_s(plan["slices"], plan["pace"])
    with process.stdin, process.stdout:
        while line := _read_line(process.stdout, longest_s):
            yield json.loads(line)
            with contextlib.suppress(BrokenPipeError):  # it has ended: its status says why
                os.write(process.stdin.fileno(), b"\n")
    try:
        status = process.wait(GENERATOR_EXIT_S if line is not None else 0)
    except subprocess.TimeoutExpired:
        status = None
    if status != 0:
        refuse_full_folder(folder)
        said = last_lines(errors_path.read_bytes())
        if said and status == GeneratorError.exit_status:
            raise GeneratorError(said[-1])
        tail = "\n".join(said) or "    (it printed nothing)"
        told = describe_exit(status) if status is not None else "it did not end"
        message = f"The load generator failed ({told}). Its last output:\n{tail}"
        raise GeneratorError(message)


def refuse_full_folder(folder: Path) -> None:
    """Raise `MachineError` if a folder's disk is full: a process that failed for it could not even write why."""
    if shutil.disk_usage(folder).free < FULL_BYTES:
        message = f"{folder.parent}: No space left on device. Make room, or set TMPDIR to a folder on another disk."
        raise MachineError(message)


def _longest_s(planned: Iterable[Mapping[str, Any]], pace: Mapping[str, Any]) -> float:
    """Return the longest time in seconds that a slice may take, with the start of the generator before its first one."""
    longest_ms: float = max([pace["max_slice_ms"], *(place["length_ms"] or 0.0 for place in planned)])
    return longest_ms / 1e3 + 2 * float(pace["drain_timeout_s"]) + GENERATOR_EXIT_S


def _read_line(stream: IO[bytes], timeout_s: float) -> bytes | None:
    """Return the next line, no bytes at the end of the stream, None if no line comes in time. The line after it waits for our answer."""
    ready, _, _ = select.select([stream], [], [], timeout_s)
    return stream.readline() if ready else None
