"""The break-even curve finds overheads that are known, says from when on a ratio is near 1, and shows what lies off it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from judge_rows import make_slice, small_config

from bench.judge.break_even import fit_overhead_ms, judge_break_even, ratio_at, time_within
from bench.judge.estimates import hodges_lehmann
from bench.judge.index import index_slices
from bench.plan.profiles import Part
from bench.plan.rules import Rules
from bench.records import ModelTime

LEVEL = 0.95
# A slice so long that its number of answers has the rate to many digits.
LONG = {"start_ns": 0, "settled_ns": 0, "end_ns": 10**18, "drained_ns": 10**18}
MODEL_MS = {"constant": 0.0002, "numpy": 0.004, "spin-1ms": 1.01, "spin-10ms": 10.03}
OVERHEAD_MS = {"fastapi-uvicorn": 0.12, "flask-gthread": 0.25}
FLASK_NUMPY = "flask-gthread"


def name(stack, engine):
    return stack if engine == "numpy" else f"{stack}@{engine}"


def make_part(engines=tuple(MODEL_MS), stacks=tuple(OVERHEAD_MS), launches=6):
    names = tuple(name(stack, engine) for stack in stacks for engine in engines)
    return Part("break-even", names, ("predict-1",), ("closed-16",), launches, blocks=1, mirrored=False)


def config_of(*parts):
    return replace(small_config(), parts=parts)


def slices_of(part, *, overheads=OVERHEAD_MS, speeds=None, noise=0.0, factors=None):
    """Return one slice per cell and launch whose rate is 1 / (overhead + model); all of a launch is slower by its speed."""
    draw = np.random.default_rng(7)
    rows = []
    for launch in range(1, part.launches + 1):
        for cell in part.stacks:
            stack, _, engine = cell.partition("@")
            ms = (overheads[stack] + MODEL_MS[engine or "numpy"]) * (speeds or {}).get(launch, 1) * (factors or {}).get(cell, 1)
            rate = 1e3 / ms * math.exp(draw.normal(0, noise))
            rows.append(make_slice(launch=launch, part=part.name, stack=cell, throughput_rps=rate, **LONG))
    return rows


def times_of(part, engines=tuple(MODEL_MS), speeds=None):
    return [
        ModelTime(launch, part.name, engine, MODEL_MS[engine] * (speeds or {}).get(launch, 1))
        for launch in range(1, part.launches + 1)
        for engine in engines
    ]


def judge(part, slices, times):
    return judge_break_even(config_of(part), index_slices(slices), times)


def judged(part, **options):
    [row] = judge(part, slices_of(part, **options), times_of(part, speeds=options.get("speeds")))
    return row


def test_exact_rates_give_the_overheads_and_a_curve_through_every_point():
    row = judged(make_part())
    assert (row.contender, row.baseline, row.launches) == ("fastapi-uvicorn", "flask-gthread", 6)
    assert row.contender_overhead_ms.estimate == pytest.approx(0.12)
    assert row.baseline_overhead_ms.estimate == pytest.approx(0.25)
    assert [point.engine for point in row.points] == list(MODEL_MS)
    for point in row.points:
        assert point.ratio == pytest.approx((0.25 + point.model_ms) / (0.12 + point.model_ms))
        assert point.curve_ratio == pytest.approx(point.ratio)
        assert not point.off_curve
        assert (point.contender_overhead_ms.estimate, point.baseline_overhead_ms.estimate) == pytest.approx((0.12, 0.25))


def test_an_open_loop_has_no_curve_since_its_rate_is_what_was_offered():
    part = replace(make_part(), loads=("closed-16", "open-60"))
    rows = slices_of(part)
    offered = [replace(record, load="open-60", settled_answers=10**11) for record in rows]
    assert [row.load for row in judge(part, [*offered, *rows], times_of(part))] == ["closed-16"]


def test_the_curve_runs_from_no_model_to_the_slowest_engine():
    row = judged(make_part())
    times = [point.model_ms for point in row.curve]
    assert times == sorted(times)
    assert times[0] == 0
    assert row.curve[0].ratio == pytest.approx(0.25 / 0.12)
    assert times[-1] == pytest.approx(row.longest_ms) == pytest.approx(MODEL_MS["spin-10ms"])
    assert [point.ratio for point in row.curve] == sorted((point.ratio for point in row.curve), reverse=True)


def test_a_launch_in_which_all_was_slower_changes_neither_ratio_nor_interval():
    row = judged(make_part(), speeds={3: 1.4})
    assert row.points[1].ratio == pytest.approx(0.254 / 0.124)
    assert row.points[1].interval.low == pytest.approx(row.points[1].interval.high)


def test_slices_of_a_launch_count_by_their_total_so_that_a_pause_in_one_of_them_is_a_cost():
    part = make_part()
    halves = [
        replace(record, slice=place, settled_answers=record.settled_answers // divisor)
        for record in slices_of(part)
        for place, divisor in enumerate((1, 1, 2 if record.stack == FLASK_NUMPY else 1))
    ]
    [row] = judge(part, halves, times_of(part))
    ratios = {point.engine: point.ratio for point in row.points}
    assert ratios["numpy"] == pytest.approx(0.254 / 0.124 * 3 / 2.5)
    assert ratios["constant"] == pytest.approx(0.2502 / 0.1202)


def test_intervals_of_overheads_cover_the_truth_almost_as_often_as_they_say():
    model_ms = np.array(list(MODEL_MS.values()))
    noise = np.exp(np.random.default_rng(20261125).normal(0, 0.02, (500, 8, len(model_ms))))
    found = [
        hodges_lehmann(np.array([fit_overhead_ms((0.25 + model_ms) * own / 1e3, model_ms) for own in launches]), LEVEL)
        for launches in noise
    ]
    assert np.mean([interval.low <= 0.25 <= interval.high for interval in found]) >= 0.93


def test_an_engine_that_does_more_than_add_its_time_lies_off_the_curve():
    row = judged(make_part(), noise=0.003, factors={"flask-gthread@spin-1ms": 1.3})
    assert {point.engine for point in row.points if point.off_curve} >= {"spin-1ms"}
    found = {point.engine: point.baseline_overhead_ms.estimate for point in row.points}
    assert found["spin-1ms"] == pytest.approx(1.3 * (0.25 + 1.01) - 1.01, rel=0.02)
    assert found["numpy"] == pytest.approx(0.25, rel=0.02)


@pytest.mark.parametrize("within", Rules().thresholds)
def test_where_the_curve_comes_near_one_its_ratio_is_just_that_near(within):
    [faster, slower] = [0.12] * 6, [0.25] * 6
    at_ms = time_within(faster, slower, within, LEVEL).estimate
    assert ratio_at(faster, slower, at_ms, LEVEL).estimate == pytest.approx(1 + within)
    assert time_within(slower, faster, within, LEVEL).estimate == pytest.approx(at_ms)
    assert ratio_at(slower, faster, at_ms, LEVEL).estimate == pytest.approx(1 / (1 + within))


def test_a_pair_that_is_always_near_one_is_so_from_no_model_on():
    threshold = time_within([0.12] * 6, [0.125] * 6, 0.1, LEVEL)
    assert (threshold.estimate, threshold.low, threshold.high) == (0, 0, 0)


def test_a_threshold_beyond_the_slowest_engine_is_not_measured():
    part = make_part(("constant", "numpy", "spin-1ms"))
    [row] = judge(part, slices_of(part), times_of(part, ("constant", "numpy", "spin-1ms")))
    assert {threshold.within: threshold.is_measured for threshold in row.thresholds} == {
        0.5: True, 0.2: True, 0.1: False, 0.05: False, 0.02: False,
    }  # fmt: skip


def test_the_fit_takes_off_the_time_of_the_model_and_weighs_fast_engines_more():
    seconds = np.array([0.000_120, 0.001_120, 0.010_620])  # the slowest is off by half a millisecond
    assert fit_overhead_ms(seconds, np.array([0.0, 1.0, 10.0])) == pytest.approx(0.12, abs=0.001)


@pytest.mark.parametrize("engines", [("numpy",), ("numpy", "constant")])
def test_two_engines_make_no_curve(engines):
    part = make_part(engines)
    assert judge(part, slices_of(part), times_of(part, engines)) == []


def test_without_times_or_slices_there_is_no_curve():
    part = make_part()
    assert judge(part, slices_of(part), []) == []
    assert judge(part, [], times_of(part)) == []


def test_a_launch_in_which_a_cell_gave_no_rate_is_left_out():
    part = make_part()
    slices = [
        replace(record, settled_answers=0) if record.launch == 2 and record.stack == FLASK_NUMPY else record for record in slices_of(part)
    ]
    [row] = judge(part, slices, times_of(part))
    assert row.launches == 5


def test_one_launch_has_a_curve_without_an_interval():
    row = judged(make_part(launches=1))
    assert row.curve[0].ratio == pytest.approx(0.25 / 0.12)
    assert row.curve[0].interval.low is None
    assert not any(point.off_curve for point in row.points)


def test_a_fit_without_a_positive_overhead_is_no_curve():
    part = make_part()
    assert judge(part, slices_of(part, overheads={"fastapi-uvicorn": -0.0001, "flask-gthread": 0.25}), times_of(part)) == []


def test_only_pairs_that_have_every_engine_in_the_part_are_judged():
    part = replace(make_part(), stacks=make_part().stacks[:-1])  # flask-gthread@spin-10ms is not measured
    engines = ("constant", "numpy", "spin-1ms")
    [row] = judge(part, slices_of(part), times_of(part))
    assert [point.engine for point in row.points] == list(engines)
