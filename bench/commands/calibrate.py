"""`python -m bench calibrate`: how fast is the load generator? It measures its lean client and Locust's FastHttpUser in turns.

Both clients ask a server that does nothing, check every answer and record the time stamps of every request.
Both run on one core, and the server runs on another.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import GeneratorError, RunFolderError
from bench.measure.environment import Cores, choose_cores
from bench.measure.launches import generate, generator_plan
from bench.measure.parity import check_stack
from bench.measure.ready import launch_stacks
from bench.measure.slices import describe_slices
from bench.plan.pace import Pace
from bench.plan.schedule import PlannedSlice
from bench.plan.stacks import Stack
from bench.records.folder import LATEST, RESULTS, RunFolder
from bench.records.loads import parse_load

LAUNCHES = 5
SLICES = 4
SLICE_MS = 500
LOAD = "closed-16"
SCENARIO = "predict-1"
BARE_SERVER = Stack(
    name="bare-http", command=("{python}", "-m", "bench.servers.bare", "{port}"), label="A server that does nothing", fixed=True
)
PACE = Pace(SLICE_MS, settle_ms=0, min_answers=0, drains_per_slice=0, max_slice_ms=SLICE_MS, drain_timeout_s=5.0)


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Take the form of the output."""
    command.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(chosen: argparse.Namespace) -> int:
    """Measure both clients in turns and print their rates with the headroom over the fastest stack of the newest run."""
    cores = choose_cores()
    rates: dict[str, list[float]] = {"lean": [], "fasthttp": []}
    for launch in range(LAUNCHES):
        for client in ("lean", "fasthttp") if launch % 2 else ("fasthttp", "lean"):
            rates[client].append(measure_client(client, cores))
    fastest = find_fastest_stack()
    lean_rps, fasthttp_rps = (statistics.median(rates[client]) for client in ("lean", "fasthttp"))
    figures: dict[str, Any] = {
        "lean_rps": round(lean_rps),
        "fasthttp_rps": round(fasthttp_rps),
        "ratio": round(lean_rps / fasthttp_rps, 2),
        "launches": LAUNCHES,
        "lean_launch_rps": [round(rate) for rate in rates["lean"]],
        "fasthttp_launch_rps": [round(rate) for rate in rates["fasthttp"]],
        "fastest_stack": fastest[0] if fastest else None,
        "fastest_stack_rps": round(fastest[1]) if fastest else None,
        "headroom": round(lean_rps / fastest[1], 2) if fastest else None,
        "pinned": bool(cores.generator),
    }
    print(json.dumps(figures, indent=2) if chosen.json else "\n".join(_describe(figures)))
    return 0


def measure_client(client: str, cores: Cores) -> float:
    """Return the correct answers per second of one client (lean or fasthttp) in a fresh pair of processes: the median slice.

    Raises `GeneratorError` if an answer was wrong.
    """
    with contextlib.ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        (server,) = launch_stacks([BARE_SERVER], cores.servers, folder, exits)
        accepted = {BARE_SERVER.name: check_stack(server, [SCENARIO])}
        users = parse_load(LOAD).users or 1
        slices = [
            PlannedSlice(index, "", index - 1, BARE_SERVER.name, SCENARIO, LOAD, index == 0, users, SLICE_MS) for index in range(SLICES + 1)
        ]
        plan = generator_plan(PACE, slices, [server], accepted, cores) | {"client": client}
        facts = list(generate(plan, folder, exits))
        records = describe_slices(0, slices, facts, np.load(folder / "samples.npy"))[1:]
    failures = sum(record.failures for record in records)
    if failures:
        message = f"The {client} client got {failures} wrong or failed answers from a server that always answers the same."
        raise GeneratorError(message)
    return float(statistics.median(record.answers / (record.drained_ns - record.start_ns) * 1e9 for record in records))


def find_fastest_stack(results: Path = RESULTS) -> tuple[str, float] | None:
    """Return the name and throughput (req/s) of the fastest stack with a framework in the newest run, if there is one."""
    try:
        folder = RunFolder.open(results / LATEST)
        cells, stacks = folder.read_summary().cells, folder.read_manifest()["stacks"]
    except RunFolderError:
        return None
    rates = [(cell.stack, cell.throughput_rps) for cell in cells if cell.throughput_rps and stacks[cell.stack]["framework"] != "none"]
    return max(rates, key=lambda rate: rate[1], default=None)


def _describe(figures: dict[str, Any]) -> Iterable[str]:
    for client, label in (("lean", "lean client"), ("fasthttp", "FastHttpUser")):
        launches = figures[f"{client}_launch_rps"]
        spread = f"median of {len(launches)} launches, {min(launches):,} to {max(launches):,}"
        yield f"{label:13} {figures[f'{client}_rps']:>8,} req/s   ({spread})"
    yield f"The lean client is {figures['ratio']} times as fast. Each has one core, checks answers and records time stamps."
    if figures["fastest_stack"]:
        yield (
            f"Headroom over the fastest stack of the newest run ({figures['fastest_stack']}, {figures['fastest_stack_rps']:,} req/s): "
            f"{figures['headroom']} times."
        )
    if not figures["pinned"]:
        yield "Client and server shared their cores, since this machine cannot keep them apart: both figures are too low."
