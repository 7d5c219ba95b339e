"""Where the CPU time of a request goes: server, framework with validation, model, by differences of stacks. Pure.

All rungs serve the same requests at one equal rate: at saturation the differences mislead, since a slower server's client sleeps
and must be woken, which the server pays for. Differences are taken within a launch; over launches the Hodges-Lehmann estimate
with its exact interval, so that what is uncertain of both rungs is in the interval of their difference.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bench.judge.cells import cpu_us_per_request, median_offered_rps
from bench.judge.estimates import hodges_lehmann
from bench.judge.index import SlicesByCell
from bench.plan.plan import Plan
from bench.records import CellKey, LadderRow, RunWarning, ServerTiming, SliceRecord, Step
from bench.records.loads import parse_load


def judge_ladder(plan: Plan, slices: SlicesByCell, timing: Iterable[ServerTiming] = ()) -> list[LadderRow]:
    """Return the steps of every stack whose bare server and whose copy without a model were measured beside it in an open loop.

    The model's step is compared with what the stack itself says of its time.
    """
    rows: list[LadderRow] = []
    stated_us = {row.stack: row.preprocess_us + row.predict_us for row in timing}
    for part in plan.parts:
        for ladder in plan.ladders(part):
            for scenario in part.scenarios:
                for load in part.loads:
                    names = (ladder.bare, ladder.no_model, ladder.stack)
                    rungs = [slices.get(CellKey(part.name, name, scenario, load), {}) for name in names]
                    if parse_load(load).is_open and all(rungs):
                        key = CellKey(part.name, ladder.stack, scenario, load)
                        rows += _steps(key, rungs, plan.rules.levels["exploratory"], stated_us.get(ladder.stack))
    return rows


def find_impossible(ladder: Iterable[LadderRow]) -> list[RunWarning]:
    """Return a warning for each step that came out below zero with its whole interval: more layers cannot cost less."""
    return [
        RunWarning(
            "layering",
            f"{row.stack}: the step {row.step!r} took {row.cpu.estimate:.1f} us of CPU per request, "
            f"its whole interval ({row.cpu.low:.1f} to {row.cpu.high:.1f}) below zero.",
            "More code cannot cost less: look at the conditions of the stacks and run again.",
        )
        for row in ladder
        if row.cpu and row.cpu.high is not None and row.cpu.high < 0
    ]


def _steps(
    key: CellKey, rungs: Sequence[Mapping[int, Sequence[SliceRecord]]], level: float, stated_us: float | None
) -> Iterable[LadderRow]:
    """Yield server, framework and model of one stack, and their total; `rungs` are slices by launch: bare server, no model, whole."""
    launches = sorted(set.intersection(*(set(rung) for rung in rungs)))
    offered_rps = median_offered_rps(record for own in rungs[-1].values() for record in own)
    cpu_us = [[cpu_us_per_request(rung[launch]) for launch in launches] for rung in rungs]
    steps: tuple[tuple[Step, int, int | None], ...] = (("server", 0, None), ("framework", 1, 0), ("model", 2, 1), ("total", 2, None))
    for step, upper, lower in steps:
        lows = cpu_us[lower] if lower is not None else [0.0] * len(launches)
        values = [high - low for high, low in zip(cpu_us[upper], lows, strict=True) if high is not None and low is not None]
        cpu = hodges_lehmann(np.array(values), level)
        check_us = stated_us if step == "model" else None
        yield LadderRow(
            part=key.part,
            stack=key.stack,
            scenario=key.scenario,
            load=key.load,
            offered_rps=offered_rps,
            step=step,
            cpu=cpu,
            launches=len(values),
            check_us=check_us,
            contradicted=bool(check_us is not None and cpu and cpu.ends and not cpu.ends[0] <= check_us <= cpu.ends[1]),
        )
