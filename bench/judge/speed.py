"""How speed changes over a run: stacks that warm up, and a machine that is not equally fast in every launch. Pure."""

import math
from collections.abc import Iterable, Sequence
from statistics import mean, median

import numpy as np

from bench.judge.estimates import hodges_lehmann, pooled_sd
from bench.judge.index import SlicesByCell, rates_of
from bench.plan.rules import Rules
from bench.records import CellKey, SliceRecord, WarmUpPoint
from bench.records.loads import parse_load
from bench.records.samples import Ints


def warm_up_curves(warm_ups: Iterable[tuple[SliceRecord, Ints]], bin_ms: int) -> Iterable[WarmUpPoint]:
    """Yield the rate of each cell in bins from its first load on: the median over launches.

    Takes the slice of each warm-up with when its correct answers were done, in ns.
    """
    rates: dict[tuple[CellKey, int], list[float]] = {}
    for record, done_ns in warm_ups:
        bins = int((record.end_ns - record.start_ns) / (bin_ms * 1e6))
        for place in range(bins):
            from_ns, to_ns = (int(record.start_ns + number * bin_ms * 1e6) for number in (place, place + 1))
            count = int(((done_ns >= from_ns) & (done_ns < to_ns)).sum())
            rates.setdefault((record.key, place), []).append(count / bin_ms * 1e3)
    for (key, place), own in rates.items():
        yield WarmUpPoint(key.part, key.stack, key.scenario, key.load, place * bin_ms, median(own), len(own))


def still_warming(slices: SlicesByCell, rules: Rules) -> list[tuple[CellKey, float]]:
    """Return the cells that got faster within their launches by more than the margin, each with the ratio of last to first.

    One value per launch: log(mean rate of the last third of the counted slices / of the first) of a closed loop; the whole interval
    must lie above the margin. Drift of the machine has either sign from launch to launch, a warm-up has one.
    """
    found = []
    for key, rates in _closed_rates(slices).items():
        logs = np.array([math.log(mean(own[-_third(own) :]) / mean(own[: _third(own)])) for own in rates.values() if len(own) > 1])
        interval = hodges_lehmann(logs, rules.levels["primary"])
        if interval and interval.low is not None and interval.low > math.log1p(rules.margins["throughput_rps"]):
            found.append((key, math.exp(interval.estimate)))
    return found


def launch_speeds(slices: SlicesByCell, rules: Rules) -> dict[str, list[float]]:
    """Return by part how fast each launch was, in their order, as a multiple of what is usual.

    A cell's own speed in a launch is its median rate there over its median of all launches; the launch's is the median over
    its cells, which are of at least `least_stacks` stacks: what they have in common is the machine. A part of fewer stacks has none.
    """
    stacks: dict[str, set[str]] = {}
    launches: dict[str, dict[int, list[float]]] = {}
    for key, rates in _closed_rates(slices).items():
        stacks.setdefault(key.part, set()).add(key.stack)
        own = {launch: median(values) for launch, values in rates.items()}
        usual = median(own.values())
        for launch, rate in own.items():
            launches.setdefault(key.part, {}).setdefault(launch, []).append(rate / usual)
    return {
        part: [median(of_launch[launch]) for launch in sorted(of_launch)]
        for part, of_launch in launches.items()
        if len(stacks[part]) >= rules.least_stacks
    }


def slice_spread(slices: SlicesByCell, part: str) -> float | None:
    """Return the standard deviation of the log rates of slices within a stack and launch, in the first closed loop of a part.

    None where no launch has two slices of a stack.
    """
    rates = {key: own for key, own in _closed_rates(slices).items() if key.part == part}
    load = next((key.load for key in rates), "")
    return pooled_sd(np.log(own) for key, launches in rates.items() if key.load == load for own in launches.values())


def _third(rates: Sequence[float]) -> int:
    return max(1, len(rates) // 3)


def _closed_rates(slices: SlicesByCell) -> dict[CellKey, dict[int, list[float]]]:
    """Return the rates of the counted slices of closed loops, by cell and launch, in their order."""
    closed = {key: own for key, own in slices.items() if not parse_load(key.load).is_open}
    found = {key: {launch: rates for launch, own in launches.items() if (rates := rates_of(own))} for key, launches in closed.items()}
    return {key: launches for key, launches in found.items() if launches}
