"""Where the CPU time of a request goes: server, framework with validation, model, by differences of stacks. Pure.

All rungs serve the same requests at one equal rate: at saturation the differences mislead, since a slower server's client sleeps
and must be woken, which the server pays for. Differences are taken within a launch; over launches the Hodges-Lehmann estimate
with its exact interval, so that what is uncertain of both rungs is in the interval of their difference.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bench.findings import LadderRow, Step
from bench.judge.cells import cpu_us_per_request
from bench.judge.estimates import hodges_lehmann
from bench.plan.config import BenchConfig
from bench.plan.loads import parse_load
from bench.plan.rules import LEVELS
from bench.records import CellKey, RunWarning, SliceRecord


def judge_ladder(config: BenchConfig, slices: Iterable[SliceRecord]) -> list[LadderRow]:
    """Return the steps of every stack whose floor and whose copy without a model were measured beside it in an open loop."""
    groups: dict[CellKey, dict[int, list[SliceRecord]]] = {}
    for record in slices:
        if not record.warm_up and parse_load(record.load).is_open:
            groups.setdefault(record.key, {}).setdefault(record.launch, []).append(record)
    rows: list[LadderRow] = []
    for part in config.parts:
        for stack, floor, bare in config.ladders(part):
            for scenario in part.scenarios:
                for load in part.loads:
                    rungs = [groups.get(CellKey(part.name, name, scenario, load), {}) for name in (floor, bare, stack)]
                    key = CellKey(part.name, stack, scenario, load)
                    rows += _steps(key, config.offered_rps(stack, load), rungs) if all(rungs) else []
    return rows


def find_impossible(ladder: Iterable[LadderRow]) -> list[RunWarning]:
    """Return a warning for each step that came out below zero with its whole interval: more layers cannot cost less."""
    return [
        RunWarning(
            "layering",
            f"{row.stack}: the step {row.step!r} took {row.cpu_us:.1f} us of CPU per request, "
            f"its whole interval ({row.ci_low:.1f} to {row.ci_high:.1f}) below zero.",
            "More code cannot cost less: look at the conditions of the stacks and run again.",
        )
        for row in ladder
        if row.cpu_us is not None and row.ci_low is not None and row.ci_high is not None and row.ci_high < 0
    ]


def _steps(key: CellKey, offered_rps: float | None, rungs: Sequence[Mapping[int, Sequence[SliceRecord]]]) -> Iterable[LadderRow]:
    """Yield server, framework and model of one stack, and their total; `rungs` are slices by launch: floor, no model, whole."""
    launches = sorted(set.intersection(*(set(rung) for rung in rungs)))
    cpu_us = [[cpu_us_per_request(rung[launch]) for launch in launches] for rung in rungs]
    kernel_us = [_kernel_us([record for launch in launches for record in rung[launch]]) for rung in rungs]
    steps: tuple[tuple[Step, int, int | None], ...] = (("server", 0, None), ("framework", 1, 0), ("model", 2, 1), ("total", 2, None))
    for step, upper, lower in steps:
        lows = cpu_us[lower] if lower is not None else [0.0] * len(launches)
        values = [high - low for high, low in zip(cpu_us[upper], lows, strict=True) if high is not None and low is not None]
        interval = hodges_lehmann(np.array(values), LEVELS["exploratory"])
        kernels = (kernel_us[upper], kernel_us[lower] if lower is not None else 0.0)
        yield LadderRow(
            part=key.part,
            stack=key.stack,
            scenario=key.scenario,
            load=key.load,
            offered_rps=offered_rps,
            step=step,
            cpu_us=interval.estimate if interval else None,
            ci_low=interval.low if interval else None,
            ci_high=interval.high if interval else None,
            level=interval.level if interval else None,
            kernel_us=kernels[0] - kernels[1] if kernels[0] is not None and kernels[1] is not None else None,
            launches=len(values),
        )


def _kernel_us(slices: Sequence[SliceRecord]) -> float | None:
    """Return the kernel's part of the CPU time per answer, over all slices: single ones have too few ticks of the clock."""
    user_ns, kernel_ns = (sum(getattr(record, name) or 0 for record in slices) for name in ("server_user_ns", "server_kernel_ns"))
    cpu_us = cpu_us_per_request(slices)
    return cpu_us * kernel_ns / (user_ns + kernel_ns) if cpu_us is not None and user_ns + kernel_ns else None
