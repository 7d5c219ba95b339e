"""One launch, from fresh processes to samples: start, check answers, load slice by slice, stop."""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import GeneratorError, StackError
from bench.interrupts import shielded
from bench.measure.environment import Cores
from bench.measure.model_time import measure_models
from bench.measure.parity import Accepted, check_stack
from bench.measure.processes import (
    RunningStack,
    clean_environment,
    kill_group,
    last_lines,
    launch_stacks,
    pinned,
    read_conditions,
    read_memory,
)
from bench.measure.upstream import launch_upstream, tell_address
from bench.plan.config import BenchConfig
from bench.plan.loads import parse_load
from bench.plan.rules import DRAIN_TIMEOUT_S, DRAINS_PER_SLICE, EXPLORED_SHARE, MAX_IN_FLIGHT, MAX_SLICE_MS, MIN_ANSWERS
from bench.plan.scenarios import SCENARIOS
from bench.plan.schedule import PlannedSlice, draw_arrivals
from bench.records import SAMPLE_COLUMNS, Memory

GENERATOR = "bench.measure.generator"
GENERATOR_EXIT_S = 60

Samples = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LaunchResult:
    """What a launch gave: the generator's record of each slice, all samples, and how each stack really ran.

    `model_ms` has the time of a prediction by each engine, where pairs with several were launched.
    `deaths` has the end of the log of each stack that ended by itself. `start_s` is the time until all stacks were ready and
    checked, `load_s` the time with a stack under load, `total_s` that of the whole launch.
    """

    launch: int
    planned: tuple[PlannedSlice, ...]
    facts: tuple[dict[str, Any], ...]
    samples: Samples
    conditions: dict[str, dict[str, Any]]
    memory: tuple[Memory, ...]
    model_ms: dict[str, float]
    deaths: dict[str, str]
    start_s: float
    load_s: float
    total_s: float


def measure_launch(
    config: BenchConfig, launch: int, planned: Sequence[PlannedSlice], cores: Cores, on_slice: Callable[[PlannedSlice], None]
) -> LaunchResult:
    """Start every stack that is planned anew, pass the parity gate, run the slices, and stop everything, whatever happens.

    A stack that ends by itself under load fails its requests from then on; the others go on. `on_slice` is called at the end of
    each slice, never inside one. Raises `StackError`, `ParityError` or `GeneratorError`.
    """
    begin_s = time.monotonic()
    with contextlib.ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        names = dict.fromkeys(place.stack for place in planned)
        scenarios = {name: list(dict.fromkeys(place.scenario for place in planned if place.stack == name)) for name in names}
        stacks = [config.stacks[name] for name in names]
        services = launch_upstream(stacks, cores, folder, exits)
        running = launch_stacks(tell_address(stacks, services), cores.servers, folder, exits)
        accepted = {stack.stack.name: check_stack(stack, scenarios[stack.stack.name]) for stack in running}
        conditions = {stack.stack.name: read_conditions(stack) for stack in running}
        if not config.allow_unequal:
            refuse_unequal(config.pairs, conditions)
        rest = [read_memory(stack) for stack in running]
        model_ms = time_engines(config, scenarios, cores)
        plan = generator_plan(config, planned, running, accepted, cores)
        start_s = time.monotonic() - begin_s
        facts: list[dict[str, Any]] = []
        deaths: dict[str, str] = {}
        for place, fact in enumerate(generate(plan, folder, exits)):
            for stack in (*services, *running):
                if death := stack.describe_death():
                    deaths.setdefault(stack.stack.name, death)
                stack.bound_log()
            facts.append(fact)
            on_slice(planned[place])
        samples: Samples = np.load(folder / "samples.npy")
        memory = tuple(
            Memory(launch, stack.stack.name, *at_rest, *read_memory(stack))
            for stack, at_rest in zip(running, rest, strict=True)
            if stack.stack.name not in deaths
        )
    load_s = sum(fact["drained_ns"] - fact["start_ns"] for fact in facts) / 1e9
    total_s = time.monotonic() - begin_s
    return LaunchResult(launch, tuple(planned), tuple(facts), samples, conditions, memory, model_ms, deaths, start_s, load_s, total_s)


def time_engines(config: BenchConfig, scenarios: Mapping[str, Sequence[str]], cores: Cores) -> dict[str, float]:
    """Return the ms of one prediction by each engine of which pairs were launched, of the first scenario that predicts.

    `scenarios` are those of each stack of the launch. Nothing is timed where all pairs share an engine.
    """
    engines = config.paired_engines(scenarios)
    asked = [SCENARIOS[name] for names in scenarios.values() for name in names]
    scenario = next((scenario for scenario in asked if scenario.passengers is not None), None)
    return measure_models(engines, scenario, cores) if len(engines) > 1 and scenario else {}


def refuse_unequal(pairs: Sequence[tuple[str, str]], conditions: dict[str, dict[str, Any]]) -> None:
    """Raise `StackError` if the stacks of a pair do not serve with equally many processes."""
    for contender, baseline in pairs:
        if contender in conditions and baseline in conditions:
            counts = [conditions[name]["serving_processes"] for name in (contender, baseline)]
            if counts[0] != counts[1]:
                message = (
                    f"{contender} serves with {counts[0]} processes and {baseline} with {counts[1]}: no fair comparison. "
                    "Give both the same number of workers, or measure as it is, with --allow-unequal."
                )
                raise StackError(message)


def generator_plan(
    config: BenchConfig,
    planned: Sequence[PlannedSlice],
    running: Sequence[RunningStack],
    accepted: dict[str, dict[str, Accepted]],
    cores: Cores,
) -> dict[str, Any]:
    """Return all that the generator needs, as plain data."""
    explored = {part.name for part in config.parts if not part.mirrored}
    share = EXPLORED_SHARE if planned[0].part in explored else 1.0
    return {
        "client": "lean",
        "cores": list(cores.generator),
        "slice_ms": config.slice_ms,
        "settle_ms": config.settle_ms,
        "drain_timeout_s": DRAIN_TIMEOUT_S,
        "min_answers": share * MIN_ANSWERS,
        "drains_per_slice": share * DRAINS_PER_SLICE,
        "max_slice_ms": MAX_SLICE_MS,
        "stacks": {
            stack.stack.name: {
                "port": stack.port,
                "pids": stack.pids(),
                "scenarios": {
                    name: {"request": answer.request.hex(), "status": answer.status, "body": answer.body.hex()}
                    for name, answer in accepted[stack.stack.name].items()
                },
            }
            for stack in running
        },
        "arrivals": {
            place.arrivals: draw_arrivals(parse_load(place.load), place.offered_rps, place.length_ms, place.arrivals)
            for place in planned
            if place.offered_rps and place.length_ms
        },
        "slices": [{**asdict(place), "users": parse_load(place.load).users or MAX_IN_FLIGHT} for place in planned],
    }


def generate(plan: dict[str, Any], folder: Path, exits: contextlib.ExitStack) -> Iterable[dict[str, Any]]:
    """Run the generator on a plan, yield its record of each slice as it ends; afterwards `samples.npy` is in `folder`.

    Raises `GeneratorError` with the end of its output if it fails.
    """
    plan_path, errors_path = folder / "plan.json", folder / "generator.log"
    plan_path.write_text(json.dumps(plan), "utf-8")
    with errors_path.open("wb") as errors, pinned(plan["cores"]), shielded():
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", GENERATOR, str(plan_path), str(folder / "samples.npy")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env=clean_environment(),
            start_new_session=True,
        )
        exits.callback(kill_group, process)
    assert process.stdout is not None  # noqa: S101 - asked for above
    with process.stdout:
        for line in process.stdout:
            yield json.loads(line)
    try:
        status = process.wait(GENERATOR_EXIT_S)
    except subprocess.TimeoutExpired:
        status = None
    if status != 0:
        tail = "\n".join(last_lines(errors_path.read_bytes()))
        message = f"The load generator failed (exit status {status}). Its last output:\n{tail}"
        raise GeneratorError(message)


def write_samples(path: Path, samples: Samples) -> None:
    """Write samples as Parquet, atomically: int64 columns named as in `records.SAMPLE_COLUMNS`."""
    table = pa.table({name: samples[:, place] for place, name in enumerate(SAMPLE_COLUMNS)})
    temporary = path.with_suffix(".part")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(path)
