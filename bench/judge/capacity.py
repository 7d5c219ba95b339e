"""Where a stack's limits lie: the offered rate up to which its tail stays short, and the users from which throughput no longer follows.

Capacity: each stack is offered a fixed grid of shares of what it answered at saturation in the same launch, interleaved like all slices; a
search would follow the noise of its own probes. In each launch the p99 of the response time is made monotone in the rate by
isotonic regression of its log (waiting grows with load; what falls is noise), and its crossing of the limit is read between two
rates, linearly in the log. Over launches the Hodges-Lehmann estimate with its exact interval. A launch whose grid lies on one
side of the limit counts with that end of the grid; the figure is then a bound, without an interval. Pure.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from bench.judge.cells import median_offered_rps
from bench.judge.comparisons import LaunchValues
from bench.judge.estimates import hodges_lehmann
from bench.judge.index import SlicesByCell
from bench.plan.plan import Plan
from bench.plan.rules import Rules
from bench.records import Bound, Capacity, Cell, CellKey, Interval, Knee, OfferedPoint, SliceRecord
from bench.records.loads import parse_load

# A p99 among requests without an answer counts as so many times the limit: beyond it, and finite.
UNANSWERED_LIMITS = 1000


def judge_capacity(plan: Plan, values: LaunchValues, slices: SlicesByCell) -> list[Capacity]:
    """Return a row for every stack and scenario that was offered enough shares of what the stack itself answers."""
    rows = []
    for part in plan.parts:
        loads = [load for load in part.loads if parse_load(load).is_own]
        for scenario in part.scenarios if len(loads) >= plan.rules.least_rates else ():
            for stack in part.stacks:
                keys = [CellKey(part.name, stack, scenario, load) for load in loads]
                curves = _curves(keys, values, slices, plan.rules)
                rows += [_judge(keys[0], curves, plan.rules)] if curves else []
    return rows


def find_knees(cells: Sequence[Cell], rules: Rules) -> list[Knee]:
    """Return a row for every stack and scenario of a part that was measured with enough numbers of users."""
    groups: dict[tuple[str, str, str], list[tuple[int, float]]] = {}
    for cell in cells:
        users = parse_load(cell.load).users
        if users and cell.throughput_rps:
            groups.setdefault((cell.part, cell.stack, cell.scenario), []).append((users, cell.throughput_rps))
    knees = []
    for key, points in groups.items():
        if len(points) >= rules.least_users:
            enough = rules.knee_share * max(rate for _, rate in points)
            users, rate = next((users, rate) for users, rate in sorted(points) if rate >= enough)
            knees.append(Knee(*key, rules.knee_share, users, rate))
    return knees


def find_crossing(rates_rps: Sequence[float], p99_ms: Sequence[float], limit_ms: float) -> tuple[float, Bound]:
    """Return the rate at which p99 crosses the limit, and whether it does so outside the rates; rates ascend."""
    # Imported here: SciPy's `optimize` takes a quarter of a second, and most runs have no such part.
    from scipy.optimize import isotonic_regression  # noqa: PLC0415

    smooth = isotonic_regression(np.log(p99_ms)).x
    limit = math.log(limit_ms)
    if smooth[0] > limit:
        return rates_rps[0], "below"
    if smooth[-1] <= limit:
        return rates_rps[-1], "above"
    place = int(np.argmax(smooth > limit))
    share = (limit - smooth[place - 1]) / (smooth[place] - smooth[place - 1])
    return float(rates_rps[place - 1] + share * (rates_rps[place] - rates_rps[place - 1])), ""


@dataclass(frozen=True)
class _Offer:
    """What a launch measured under one load: the p99 of its response time; one among requests without an answer is beyond any limit."""

    rate_rps: float
    p99_ms: float
    load: str


def _curves(keys: Sequence[CellKey], values: LaunchValues, slices: SlicesByCell, rules: Rules) -> dict[int, list[_Offer]]:
    """Return what each launch measured, by rate, without rates that gave too few samples for a p99."""
    curves: dict[int, list[_Offer]] = {}
    most_ms = UNANSWERED_LIMITS * rules.limit_p99_ms
    for key in keys:
        for launch, own in slices.get(key, {}).items():
            rate_rps = median_offered_rps(own)
            p99_ms = most_ms if _unanswered_share(own) > rules.unanswered_share else values.get(key, {}).get(launch, {}).get("p99_ms")
            if rate_rps and p99_ms:
                curves.setdefault(launch, []).append(_Offer(rate_rps, min(p99_ms, most_ms), key.load))
    ordered = {launch: sorted(curve, key=lambda offer: offer.rate_rps) for launch, curve in sorted(curves.items())}
    return {launch: curve for launch, curve in ordered.items() if len(curve) >= rules.least_rates}


def _unanswered_share(slices: Sequence[SliceRecord]) -> float:
    failed = sum(record.failures for record in slices)
    requests = failed + sum(record.answers for record in slices)
    return failed / requests if requests else 0.0


def _judge(key: CellKey, curves: Mapping[int, Sequence[_Offer]], rules: Rules) -> Capacity:
    limit_ms = rules.limit_p99_ms
    found = [find_crossing([offer.rate_rps for offer in curve], [offer.p99_ms for offer in curve], limit_ms) for curve in curves.values()]
    bounds: Counter[Bound] = Counter(bound for _, bound in found if bound)
    capacity = hodges_lehmann(np.array([rate for rate, _ in found]), rules.levels["exploratory"])
    if capacity and bounds:
        capacity = Interval(capacity.estimate, None, None, None)
    return Capacity(
        part=key.part,
        stack=key.stack,
        scenario=key.scenario,
        limit_p99_ms=limit_ms,
        capacity=capacity,
        bound=bounds.most_common(1)[0][0] if bounds else "",
        lowest_rps=min(offer.rate_rps for curve in curves.values() for offer in curve),
        highest_rps=max(offer.rate_rps for curve in curves.values() for offer in curve),
        launches=len(found),
        points=tuple(_points(curves.values(), UNANSWERED_LIMITS * limit_ms)),
    )


def _points(curves: Iterable[Sequence[_Offer]], most_ms: float) -> Iterable[OfferedPoint]:
    """Yield what the launches measured under each load, as it was before it was made monotone; nothing where it was not answered."""
    found: dict[str, list[_Offer]] = {}
    for curve in curves:
        for offer in curve:
            found.setdefault(offer.load, []).append(offer)
    points = [(median(offer.rate_rps for offer in own), load, [offer.p99_ms for offer in own]) for load, own in found.items()]
    for rate_rps, load, values in sorted(points):
        middle, lowest, highest = (p99_ms if p99_ms < most_ms else None for p99_ms in (median(values), min(values), max(values)))
        yield OfferedPoint(rate_rps, middle, lowest, highest, len(values), load)
