"""Where a stack's limits lie: the offered rate up to which its tail stays short, and the users from which throughput no longer follows.

Capacity: each stack is offered a fixed grid of rates, shares of its own saturation throughput, interleaved like all slices; a
search would follow the noise of its own probes. In each launch the p99 of the response time is made monotone in the rate by
isotonic regression of its log (waiting grows with load; what falls is noise), and its crossing of the limit is read between two
rates, linearly in the log. Over launches the Hodges-Lehmann estimate with its exact interval. A launch whose grid lies on one
side of the limit counts with that end of the grid; the figure is then called a bound. Pure.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import numpy as np
from scipy.optimize import isotonic_regression

from bench.judge.comparisons import LaunchValues
from bench.judge.estimates import hodges_lehmann
from bench.plan.plan import Plan
from bench.plan.rules import Rules
from bench.records import Bound, Capacity, Cell, CellKey, Knee, OfferedPoint, SliceRecord
from bench.records.loads import parse_load

# A p99 among requests without an answer counts as so many times the limit: beyond it, and finite.
UNANSWERED_LIMITS = 1000


def judge_capacity(plan: Plan, values: LaunchValues, slices: Iterable[SliceRecord]) -> list[Capacity]:
    """Return a row for every stack and scenario that was offered enough shares of the stack's own saturation throughput."""
    unanswered = _unanswered_shares(slices)
    rows = []
    for part in plan.parts:
        loads = [load for load in part.loads if parse_load(load).is_own]
        for scenario in part.scenarios if len(loads) >= plan.rules.least_rates else ():
            for stack in part.stacks:
                keys = [CellKey(part.name, stack, scenario, load) for load in loads]
                rates = {key: rate for key in keys if (rate := plan.offered_rps(stack, key.load))}
                curves = _curves(rates, values, unanswered, plan.rules)
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
    smooth = isotonic_regression(np.log(p99_ms)).x
    limit = math.log(limit_ms)
    if smooth[0] > limit:
        return rates_rps[0], "at most"
    if smooth[-1] <= limit:
        return rates_rps[-1], "at least"
    place = int(np.argmax(smooth > limit))
    share = (limit - smooth[place - 1]) / (smooth[place] - smooth[place - 1])
    return float(rates_rps[place - 1] + share * (rates_rps[place] - rates_rps[place - 1])), ""


def _unanswered_shares(slices: Iterable[SliceRecord]) -> dict[tuple[int, CellKey], float]:
    counts: dict[tuple[int, CellKey], list[int]] = {}
    for record in slices:
        if not record.warm_up:
            count = counts.setdefault((record.launch, record.key), [0, 0])
            count[0] += record.failures
            count[1] += record.failures + record.answers
    return {key: failed / total for key, (failed, total) in counts.items() if total}


def _curves(
    rates: Mapping[CellKey, float], values: LaunchValues, unanswered: Mapping[tuple[int, CellKey], float], rules: Rules
) -> dict[int, list[tuple[float, float]]]:
    """Return per launch (rate, p99 in ms) by rate, without rates that gave too few samples for a p99."""
    curves: dict[int, list[tuple[float, float]]] = {}
    most_ms = UNANSWERED_LIMITS * rules.limit_p99_ms
    for launch, key in unanswered:
        if key in rates:
            lost = unanswered[launch, key] > rules.unanswered_share
            p99_ms = most_ms if lost else values.get(key, {}).get(launch, {}).get("p99_ms")
            if p99_ms:
                curves.setdefault(launch, []).append((rates[key], min(p99_ms, most_ms)))
    return {launch: sorted(curve) for launch, curve in sorted(curves.items()) if len(curve) >= rules.least_rates}


def _judge(key: CellKey, curves: Mapping[int, Sequence[tuple[float, float]]], rules: Rules) -> Capacity:
    limit_ms = rules.limit_p99_ms
    found = [find_crossing([rate for rate, _ in curve], [p99_ms for _, p99_ms in curve], limit_ms) for curve in curves.values()]
    bounds: Counter[Bound] = Counter(bound for _, bound in found if bound)
    return Capacity(
        part=key.part,
        stack=key.stack,
        scenario=key.scenario,
        limit_p99_ms=limit_ms,
        capacity=hodges_lehmann(np.array([rate for rate, _ in found]), rules.levels["exploratory"]),
        bound=bounds.most_common(1)[0][0] if bounds else "",
        lowest_rps=min(rate for curve in curves.values() for rate, _ in curve),
        highest_rps=max(rate for curve in curves.values() for rate, _ in curve),
        launches=len(found),
        points=tuple(_points(curves.values(), UNANSWERED_LIMITS * limit_ms)),
    )


def _points(curves: Iterable[Sequence[tuple[float, float]]], most_ms: float) -> Iterable[OfferedPoint]:
    """Yield what the launches measured at each rate, as it was before it was made monotone; nothing where it was not answered."""
    found: dict[float, list[float]] = {}
    for curve in curves:
        for rate, p99_ms in curve:
            found.setdefault(rate, []).append(p99_ms)
    for rate, values in sorted(found.items()):
        middle, lowest, highest = (p99_ms if p99_ms < most_ms else None for p99_ms in (median(values), min(values), max(values)))
        yield OfferedPoint(rate, middle, lowest, highest, len(values))
