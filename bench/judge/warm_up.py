"""How speed changes over a run: stacks that warm up, and a machine that is not equally fast in every launch. Pure."""

import math
from collections.abc import Iterable, Sequence
from statistics import median

import numpy as np

from bench.judge.estimates import Ints, hodges_lehmann
from bench.plan.loads import parse_load
from bench.plan.rules import LEVELS, MARGINS
from bench.records import CellKey, SliceRecord, WarmUpPoint

BIN_MS = 50
# Of two stacks, one alone could move the median.
MIN_STACKS = 3


class WarmUps:
    """The rates of all warm-ups so far, in bins of `BIN_MS`."""

    def __init__(self) -> None:
        self._rates: dict[tuple[CellKey, int], list[float]] = {}

    def add(self, record: SliceRecord, done_ns: Ints) -> None:
        """Take in the warm-up of one cell in one launch: when its correct answers were done."""
        bins = int((record.end_ns - record.start_ns) / (BIN_MS * 1e6))
        for place in range(bins):
            from_ns, to_ns = (int(record.start_ns + number * BIN_MS * 1e6) for number in (place, place + 1))
            count = int(((done_ns >= from_ns) & (done_ns < to_ns)).sum())
            self._rates.setdefault((record.key, place), []).append(count / BIN_MS * 1e3)

    def points(self) -> Iterable[WarmUpPoint]:
        """Return the curves: the median over launches of each bin."""
        for (key, place), rates in self._rates.items():
            yield WarmUpPoint(key.part, key.stack, key.scenario, key.load, place * BIN_MS, median(rates), len(rates))


def still_warming(slices: Sequence[SliceRecord]) -> list[tuple[CellKey, float]]:
    """Return the cells that got faster within their launches by more than the margin, each with the ratio of last to first.

    One value per launch: log(rate of the last counted slice / of the first) of a closed loop; the whole interval must lie
    above the margin. Drift of the machine has either sign from launch to launch, a warm-up has one.
    """
    found = []
    for key, rates in _closed_rates(slices).items():
        interval = hodges_lehmann(np.array([math.log(own[-1] / own[0]) for own in rates.values() if len(own) > 1]), LEVELS["primary"])
        if interval and interval.low is not None and interval.low > math.log1p(MARGINS["throughput_rps"]):
            found.append((key, math.exp(interval.estimate)))
    return found


def launch_speeds(slices: Sequence[SliceRecord]) -> dict[str, list[float]]:
    """Return by part how fast each launch was, as a multiple of what is usual; no part in which a single stack could be the cause.

    A cell's own speed in a launch is its median rate there over its median of all launches; the launch's is the median over
    its cells, which are of at least `MIN_STACKS` stacks: what they have in common is the machine.
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
        part: [median(speeds) for speeds in of_launch.values()] for part, of_launch in launches.items() if len(stacks[part]) >= MIN_STACKS
    }


def _closed_rates(slices: Sequence[SliceRecord]) -> dict[CellKey, dict[int, list[float]]]:
    """Return the rates of the counted slices of closed loops, by cell and launch, in their order."""
    launches: dict[CellKey, dict[int, list[float]]] = {}
    for record in slices:
        if not record.warm_up and record.throughput_rps and not parse_load(record.load).is_open:
            launches.setdefault(record.key, {}).setdefault(record.launch, []).append(record.throughput_rps)
    return launches
