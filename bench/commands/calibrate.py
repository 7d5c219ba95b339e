"""`python -m bench calibrate`: how fast is the load generator? It measures its lean client and Locust's FastHttpUser in turns.

Both clients ask a server that does nothing, check every answer and record the time stamps of every request. Both run on one core, or
in as many processes as asked for, and the server runs on another core.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.commands.arguments import add_load
from bench.errors import GeneratorError, RunFolderError
from bench.measure.environment import Cores, choose_cores
from bench.measure.launches import generate, generator_plan
from bench.measure.parity import check_stack
from bench.measure.ready import launch_stacks
from bench.measure.slices import describe_slices
from bench.plan.pace import Pace
from bench.plan.places import LoadPlaces, make_load
from bench.plan.schedule import PlannedSlice
from bench.plan.stacks import Stack
from bench.records.folder import LATEST, RESULTS, RunFolder
from bench.records.loads import parse_load
from bench.records.numbers import count_words

LAUNCHES = 5
SLICES = 4
SLICE_MS = 500
LOAD = "closed-16"
SCENARIO = "predict-1"
BARE_SERVER = Stack(
    name="bare-http", command=("{python}", "-m", "bench.servers.bare", "{port}"), label="A server that does nothing", fixed=True
)
PACE = Pace(SLICE_MS, settle_ms=0, min_answers=0, drains_per_slice=0, max_slice_ms=SLICE_MS, drain_timeout_s=5.0)


@dataclass(frozen=True)
class Calibration:
    """What a client did in the median slice of a fresh pair of processes.

    Correct answers per second, CPU time of all load processes per answer in us, and how much later than the first one the last load
    process began, in us.
    """

    rps: float
    cpu_us: float
    late_us: float


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Take the form of the output, and the load processes."""
    command.add_argument("--json", action="store_true", help="print the figures as JSON")
    add_load(command)


def run(chosen: argparse.Namespace) -> int:
    """Measure both clients in turns and print their rates with the headroom over the fastest stack of the newest run."""
    load = make_load(chosen.load_processes, chosen.load_from, chosen.load_bind)
    cores = choose_cores(load_processes=load.count_here())
    measured: dict[str, list[Calibration]] = {"lean": [], "fasthttp": []}
    for launch in range(LAUNCHES):
        for client in ("lean", "fasthttp") if launch % 2 else ("fasthttp", "lean"):
            measured[client].append(measure_client(client, cores, load))
    fastest = find_fastest_stack()
    rates = {client: [one.rps for one in own] for client, own in measured.items()}
    lean_rps, fasthttp_rps = (statistics.median(rates[client]) for client in ("lean", "fasthttp"))
    figures: dict[str, Any] = {
        "lean_rps": round(lean_rps),
        "fasthttp_rps": round(fasthttp_rps),
        "ratio": round(lean_rps / fasthttp_rps, 2),
        "launches": LAUNCHES,
        "load_processes": max(1, len(load.templates)),
        "generator_cores": list(cores.generator),
        "lean_cpu_us_per_answer": round(statistics.median(one.cpu_us for one in measured["lean"]), 2),
        "lean_late_us": round(statistics.median(one.late_us for one in measured["lean"])),
        "lean_launch_rps": [round(rate) for rate in rates["lean"]],
        "fasthttp_launch_rps": [round(rate) for rate in rates["fasthttp"]],
        "fastest_stack": fastest[0] if fastest else None,
        "fastest_stack_rps": round(fastest[1]) if fastest else None,
        "headroom": round(lean_rps / fastest[1], 2) if fastest else None,
        "pinned": bool(cores.generator),
    }
    print(json.dumps(figures, indent=2) if chosen.json else "\n".join(_describe(figures)))
    return 0


def measure_client(client: str, cores: Cores, load: LoadPlaces) -> Calibration:
    """Return what one client (lean or fasthttp) does in fresh processes: the median of several slices.

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
        plan = generator_plan(PACE, slices, [server], accepted, cores, load) | {"client": client}
        facts = list(generate(plan, folder, exits))[1:]
        records = describe_slices(0, slices, facts, np.load(folder / "samples.npy"))
    failures = sum(record.failures for record in records)
    if failures:
        message = f"The {client} client got {failures} wrong or failed answers from a server that always answers the same."
        raise GeneratorError(message)
    answers = [record.answers for record in records]
    return Calibration(
        rps=statistics.median(record.answers / (record.drained_ns - record.start_ns) * 1e9 for record in records),
        cpu_us=statistics.median(fact["load_cpu_ns"] / own / 1e3 for fact, own in zip(facts, answers, strict=True)),
        late_us=statistics.median(fact["load_late_ns"] / 1e3 for fact in facts),
    )


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
    cores, processes = len(figures["generator_cores"]), figures["load_processes"]
    on_cores = count_words(cores, "core") if cores else "cores of the server"
    yield (
        f"The lean client is {figures['ratio']} times as fast. Each checks answers and records time stamps, in "
        f"{count_words(processes, 'process')} on {on_cores}."
    )
    yield f"The lean client takes {figures['lean_cpu_us_per_answer']} us of CPU time per answer."
    if processes > 1:
        yield f"The last load process begins a slice {figures['lean_late_us']:,} us after the first one."
    if figures["fastest_stack"]:
        yield (
            f"Headroom over the fastest stack of the newest run ({figures['fastest_stack']}, {figures['fastest_stack_rps']:,} req/s): "
            f"{figures['headroom']} times."
        )
    if not figures["pinned"]:
        yield "Client and server shared their cores, since this machine cannot keep them apart: both figures are too low."
