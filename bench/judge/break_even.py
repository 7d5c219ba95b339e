"""From which model on does the framework no longer matter? Throughput ratio against the time a prediction takes. Pure.

The model of a stack: 1 / throughput = overhead + (1 + slope) t for a prediction of t. A stack whose model did nothing but add its time
would have a slope of 0; threads that wait while a prediction holds the interpreter, and caches that it leaves cold, give one above it.
Overhead and slope are fitted in each launch by least squares of relative errors, every decade of t weighing alike: engines that take
microseconds would else decide the result for milliseconds. Without an engine of about a millisecond there is no slope.

The curve has the shape of that model and goes through what was measured: between two engines it is the fitted ratio, corrected by how
far both lie off it. At each t, over launches, the Hodges-Lehmann estimate with its exact interval; at an engine that is its measured
ratio. From which t on the ratio is near 1 is where the curve comes near it for good, and the interval of that where both ends of its
interval do. An engine whose ratio is too uncertain is left out of fit and curve, and is listed as not drawn. One whose measured ratio
differs from the fit, launch by launch, lies off it. In multiples of the contender's own time per request, figures hold better on another
machine than in ms.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from bench.judge.estimates import exponential, hodges_lehmann
from bench.judge.index import SlicesByCell, total_rate_rps
from bench.plan.plan import Plan
from bench.plan.profiles import Pair, Part
from bench.plan.rules import Rules
from bench.plan.stacks import with_engine
from bench.records import BreakEven, BreakEvenPoint, CellKey, CurvePoint, Interval, ModelTime, Threshold
from bench.records.loads import parse_load
from bench.records.samples import Floats

CURVE_POINTS = 81
# From here on a model takes longer than what serves it, and the slope shows.
SLOPE_FROM_MS = 0.5
ROUNDING = 1e-9

# (stack, engine) -> launch -> seconds per answer at saturation
Seconds = Mapping[tuple[str, str], Mapping[int, float]]


def judge_break_even(plan: Plan, slices: SlicesByCell, times: Sequence[ModelTime]) -> list[BreakEven]:
    """Return one row for each pair that was measured with enough engines of known time in one part."""
    rows = []
    for part in plan.parts:
        known = {(time.launch, time.engine): time.model_ms for time in times if time.part == part.name}
        for pair in plan.pairs:
            engines = [engine for engine in dict.fromkeys(engine for _, engine in known) if _has(part, engine, pair)]
            for scenario in part.scenarios if len(engines) >= plan.rules.least_engines else ():
                for load in (load for load in part.loads if not parse_load(load).is_open):
                    seconds = {
                        (stack, engine): {
                            launch: 1 / rate
                            for launch, own in slices.get(CellKey(part.name, with_engine(stack, engine), scenario, load), {}).items()
                            if (rate := total_rate_rps(own))
                        }
                        for stack in pair.stacks
                        for engine in engines
                    }
                    row = _judge(CellKey(part.name, pair.contender, scenario, load), pair.baseline, engines, seconds, known, plan.rules)
                    rows += [row] if row else []
    return rows


def ratio_at(row: BreakEven, model_ms: float) -> Interval:
    """Return the curve's ratio for a model of `model_ms`, read between its points; at most `longest_ms`.

    Its level is that of all intervals of the row: they are over the same launches, and it is not written beside each point.
    """
    level = row.contender_overhead_ms.level
    above = next((place for place, point in enumerate(row.curve) if point.model_ms >= model_ms), len(row.curve) - 1)
    one, other = row.curve[max(0, above - 1)], row.curve[above]
    if other.model_ms <= one.model_ms:
        return replace(other.interval, level=level)
    share = (model_ms - one.model_ms) / (other.model_ms - one.model_ms)
    if one.model_ms > 0:
        share = math.log(model_ms / one.model_ms) / math.log(other.model_ms / one.model_ms)

    def between(low: float | None, high: float | None) -> float | None:
        return None if low is None or high is None else math.exp((1 - share) * math.log(low) + share * math.log(high))

    ratio = between(one.ratio, other.ratio)
    assert ratio is not None  # noqa: S101 - for the type checker
    return Interval(ratio, between(one.interval.low, other.interval.low), between(one.interval.high, other.interval.high), level)


def fit_stack(per_answer_ms: Floats, model_ms: Floats) -> tuple[float, float]:
    """Return overhead in ms and slope of a stack in one launch, from its time per answer with each engine; both arrays by engine."""
    decades = np.floor(np.log10(np.maximum(model_ms, 1e-9)))
    weights = 1 / np.sqrt([(decades == decade).sum() for decade in decades]) / per_answer_ms
    columns = np.stack([np.ones_like(model_ms), model_ms], axis=1)
    if max(model_ms) < SLOPE_FROM_MS:
        columns = columns[:, :1]
    found = np.linalg.lstsq(columns * weights[:, None], (per_answer_ms - model_ms) * weights, rcond=None)[0]
    return float(found[0]), float(found[1]) if len(found) > 1 else 0.0


def _has(part: Part, engine: str, pair: Pair) -> bool:
    return all(with_engine(stack, engine) in part.stacks for stack in pair.stacks)


def _judge(
    key: CellKey, baseline: str, engines: Sequence[str], seconds: Seconds, times: Mapping[tuple[int, str], float], rules: Rules
) -> BreakEven | None:
    """Return the row of a pair, from the launches in which all its cells gave a rate; None where no launch did."""
    stacks = key.stack, baseline
    launches = sorted(
        set.intersection(*(set(seconds[stack, engine]) for stack in stacks for engine in engines)) & {one for one, _ in times}
    )
    if not launches:
        return None
    level = rules.levels["exploratory"]
    measured = [
        _Measured(
            engine,
            np.array([times[launch, engine] for launch in launches]),
            np.array([seconds[key.stack, engine][launch] * 1e3 for launch in launches]),
            np.array([seconds[baseline, engine][launch] * 1e3 for launch in launches]),
            level,
        )
        for engine in engines
    ]
    measured.sort(key=lambda one: median(one.model_ms))
    narrow = [one for one in measured if one.is_narrow(rules.widest_point)]
    drawn = narrow if len(narrow) >= rules.least_engines else measured
    curve = _Curve.fit(drawn, level)
    if curve is None:
        return None
    longest_ms = max(one.time.estimate for one in drawn)
    points = tuple(CurvePoint(model_ms, curve.at(model_ms)) for model_ms in _grid(drawn, longest_ms))
    own_ms = curve.interval(curve.contender[:, 0])
    return BreakEven(
        part=key.part,
        contender=key.stack,
        baseline=baseline,
        scenario=key.scenario,
        load=key.load,
        launches=len(launches),
        contender_overhead_ms=own_ms,
        baseline_overhead_ms=curve.interval(curve.baseline[:, 0]),
        contender_launches_ms=tuple(curve.contender[:, 0].tolist()),
        baseline_launches_ms=tuple(curve.baseline[:, 0].tolist()),
        contender_slope=curve.interval(curve.contender[:, 1]),
        baseline_slope=curve.interval(curve.baseline[:, 1]),
        longest_ms=longest_ms,
        points=tuple(_point(one, curve, is_drawn=one in drawn) for one in measured),
        curve=points,
        thresholds=tuple(_threshold(within, points, own_ms.estimate) for within in rules.thresholds),
    )


@dataclass(frozen=True, eq=False)
class _Measured:
    """What one engine gave: its time, and the time per answer of both stacks, in ms, one value per launch."""

    engine: str
    model_ms: Floats
    contender_ms: Floats
    baseline_ms: Floats
    level: float

    @property
    def log_ratios(self) -> Floats:
        """The logs of the throughput ratio, by launch."""
        return np.log(self.baseline_ms / self.contender_ms)

    @property
    def time(self) -> Interval:
        """The time of a prediction, over launches."""
        return _over(self.model_ms, self.level)

    @property
    def ratio(self) -> Interval:
        """The measured ratio, over launches."""
        return exponential(_over(self.log_ratios, self.level))

    def is_narrow(self, widest: float) -> bool:
        """Whether the ratio is known to `widest`, as ratio minus 1, to either side; it is not known of one launch or two."""
        ends = self.ratio.ends
        return ends is None or math.log(ends[1] / ends[0]) / 2 <= math.log1p(widest)


@dataclass(frozen=True)
class _Curve:
    """The curve of a pair: overhead and slope of both stacks, a row per launch, and how far engines lie off that, at their times."""

    contender: Floats
    baseline: Floats
    nodes_ms: Floats
    off: Floats
    level: float

    @classmethod
    def fit(cls, engines: Sequence[_Measured], level: float) -> "_Curve | None":
        """Return the curve through engines in the order of their times; None where an overhead comes out as no time."""
        times = np.stack([one.model_ms for one in engines])
        contender, baseline = (
            np.array([fit_stack(own[:, place], times[:, place]) for place in range(times.shape[1])])
            for own in (np.stack([one.contender_ms for one in engines]), np.stack([one.baseline_ms for one in engines]))
        )
        if min(contender[:, 0].min(), baseline[:, 0].min()) <= 0:
            return None
        nodes_ms = np.array([one.time.estimate for one in engines])
        bare = cls(contender, baseline, nodes_ms, np.zeros_like(times), level)
        off = np.stack([one.log_ratios - bare.fitted(one.model_ms) for one in engines])
        return cls(contender, baseline, nodes_ms, off, level)

    def fitted(self, model_ms: float | Floats) -> Floats:
        """Return the log ratio of the fit, by launch, for one time or for that of each launch."""
        sides = [fit[:, 0] + (1 + fit[:, 1]) * model_ms for fit in (self.baseline, self.contender)]
        return np.log(sides[0] / sides[1])

    def at(self, model_ms: float) -> Interval:
        """Return the ratio for a model of `model_ms`."""
        place = np.log(max(model_ms, self.nodes_ms[0]))
        logs = [np.interp(place, np.log(self.nodes_ms), self.off[:, launch]) for launch in range(self.off.shape[1])]
        return exponential(self.interval(self.fitted(model_ms) + np.array(logs)))

    def interval(self, values: Floats) -> Interval:
        """Return the estimate over launches."""
        return _over(values, self.level)


def _over(values: Floats, level: float) -> Interval:
    interval = hodges_lehmann(values, level)
    assert interval is not None  # noqa: S101 - there are launches
    return interval


def _grid(engines: Sequence[_Measured], longest_ms: float) -> list[float]:
    """Return the times of the curve: no model, evenly on a log scale up to the slowest one, and every engine's own."""
    return sorted({0.0, *np.geomspace(longest_ms / 1e4, longest_ms, CURVE_POINTS).tolist(), *(one.time.estimate for one in engines)})


def _point(one: _Measured, curve: _Curve, *, is_drawn: bool) -> BreakEvenPoint:
    """Return what an engine's times per answer say, launch by launch, beside the fit."""
    off = curve.interval(one.log_ratios - curve.fitted(one.model_ms))
    return BreakEvenPoint(
        engine=one.engine,
        model=one.time,
        interval=one.ratio,
        curve_ratio=math.exp(curve.interval(curve.fitted(one.model_ms)).estimate),
        off_curve=off.ends is not None and abs(off.estimate) > ROUNDING and not off.ends[0] <= 0 <= off.ends[1],
        contender_overhead_ms=curve.interval(one.contender_ms - one.model_ms),
        baseline_overhead_ms=curve.interval(one.baseline_ms - one.model_ms),
        off=exponential(off),
        is_drawn=is_drawn,
    )


def _threshold(within: float, curve: Sequence[CurvePoint], own_ms: float) -> Threshold:
    """Return from which time on the curve stays within 1 + `within` and its inverse: 0 where it always does.

    Until the low end of the interval the whole interval of the ratio is farther off; from the high end on, if there is one, all of it is
    near.
    """
    limit = math.log1p(within)
    estimate = _last(curve, limit, lambda point: (math.log(point.ratio), -math.log(point.ratio)))
    low = high = None
    if all(point.interval.ends for point in curve):
        low = _last(curve, limit, lambda point: (math.log(point.interval.low or 1), -math.log(point.interval.high or 1)))
        high = _last(curve, limit, lambda point: (math.log(point.interval.high or 1), -math.log(point.interval.low or 1)))
    longest_ms = curve[-1].model_ms
    level = curve[0].interval.level if low is not None else None
    model = Interval(longest_ms if estimate is None else estimate, low, high, level)
    ends = [None if end is None else end / own_ms for end in (low, high)]
    return Threshold(within, model, estimate is not None, Interval(model.estimate / own_ms, ends[0], ends[1], level))


def _last(curve: Sequence[CurvePoint], limit: float, reach: Callable[[CurvePoint], tuple[float, float]]) -> float | None:
    """Return after which time no point of the curve reaches beyond the limit, to either side; None where the last one does."""
    beyond = [max(reach(point)) - limit for point in curve]
    if beyond[-1] > 0:
        return None
    place = max((number for number, over in enumerate(beyond) if over > 0), default=None)
    if place is None:
        return 0.0
    one, other = curve[place].model_ms, curve[place + 1].model_ms
    share = beyond[place] / (beyond[place] - beyond[place + 1])
    return one + share * (other - one) if one <= 0 else one * (other / one) ** share
