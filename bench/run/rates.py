"""What each stack carries, measured before the loop: the rates of the open loops come from it."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench.errors import StackError
from bench.judge.index import index_slices, rates_of
from bench.measure.environment import Cores
from bench.measure.launches import measure_launch
from bench.plan.expected import check_scenario
from bench.plan.plan import Plan
from bench.plan.profiles import Part
from bench.plan.schedule import Turn, plan_launch
from bench.plan.stacks import TWIN
from bench.records import SliceRecord
from bench.records.loads import parse_load


def find_rates(plan: Plan, cores: Cores, say: Callable[[str], None]) -> Plan:
    """Return the plan with the saturation throughput (req/s) of each stack that needs it: the median slice of one launch.

    Raises `BenchError` if a stack cannot answer what all are asked, if that launch fails, or if a stack of the first pair gave no
    rate.
    """
    names = plan.needs_rates()
    if not names:
        return plan
    say(f"Finding what {len(names)} stacks carry with 16 users: it fixes the rates of the open loops.")
    scenario = next(part.scenarios[0] for part in plan.parts if any(parse_load(load).percent for load in part.loads))
    for name in names:
        check_scenario(scenario, plan.stacks[name])
    part = Part("rates", tuple(names), (scenario,), (plan.rules.rates.load,), launches=1, blocks=plan.rules.rates.blocks)
    launch = plan_launch(replace(plan, parts=(part,)), Turn(0, part, 1))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        result = measure_launch(launch, cores, Path(folder) / "samples.parquet", lambda _: None)
    return replace(plan, saturation_rps=read_rates(plan, names, result.slices))


def read_rates(plan: Plan, names: Sequence[str], slices: Sequence[SliceRecord]) -> dict[str, float]:
    """Return what each stack carried; raise `StackError` if one of the first pair carried nothing.

    Any other stack that gave no correct answer carries nothing: it is left out, with that reason.
    """
    found = {key.stack: rates_of(own) for key, launches in index_slices(slices).items() for own in launches.values()}
    missing = [name for name in plan.pairs[0].stacks if not found.get(name.removesuffix(TWIN))]
    if missing:
        message = f"{missing[0]} gave no correct answer while its saturation throughput was measured, so no rate can be fixed."
        raise StackError(message)
    return {name: float(round(median(found.get(name) or [0.0]), 1)) for name in names}
