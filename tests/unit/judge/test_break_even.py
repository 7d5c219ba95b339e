"""The break-even curve finds overheads and slopes that are known, goes through what was measured, and says when a ratio is near 1."""

import math
from dataclasses import replace

import numpy as np
import pytest
from judge_rows import make_slice, small_config

from bench.judge.break_even import SLOPE_FROM_MS, fit_stack, judge_break_even, ratio_at
from bench.judge.index import index_slices
from bench.plan.profiles import Part
from bench.plan.rules import Rules
from bench.records import ModelTime

RULES = Rules()
# A slice so long that its number of answers has the rate to many digits.
LONG = {"start_ns": 0, "settled_ns": 0, "end_ns": 10**18, "drained_ns": 10**18}
MODEL_MS = {"constant": 0.0002, "numpy": 0.004, "spin-1ms": 1.01, "spin-10ms": 10.03}
OVERHEAD_MS = {"fastapi-uvicorn": 0.12, "flask-gthread": 0.25}
NO_SLOPE = {"fastapi-uvicorn": 0.0, "flask-gthread": 0.0}
SLOPES = {"fastapi-uvicorn": 0.01, "flask-gthread": 0.05}
FLASK_NUMPY = "flask-gthread"
PLAN = small_config()


def name(stack, engine):
    return stack if engine == "numpy" else f"{stack}@{engine}"


def make_part(engines=tuple(MODEL_MS), stacks=tuple(OVERHEAD_MS), launches=8):
    names = tuple(name(stack, engine) for stack in stacks for engine in engines)
    return Part("break-even", names, ("predict-1",), ("closed-16",), launches, blocks=1, mirrored=False)


def config_of(*parts):
    return replace(PLAN, parts=parts)


def slices_of(part, *, overheads=OVERHEAD_MS, slopes=NO_SLOPE, speeds=None, noise=0.0, common=0.0, factors=None, seed=7):
    """Return one slice per cell and launch whose time per answer is overhead + (1 + slope) x model.

    All of a launch is slower by its speed, a cell in every launch by its factor; `noise` is a cell's own from launch to launch, `common`
    that of both stacks with an engine.
    """
    draw = np.random.default_rng(seed)
    rows = []
    for launch in range(1, part.launches + 1):
        of_engine = {engine: draw.normal(0, common) for engine in MODEL_MS}
        for cell in part.stacks:
            stack, _, engine = cell.partition("@")
            ms = overheads[stack] + (1 + slopes[stack]) * MODEL_MS[engine or "numpy"]
            ms *= (speeds or {}).get(launch, 1) * (factors or {}).get(cell, 1) * math.exp(of_engine[engine or "numpy"])
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


def judged(part, *, engines=tuple(MODEL_MS), **options):
    [row] = judge(part, slices_of(part, **options), times_of(part, engines, options.get("speeds")))
    return row


def points_of(row):
    return {point.engine: point for point in row.points}


def threshold_of(row, within):
    return next(threshold for threshold in row.thresholds if threshold.within == within)


def time_within(within, slopes=NO_SLOPE):
    """Return from which time on FastAPI, the faster stack, is faster by no more than `within`."""
    fast, slow = OVERHEAD_MS.values()
    of_fast, of_slow = slopes.values()
    return (slow - fast * (1 + within)) / ((1 + within) * (1 + of_fast) - (1 + of_slow))


# --- the fit --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slopes", [NO_SLOPE, SLOPES, {"fastapi-uvicorn": 0.3, "flask-gthread": -0.02}])
def test_exact_rates_give_the_overheads_the_slopes_and_a_fit_through_every_point(slopes):
    row = judged(make_part(), slopes=slopes)
    assert (row.contender, row.baseline, row.launches) == ("fastapi-uvicorn", "flask-gthread", 8)
    assert (row.contender_overhead_ms.estimate, row.baseline_overhead_ms.estimate) == pytest.approx((0.12, 0.25))
    assert (row.contender_launches_ms, row.baseline_launches_ms) == (pytest.approx((0.12,) * 8), pytest.approx((0.25,) * 8))
    assert (row.contender_slope.estimate, row.baseline_slope.estimate) == pytest.approx(tuple(slopes.values()), abs=1e-8)
    assert [point.engine for point in row.points] == list(MODEL_MS)
    for point in row.points:
        sides = [OVERHEAD_MS[stack] + (1 + slopes[stack]) * point.model_ms for stack in ("flask-gthread", "fastapi-uvicorn")]
        assert point.ratio == pytest.approx(sides[0] / sides[1])
        assert point.curve_ratio == pytest.approx(point.ratio)
        assert (point.off.estimate, point.off_curve, point.is_drawn) == (pytest.approx(1), False, True)


def test_an_engine_has_the_overheads_that_it_has_by_itself():
    row = judged(make_part(), factors={"flask-gthread@spin-1ms": 1.3})
    found = {engine: point.baseline_overhead_ms.estimate for engine, point in points_of(row).items()}
    assert found == pytest.approx({**dict.fromkeys(MODEL_MS, 0.25), "spin-1ms": 1.3 * (0.25 + 1.01) - 1.01})


@pytest.mark.parametrize("overhead", [0.05, 2.0])
@pytest.mark.parametrize("slope", [0.0, 0.4, -0.1])
def test_a_stack_of_which_every_engine_says_the_same_has_its_overhead_and_slope(overhead, slope):
    model_ms = np.array([0.0, 0.002, 0.7, 30.0])
    assert fit_stack(overhead + (1 + slope) * model_ms, model_ms) == pytest.approx((overhead, slope))


def test_every_decade_of_model_times_weighs_alike_however_many_engines_are_in_it():
    model_ms, per_answer_ms = np.array([0.002, 1.0, 10.0]), np.array([0.12, 1.35, 10.6])  # on no line
    many = np.array([0, 0, 0, 0, 0, 1, 2])
    found = fit_stack(per_answer_ms[many], model_ms[many])
    assert found == pytest.approx(fit_stack(per_answer_ms, model_ms))
    assert found != pytest.approx((0.12, 0.0), rel=0.01)


def test_errors_are_relative_so_that_half_a_millisecond_of_a_slow_engine_is_little():
    model_ms = np.array([0.002, 1.0, 10.0])
    overhead_ms, slope = fit_stack(0.12 + model_ms + np.array([0.0, 0.0, 0.5]), model_ms)
    assert (overhead_ms, slope) == (pytest.approx(0.12, rel=0.05), pytest.approx(0.03, abs=0.02))


@pytest.mark.parametrize(("slowest_ms", "slope"), [(0.99 * SLOPE_FROM_MS, 0.0), (SLOPE_FROM_MS, 0.3)])
def test_without_an_engine_of_about_a_millisecond_there_is_no_slope(slowest_ms, slope):
    model_ms = np.array([0.0, 0.002, slowest_ms])
    overhead_ms, found = fit_stack(0.12 + 1.3 * model_ms, model_ms)
    assert found == pytest.approx(slope)
    assert 0.119 < overhead_ms < 0.12 + 0.3 * slowest_ms


def test_a_fit_without_a_positive_overhead_is_no_curve():
    part = make_part()
    assert judge(part, slices_of(part, overheads={"fastapi-uvicorn": -0.0001, "flask-gthread": 0.25}), times_of(part)) == []


# --- what is judged -------------------------------------------------------------------------------------------------


def test_an_open_loop_has_no_curve_since_its_rate_is_what_was_offered():
    part = replace(make_part(), loads=("closed-16", "busy-40"))
    rows = slices_of(part)
    offered = [replace(record, load="busy-40", settled_answers=10**11) for record in rows]
    assert [row.load for row in judge(part, [*offered, *rows], times_of(part))] == ["closed-16"]


def test_a_launch_in_which_all_was_slower_changes_neither_ratio_nor_interval():
    [_, point, *_] = judged(make_part(), speeds={3: 1.4}).points
    assert (point.ratio, *point.ends) == pytest.approx((0.254 / 0.124,) * 3)


def test_slices_of_a_launch_count_by_their_total_so_that_a_pause_in_one_of_them_is_a_cost():
    part = make_part()
    halves = [
        replace(record, slice=place, settled_answers=record.settled_answers // divisor)
        for record in slices_of(part)
        for place, divisor in enumerate((1, 1, 2 if record.stack == FLASK_NUMPY else 1))
    ]
    [row] = judge(part, halves, times_of(part))
    ratios = {engine: point.ratio for engine, point in points_of(row).items()}
    assert ratios["numpy"] == pytest.approx(0.254 / 0.124 * 3 / 2.5)
    assert ratios["constant"] == pytest.approx(0.2502 / 0.1202)


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
    assert row.launches == 7


def test_only_pairs_that_have_every_engine_in_the_part_are_judged():
    part = replace(make_part(), stacks=make_part().stacks[:-1])  # flask-gthread@spin-10ms is not measured
    [row] = judge(part, slices_of(part), times_of(part))
    assert [point.engine for point in row.points] == ["constant", "numpy", "spin-1ms"]


# --- the curve ------------------------------------------------------------------------------------------------------


def test_the_curve_falls_from_no_model_to_the_slowest_engine():
    row = judged(make_part())
    times, ratios = [point.model_ms for point in row.curve], [point.ratio for point in row.curve]
    assert times == sorted(set(times))
    assert ratios == sorted(ratios, reverse=True)
    assert (times[0], ratios[0]) == (0, pytest.approx(0.25 / 0.12))
    assert times[-1] == row.longest_ms == pytest.approx(MODEL_MS["spin-10ms"])


@pytest.mark.parametrize("model_ms", [0, 0.0001, 0.004, 0.05, 0.3, 1.7, 10.03])
@pytest.mark.parametrize("slopes", [NO_SLOPE, SLOPES])
def test_the_ratio_at_any_time_is_that_of_the_truth_where_all_is_exact(model_ms, slopes):
    found = ratio_at(judged(make_part(), slopes=slopes), model_ms)
    fast, slow = (OVERHEAD_MS[stack] + (1 + slopes[stack]) * model_ms for stack in OVERHEAD_MS)
    assert (found.estimate, *found.ends) == pytest.approx((slow / fast,) * 3, rel=1e-4)
    assert found.level >= RULES.levels["exploratory"]


def test_the_curve_goes_through_what_was_measured_wherever_the_fit_lies():
    row = judged(make_part(), noise=0.01, factors={"flask-gthread@spin-1ms": 1.3, "fastapi-uvicorn@numpy": 0.9})
    for point in row.points:
        assert abs(math.log(point.curve_ratio / point.ratio)) > 0.005
        found = ratio_at(row, point.model_ms)
        assert (found.estimate, *found.ends) == pytest.approx((point.ratio, *point.ends))


def test_beside_an_engine_off_the_fit_the_curve_bends_only_as_far_as_the_engines_on_either_side():
    usual, bent = (judged(make_part(), factors=factors) for factors in (None, {"flask-gthread@spin-1ms": 1.1}))

    def change(model_ms):
        return ratio_at(bent, model_ms).estimate / ratio_at(usual, model_ms).estimate

    assert [change(MODEL_MS[engine]) for engine in MODEL_MS] == pytest.approx([1, 1, 1.1, 1])
    assert 1 < change(0.1) < change(0.5) < 1.1 > change(2.0) > change(6.0) > 1
    halfway = [math.sqrt(MODEL_MS[engine] * MODEL_MS["spin-1ms"]) for engine in ("numpy", "spin-10ms")]  # on the log scale of a chart
    assert [change(model_ms) for model_ms in halfway] == pytest.approx([math.sqrt(1.1)] * 2, abs=0.01)


def test_one_launch_has_a_curve_without_an_interval():
    row = judged(make_part(launches=1))
    assert row.curve[0].ratio == pytest.approx(0.25 / 0.12)
    assert {(ratio_at(row, model_ms).ends, ratio_at(row, model_ms).level) for model_ms in (0, 0.5)} == {(None, None)}
    assert not any(point.off_curve for point in row.points)
    assert all(point.is_drawn for point in row.points)


@pytest.fixture(scope="module")
def simulated():
    """Return the rows of runs of which all is known: noise of each cell, and more of it that both stacks have in common."""
    return [judged(make_part(), noise=0.01, common=0.02, seed=seed) for seed in range(80)]


# --- engines that lie off, and those that are too uncertain ---------------------------------------------------------


def test_an_engine_is_off_by_what_differs_in_every_launch_though_the_launches_differ_by_more():
    """FastAPI is slower by up to half in one launch than in another, with all engines; with one engine it is always 5 % faster."""
    part = make_part()
    cells = [cell for cell in part.stacks if cell.startswith("fastapi")]
    rows = slices_of(part, noise=0.002, seed=1)
    for factor in (1, 0.95):
        own = {cell: factor if cell.endswith("spin-1ms") else 1 for cell in cells}
        changed = [
            replace(record, settled_answers=round(record.settled_answers / own.get(record.stack, 1) / (1 + record.launch / 16)))
            if record.stack in cells
            else record
            for record in rows
        ]
        [row] = judge(part, changed, times_of(part))
        point = points_of(row)["spin-1ms"]
        assert point.ends[1] / point.ends[0] > 1.2
        assert point.ends[0] < point.curve_ratio < point.ends[1]  # two intervals side by side would not tell
        assert point.off_curve is (factor < 1)
        assert (point.off.ends[0] > 1) is (factor < 1)


def test_an_engine_on_the_curve_is_called_off_as_rarely_as_its_level_says(simulated):
    assert np.mean([point.off_curve for row in simulated for point in row.points]) <= 0.07


def test_noise_that_both_stacks_have_in_common_puts_no_engine_off():
    row = judged(make_part(launches=12), common=0.05)
    for point in row.points:
        assert not point.off_curve
        assert (point.ratio, *point.ends) == pytest.approx((point.ratio,) * 3)


def spoilt(part, cell, engines=tuple(MODEL_MS)):
    """Return the row of a part with one cell of which little is known, and whose median is far off."""
    draw = np.random.default_rng(3)
    slices = [
        replace(record, settled_answers=round(record.settled_answers * math.exp(draw.normal(0.5, 0.4)))) if record.stack == cell else record
        for record in slices_of(part, noise=0.002)
    ]
    [row] = judge(part, slices, times_of(part, engines))
    return row


@pytest.mark.parametrize("engine", ["spin-1ms", "spin-10ms"])
def test_an_engine_of_which_too_little_is_known_is_not_drawn_and_bends_nothing(engine):
    part = make_part()
    row = spoilt(part, name("flask-gthread", engine))
    others = tuple(other for other in MODEL_MS if other != engine)
    without = replace(part, stacks=tuple(cell for cell in part.stacks if not cell.endswith(engine)))
    [usual] = judge(without, slices_of(part, noise=0.002), times_of(part, others))
    assert {point.engine for point in row.points if not point.is_drawn} == {engine}
    assert len(row.points) == 4
    assert row.longest_ms == usual.longest_ms == max(MODEL_MS[other] for other in others)
    assert (row.curve, row.thresholds) == (usual.curve, usual.thresholds)
    assert (row.contender_overhead_ms, row.baseline_slope) == (usual.contender_overhead_ms, usual.baseline_slope)


@pytest.mark.parametrize(("half_width", "is_drawn"), [(0.095, True), (0.105, False)])
def test_an_engine_is_drawn_if_its_ratio_is_known_to_ten_per_cent(half_width, is_drawn):
    part = make_part(launches=6)  # the interval of six launches is their range
    off = dict(zip(range(1, 7), np.linspace(-1, 1, 6) * math.log1p(half_width), strict=True))
    slices = [
        replace(record, settled_answers=round(record.settled_answers * math.exp(off[record.launch])))
        if record.stack == FLASK_NUMPY
        else record
        for record in slices_of(part)
    ]
    [row] = judge(part, slices, times_of(part))
    assert points_of(row)["numpy"].is_drawn is is_drawn


def test_where_too_few_engines_are_known_well_all_are_drawn():
    engines = ("constant", "numpy", "spin-1ms")
    row = spoilt(make_part(engines), "flask-gthread@spin-1ms", engines)
    assert [(point.engine, point.is_drawn) for point in row.points] == [(engine, True) for engine in engines]


# --- thresholds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("within", RULES.thresholds)
@pytest.mark.parametrize("slopes", [NO_SLOPE, {"fastapi-uvicorn": 0.03, "flask-gthread": 0.03}])
def test_from_a_known_time_on_the_ratio_is_near_one_in_ms_and_in_multiples_of_the_contenders_own_time(within, slopes):
    threshold = threshold_of(judged(make_part(), slopes=slopes), within)
    expected = time_within(within, slopes)
    assert (threshold.model_ms, *threshold.model.ends) == pytest.approx((expected,) * 3, rel=2e-3)
    assert (threshold.multiple.estimate, *threshold.multiple.ends) == pytest.approx((expected / 0.12,) * 3, rel=2e-3)
    assert threshold.is_measured
    assert threshold.model.level == threshold.multiple.level >= RULES.levels["exploratory"]


@pytest.mark.parametrize("within", RULES.thresholds)
def test_a_contender_that_is_slower_comes_near_at_the_same_time_which_is_less_beside_its_own(within):
    swapped = dict(zip(OVERHEAD_MS, reversed(OVERHEAD_MS.values()), strict=True))
    threshold = threshold_of(judged(make_part(), overheads=swapped), within)
    assert (threshold.model_ms, threshold.multiple.estimate) == pytest.approx((time_within(within), time_within(within) / 0.25), rel=2e-3)


def test_a_pair_that_is_always_near_one_is_so_from_no_model_on():
    threshold = threshold_of(judged(make_part(), overheads={"fastapi-uvicorn": 0.12, "flask-gthread": 0.125}), 0.1)
    assert (threshold.model_ms, *threshold.model.ends, *threshold.multiple.ends) == (0,) * 5
    assert threshold.is_measured


def test_a_ratio_that_leaves_again_is_near_only_from_where_it_comes_back_for_good():
    """By the model it is within 20 % from 0.53 ms on; with the engine of 10 ms it is not."""
    row = judged(make_part(), factors={"flask-gthread@spin-10ms": 1.2})
    assert ratio_at(row, 1.5).estimate < 1.2 < ratio_at(row, 10).estimate
    assert (threshold_of(row, 0.2).is_measured, threshold_of(row, 0.2).model_ms) == (False, row.longest_ms)


FEW = ("constant", "numpy", "spin-1ms")


def test_what_is_not_near_by_the_slowest_engine_is_said_so_with_its_time():
    row = judged(make_part(FEW), engines=FEW)
    assert {threshold.within: threshold.is_measured for threshold in row.thresholds} == {
        0.5: True, 0.2: True, 0.1: False, 0.05: False, 0.02: False,
    }  # fmt: skip
    beyond = threshold_of(row, 0.1)
    assert (beyond.model_ms, beyond.model.low, beyond.model.high, beyond.model.level) == (row.longest_ms, None, None, None)
    assert (beyond.multiple.estimate, beyond.multiple.ends) == (pytest.approx(row.longest_ms / 0.12), None)


@pytest.mark.parametrize(("baseline_ms", "is_measured"), [(0.228, True), (0.238, False)])
def test_a_threshold_that_may_lie_beyond_the_slowest_engine_has_an_open_high_end(baseline_ms, is_measured):
    """Within 10 % from 0.96 or 1.06 ms on, the slowest engine has 1.01."""
    overheads = {"fastapi-uvicorn": 0.12, "flask-gthread": baseline_ms}
    threshold = threshold_of(judged(make_part(FEW), engines=FEW, overheads=overheads, noise=0.01), 0.1)
    assert threshold.is_measured is is_measured
    assert 0.5 < threshold.model.low < threshold.model_ms <= 1.01
    assert (threshold.model.high, threshold.multiple.high) == (None, None)
    assert threshold.multiple.low == pytest.approx(threshold.model.low / 0.12, rel=0.02)
    assert threshold.model.level >= RULES.levels["exploratory"]


@pytest.mark.parametrize("within", [0.5, 0.1])
def test_the_interval_of_a_threshold_covers_the_truth_about_as_often_as_it_says_and_is_narrow(simulated, within):
    intervals = [threshold_of(row, within).model.ends for row in simulated]
    assert 0.9 <= np.mean([low <= time_within(within) <= high for low, high in intervals]) < 1
    assert np.median([high / low for low, high in intervals]) < 1.4
