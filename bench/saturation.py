"""What each stack carries, measured before the plan is fixed: the rates of the open loops come from it."""

from collections.abc import Callable
from dataclasses import replace
from statistics import median

from bench.errors import StackError
from bench.judge.tables import read_launch
from bench.measure.environment import Cores
from bench.measure.launches import measure_launch
from bench.plan.config import BenchConfig
from bench.plan.loads import parse_load
from bench.plan.profiles import Part
from bench.plan.scenarios import check_scenario
from bench.plan.schedule import schedule_launch
from bench.plan.stacks import TWIN

LOAD = "closed-16"
BLOCKS = 2


def calibrate_loads(config: BenchConfig, cores: Cores, say: Callable[[str], None]) -> BenchConfig:
    """Return the plan with the saturation throughput (req/s) of each stack that needs it: the median slice of one launch.

    Raises `BenchError` if a stack cannot answer what all are asked, if that launch fails, or if a stack of the first pair gave no
    rate.
    """
    names = config.needs_calibration()
    if not names:
        return config
    say(f"Finding what {len(names)} stacks carry with 16 users: it fixes the rates of the open loops.")
    scenario = next(part.scenarios[0] for part in config.parts if any(parse_load(load).percent for load in part.loads))
    for name in names:
        check_scenario(scenario, config.stacks[name])
    part = Part("calibration", tuple(names), (scenario,), (LOAD,), launches=1, blocks=BLOCKS)
    trial = replace(config, parts=(part,))
    slices = schedule_launch(trial, part, 1)
    result = measure_launch(trial, 0, slices, cores, lambda _: None)
    rates: dict[str, list[float]] = {}
    for record in read_launch(0, result.planned, result.facts, result.samples).records:
        if record.throughput_rps and not record.warm_up:
            rates.setdefault(record.stack, []).append(record.throughput_rps)
    missing = [name for name in config.pairs[0] if name.removesuffix(TWIN) not in rates]
    if missing:
        message = f"{missing[0]} gave no correct answer while its saturation throughput was measured, so no rate can be fixed."
        raise StackError(message)
    # A stack that gave no correct answer carries nothing: it is left out, with that reason.
    return replace(config, saturation_rps={name: float(round(median(rates.get(name, [0.0])), 1)) for name in names})
