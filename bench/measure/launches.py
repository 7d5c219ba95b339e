"""One launch, from fresh processes to samples: start, check answers, load slice by slice, stop."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import GeneratorError
from bench.interrupts import shielded
from bench.measure.environment import Cores
from bench.measure.parity import Accepted, check_stack
from bench.measure.processes import RunningStack, clean_environment, kill_group, launch_stacks, pinned, read_conditions
from bench.plan.config import DRAINS_PER_SLICE, MAX_SLICE_MS, MIN_ANSWERS, BenchConfig, users_of
from bench.plan.schedule import PlannedSlice
from bench.records import SAMPLE_COLUMNS

GENERATOR = "bench.measure.generator"
GENERATOR_EXIT_S = 60
# How long the answers under way at the end of a slice are waited for, before their connections are cut.
DRAIN_TIMEOUT_S = 5.0

Samples = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LaunchResult:
    """What a launch gave: the generator's record of each slice, all samples, and how each stack really ran."""

    launch: int
    planned: tuple[PlannedSlice, ...]
    facts: tuple[dict[str, Any], ...]
    samples: Samples
    conditions: dict[str, dict[str, Any]]


def measure_launch(
    config: BenchConfig, launch: int, planned: Sequence[PlannedSlice], cores: Cores, on_slice: Callable[[PlannedSlice], None]
) -> LaunchResult:
    """Start every stack anew, pass the parity gate, run the planned slices, and stop everything, whatever happens.

    `on_slice` is called at the end of each slice, never inside one. Raises `StackError`, `ParityError` or `GeneratorError`.
    """
    with contextlib.ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        running = launch_stacks(list(config.stacks.values()), cores.servers, folder, exits)
        accepted = {stack.stack.name: check_stack(stack, config.scenarios_of(stack.stack.name)) for stack in running}
        conditions = {stack.stack.name: read_conditions(stack) for stack in running}
        plan = generator_plan(config, planned, running, accepted, cores)
        facts: list[dict[str, Any]] = []
        for place, fact in enumerate(generate(plan, folder, exits)):
            for stack in running:
                stack.check_alive()
                stack.bound_log()
            facts.append(fact)
            on_slice(planned[place])
        samples: Samples = np.load(folder / "samples.npy")
        return LaunchResult(launch, tuple(planned), tuple(facts), samples, conditions)


def generator_plan(
    config: BenchConfig,
    planned: Sequence[PlannedSlice],
    running: Sequence[RunningStack],
    accepted: dict[str, dict[str, Accepted]],
    cores: Cores,
) -> dict[str, Any]:
    """Return all that the generator needs, as plain data."""
    return {
        "client": "lean",
        "cores": list(cores.generator),
        "slice_ms": config.slice_ms,
        "settle_ms": config.settle_ms,
        "warm_up_ms": config.warm_up_ms,
        "drain_timeout_s": DRAIN_TIMEOUT_S,
        "min_answers": MIN_ANSWERS,
        "drains_per_slice": DRAINS_PER_SLICE,
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
        "slices": [{**asdict(planned_slice), "users": users_of(planned_slice.load)} for planned_slice in planned],
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
        tail = "\n".join(errors_path.read_text("utf-8", errors="replace").strip().splitlines()[-5:])
        message = f"The load generator failed (exit status {status}). Its last output:\n{tail}"
        raise GeneratorError(message)


def write_samples(path: Path, samples: Samples) -> None:
    """Write samples as Parquet, atomically: int64 columns named as in `records.SAMPLE_COLUMNS`."""
    table = pa.table({name: samples[:, place] for place, name in enumerate(SAMPLE_COLUMNS)})
    temporary = path.with_suffix(".part")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(path)
