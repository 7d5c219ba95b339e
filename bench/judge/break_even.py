"""From which model on does the framework no longer matter? Throughput ratio against the time a prediction takes. Pure.

The curve: if the model only adds its time t, then 1 / throughput = overhead + t for each stack, and the ratio of two is
(overhead of the baseline + t) / (overhead of the contender + t). A stack's overhead is fitted per launch by least squares,
each engine's equation weighted by the square of its throughput (all are then known to the same share); over launches the
Hodges-Lehmann estimate with its exact interval, of the curve at each t and of each t that is asked for. Measured ratios are
shown beside the curve, with the overheads that each engine has by itself: one that lies off it is a stack whose model does more
than add its time.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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

CURVE_POINTS = 41

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


def ratio_at(contender_ms: Sequence[float], baseline_ms: Sequence[float], model_ms: float, level: float) -> Interval | None:
    """Return the curve's ratio for a model of `model_ms`, from the overheads of each launch."""
    logs = [math.log((slow + model_ms) / (fast + model_ms)) for fast, slow in zip(contender_ms, baseline_ms, strict=True)]
    interval = hodges_lehmann(np.array(logs), level)
    return exponential(interval) if interval else None


def time_within(contender_ms: Sequence[float], baseline_ms: Sequence[float], within: float, level: float) -> Interval | None:
    """Return from which model time on the curve's ratio is within 1 + `within` and 1 / (1 + `within`); 0 where it always is."""
    values = [(max(fast, slow) - min(fast, slow) * (1 + within)) / within for fast, slow in zip(contender_ms, baseline_ms, strict=True)]
    interval = hodges_lehmann(np.array(values), level)
    if interval is None:
        return None
    low, high = (None if end is None else max(0.0, end) for end in (interval.low, interval.high))
    return Interval(max(0.0, interval.estimate), low, high, interval.level)


def fit_overhead_ms(seconds_per_answer: Floats, model_ms: Floats) -> float:
    """Return the overhead of a stack in one launch: what is left of its time per answer when the model's is taken off."""
    per_answer_ms = seconds_per_answer * 1e3
    weights = per_answer_ms**-2.0
    return float((weights * (per_answer_ms - model_ms)).sum() / weights.sum())


def _has(part: Part, engine: str, pair: Pair) -> bool:
    return all(with_engine(stack, engine) in part.stacks for stack in pair.stacks)


def _judge(
    key: CellKey, baseline: str, engines: Sequence[str], seconds: Seconds, times: Mapping[tuple[int, str], float], rules: Rules
) -> BreakEven | None:
    """Return the row of a pair, from the launches in which all its cells gave a rate; None where no launch did."""
    contender = key.stack
    cells = [(stack, engine) for stack in (contender, baseline) for engine in engines]
    launches = sorted(set.intersection(*(set(seconds[cell]) for cell in cells)) & {launch for launch, _ in times})
    if not launches:
        return None
    model_ms = {engine: np.array([times[launch, engine] for launch in launches]) for engine in engines}
    overheads = {
        stack: [
            fit_overhead_ms(
                np.array([seconds[stack, engine][launch] for engine in engines]), np.array([times[launch, engine] for engine in engines])
            )
            for launch in launches
        ]
        for stack in (contender, baseline)
    }
    if min(min(values) for values in overheads.values()) <= 0:  # not a time: such a run says nothing of a curve
        return None
    curve = _Curve(overheads[contender], overheads[baseline], rules.levels["exploratory"])
    points = []
    for engine in sorted(engines, key=lambda name: median(model_ms[name])):
        fast, slow = (np.array([seconds[stack, engine][launch] for launch in launches]) * 1e3 for stack in (contender, baseline))
        points.append(_point(engine, fast, slow, model_ms[engine], curve))
    longest_ms = max(point.model.estimate for point in points)
    return BreakEven(
        part=key.part,
        contender=contender,
        baseline=baseline,
        scenario=key.scenario,
        load=key.load,
        launches=len(launches),
        contender_overhead_ms=curve.interval(curve.contender_ms),
        baseline_overhead_ms=curve.interval(curve.baseline_ms),
        contender_launches_ms=tuple(curve.contender_ms),
        baseline_launches_ms=tuple(curve.baseline_ms),
        longest_ms=longest_ms,
        points=tuple(points),
        curve=tuple(curve.points(longest_ms)),
        thresholds=tuple(curve.thresholds(rules.thresholds, longest_ms)),
    )


@dataclass(frozen=True)
class _Curve:
    """The curve of a pair: the overheads of both stacks, launch by launch, and the level of what is said of it."""

    contender_ms: Sequence[float]
    baseline_ms: Sequence[float]
    level: float

    def at(self, model_ms: float) -> Interval:
        """Return the ratio for a model of `model_ms`."""
        interval = ratio_at(self.contender_ms, self.baseline_ms, model_ms, self.level)
        assert interval is not None  # noqa: S101 - there are launches
        return interval

    def interval(self, values: Sequence[float] | Floats) -> Interval:
        """Return the estimate over launches."""
        interval = hodges_lehmann(np.array(values), self.level)
        assert interval is not None  # noqa: S101 - there are launches
        return interval

    def points(self, longest_ms: float) -> Iterable[CurvePoint]:
        """Yield the curve from no model to the slowest one measured, evenly on a log scale."""
        shortest_ms = longest_ms / 1e4
        for model_ms in [0.0, *np.geomspace(shortest_ms, longest_ms, CURVE_POINTS).tolist()]:
            yield CurvePoint(model_ms, self.at(model_ms))

    def thresholds(self, limits: Iterable[float], longest_ms: float) -> Iterable[Threshold]:
        """Yield from which model time on the ratio is within each of the limits."""
        for within in limits:
            interval = time_within(self.contender_ms, self.baseline_ms, within, self.level)
            assert interval is not None  # noqa: S101 - there are launches
            yield Threshold(within, interval, interval.estimate <= longest_ms)


def _point(engine: str, contender_ms: Floats, baseline_ms: Floats, model_ms: Floats, curve: _Curve) -> BreakEvenPoint:
    """Return what an engine's times per answer say, launch by launch, beside the curve."""
    time, measured = curve.interval(model_ms), exponential(curve.interval(np.log(baseline_ms / contender_ms)))
    expected = curve.at(time.estimate)
    return BreakEvenPoint(
        engine=engine,
        model=time,
        interval=measured,
        curve_ratio=expected.estimate,
        off_curve=not _touch(measured.ends, expected.ends),
        contender_overhead_ms=curve.interval(contender_ms - model_ms),
        baseline_overhead_ms=curve.interval(baseline_ms - model_ms),
    )


def _touch(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    """Whether two intervals share a point; what is not known is not told apart."""
    slack = 1 + 1e-9  # equal figures differ by rounding
    return one is None or other is None or (one[0] <= other[1] * slack and other[0] <= one[1] * slack)
