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
from statistics import median

import numpy as np

from bench.findings import BreakEven, BreakEvenPoint, CurvePoint, Threshold
from bench.judge.estimates import Floats, exponential, hodges_lehmann
from bench.plan.config import BenchConfig
from bench.plan.loads import parse_load
from bench.plan.profiles import Part
from bench.plan.rules import LEVELS
from bench.plan.stacks import with_engine
from bench.records import CellKey, Interval, ModelTime, SliceRecord

LEAST_ENGINES = 3
# A ratio of 1.1 and one of 1 / 1.1 are equally far from 1.
THRESHOLDS = (0.5, 0.2, 0.1, 0.05, 0.02)
CURVE_POINTS = 41

# (stack, engine) -> launch -> seconds per answer at saturation
Seconds = Mapping[tuple[str, str], Mapping[int, float]]


def judge_break_even(config: BenchConfig, slices: Iterable[SliceRecord], times: Sequence[ModelTime]) -> list[BreakEven]:
    """Return one row for each pair that was measured with at least three engines of known time in one part."""
    grouped: dict[CellKey, dict[int, list[float]]] = {}
    for record in slices:
        if not record.warm_up and record.throughput_rps:
            grouped.setdefault(record.key, {}).setdefault(record.launch, []).append(record.throughput_rps)
    rows = []
    for part in config.parts:
        known = {(time.launch, time.engine): time.model_ms for time in times if time.part == part.name}
        for contender, baseline in config.pairs:
            engines = [engine for engine in dict.fromkeys(engine for _, engine in known) if _has(part, engine, contender, baseline)]
            for scenario in part.scenarios if len(engines) >= LEAST_ENGINES else ():
                for load in (load for load in part.loads if not parse_load(load).is_open):
                    seconds = {
                        (stack, engine): {
                            launch: 1 / float(np.mean(rates))
                            for launch, rates in grouped.get(CellKey(part.name, with_engine(stack, engine), scenario, load), {}).items()
                        }
                        for stack in (contender, baseline)
                        for engine in engines
                    }
                    row = _judge(CellKey(part.name, contender, scenario, load), baseline, engines, seconds, known)
                    rows += [row] if row else []
    return rows


def ratio_at(contender_ms: Sequence[float], baseline_ms: Sequence[float], model_ms: float) -> Interval | None:
    """Return the curve's ratio for a model of `model_ms`, from the overheads of each launch."""
    logs = [math.log((slow + model_ms) / (fast + model_ms)) for fast, slow in zip(contender_ms, baseline_ms, strict=True)]
    interval = hodges_lehmann(np.array(logs), LEVELS["exploratory"])
    return exponential(interval) if interval else None


def time_within(contender_ms: Sequence[float], baseline_ms: Sequence[float], within: float) -> Interval | None:
    """Return from which model time on the curve's ratio is within 1 + `within` and 1 / (1 + `within`); 0 where it always is."""
    values = [(max(fast, slow) - min(fast, slow) * (1 + within)) / within for fast, slow in zip(contender_ms, baseline_ms, strict=True)]
    interval = hodges_lehmann(np.array(values), LEVELS["exploratory"])
    if interval is None:
        return None
    low, high = (None if end is None else max(0.0, end) for end in (interval.low, interval.high))
    return Interval(max(0.0, interval.estimate), low, high, interval.level)


def fit_overhead_ms(seconds_per_answer: Floats, model_ms: Floats) -> float:
    """Return the overhead of a stack in one launch: what is left of its time per answer when the model's is taken off."""
    per_answer_ms = seconds_per_answer * 1e3
    weights = per_answer_ms**-2.0
    return float((weights * (per_answer_ms - model_ms)).sum() / weights.sum())


def _has(part: Part, engine: str, *stacks: str) -> bool:
    return all(with_engine(stack, engine) in part.stacks for stack in stacks)


def _judge(
    key: CellKey, baseline: str, engines: Sequence[str], seconds: Seconds, times: Mapping[tuple[int, str], float]
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
    pair = (overheads[contender], overheads[baseline])
    points = []
    for engine in sorted(engines, key=lambda name: median(model_ms[name])):
        fast, slow = (np.array([seconds[stack, engine][launch] for launch in launches]) * 1e3 for stack in (contender, baseline))
        points.append(_point(engine, fast, slow, model_ms[engine], pair))
    longest_ms = max(point.model_ms for point in points)
    return BreakEven(
        part=key.part,
        contender=contender,
        baseline=baseline,
        scenario=key.scenario,
        load=key.load,
        launches=len(launches),
        contender_overhead_ms=_interval(pair[0]),
        baseline_overhead_ms=_interval(pair[1]),
        contender_launches_ms=tuple(pair[0]),
        baseline_launches_ms=tuple(pair[1]),
        longest_ms=longest_ms,
        points=tuple(points),
        curve=tuple(_curve(pair, longest_ms)),
        thresholds=tuple(_thresholds(pair, longest_ms)),
    )


def _point(
    engine: str, contender_ms: Floats, baseline_ms: Floats, model_ms: Floats, pair: tuple[Sequence[float], Sequence[float]]
) -> BreakEvenPoint:
    """Return what an engine's times per answer say, launch by launch, beside the curve of the overheads of `pair`."""
    time, ratio = _interval(model_ms), hodges_lehmann(np.log(baseline_ms / contender_ms), LEVELS["exploratory"])
    curve = ratio_at(*pair, time.estimate)
    assert ratio is not None  # noqa: S101 - there are launches
    assert curve is not None  # noqa: S101
    measured = exponential(ratio)
    is_off = None not in (measured.low, measured.high, curve.low, curve.high) and not _overlap(measured, curve)
    return BreakEvenPoint(
        engine=engine,
        model_ms=time.estimate,
        model_ms_low=time.low,
        model_ms_high=time.high,
        ratio=measured.estimate,
        ci_low=measured.low,
        ci_high=measured.high,
        level=measured.level,
        curve_ratio=curve.estimate,
        off_curve=is_off,
        contender_overhead_ms=_interval(contender_ms - model_ms),
        baseline_overhead_ms=_interval(baseline_ms - model_ms),
    )


def _overlap(one: Interval, other: Interval) -> bool:
    assert one.low is not None  # noqa: S101 - asked before
    assert one.high is not None  # noqa: S101
    assert other.low is not None  # noqa: S101
    assert other.high is not None  # noqa: S101
    slack = 1 + 1e-9  # equal figures differ by rounding
    return one.low <= other.high * slack and other.low <= one.high * slack


def _interval(values: Sequence[float] | Floats) -> Interval:
    interval = hodges_lehmann(np.array(values), LEVELS["exploratory"])
    assert interval is not None  # noqa: S101 - there are launches
    return interval


def _curve(pair: tuple[Sequence[float], Sequence[float]], longest_ms: float) -> Iterable[CurvePoint]:
    """Yield the curve from no model to the slowest one measured, evenly on a log scale."""
    shortest_ms = longest_ms / 1e4
    for model_ms in [0.0, *np.geomspace(shortest_ms, longest_ms, CURVE_POINTS).tolist()]:
        interval = ratio_at(*pair, model_ms)
        assert interval is not None  # noqa: S101 - there are launches
        yield CurvePoint(model_ms, interval.estimate, interval.low, interval.high)


def _thresholds(pair: tuple[Sequence[float], Sequence[float]], longest_ms: float) -> Iterable[Threshold]:
    for within in THRESHOLDS:
        interval = time_within(*pair, within)
        assert interval is not None  # noqa: S101 - there are launches
        yield Threshold(within, interval.estimate, interval.low, interval.high, interval.level, interval.estimate <= longest_ms)
