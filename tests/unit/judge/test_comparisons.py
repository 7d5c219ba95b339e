"""Log ratios per launch, the verdict rule as a table, and the rule's promise at its border."""

import math
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from judge_rows import KEY, make_floor, make_row, nested, small_config

from bench.judge.comparisons import are_precise, compare_all, judge_aa, judge_row, launch_log_ratios, metrics_of, withhold_all
from bench.judge.estimates import exponential, hodges_lehmann
from bench.plan.plan import make_plan
from bench.plan.profiles import Pair
from bench.plan.rules import Rules
from bench.records import METRICS, CellKey, Interval

RULES = Rules()
FLASK, FASTAPI, TWIN = (replace(KEY, stack=stack) for stack in ("flask-gthread", "fastapi-uvicorn", "flask-gthread-twin"))
SIMULATIONS = 2000


SAME_SERVER = make_plan("quick").pairs[1]


def judged(row, aa, failures):
    return judge_row(row, aa, failures, RULES)


def aa_of(noise_floor, comparisons):
    aa, row = judge_aa(noise_floor, comparisons, RULES)
    return aa.verdict, row


def is_precise(rows):
    return are_precise(rows, RULES)


# --- log ratios -----------------------------------------------------------------------------------------------------


def blocks_of(values, metric="throughput_rps"):
    """Return block values from {(launch, block): (contender, baseline, twin)}."""
    return nested(
        {
            (launch, block, key): {metric: value}
            for (launch, block), stacks in values.items()
            for key, value in zip((FASTAPI, FLASK, TWIN), stacks, strict=True)
        }
    )


def test_the_log_ratio_of_a_launch_is_the_median_over_its_blocks():
    blocks = blocks_of({(1, 0): (2.0, 1.0, 9.0), (1, 1): (3.0, 1.0, 9.0), (1, 2): (50.0, 1.0, 9.0), (2, 0): (4.0, 2.0, 9.0)})
    assert launch_log_ratios(blocks, "throughput_rps", FASTAPI, [FLASK]) == pytest.approx({1: math.log(3), 2: math.log(2)})


def test_with_a_twin_the_baseline_is_the_mean_of_the_logs_of_both_copies():
    blocks = blocks_of({(1, 0): (6.0, 1.0, 4.0)})
    assert launch_log_ratios(blocks, "throughput_rps", FASTAPI, [FLASK, TWIN]) == pytest.approx({1: math.log(3)})


@pytest.mark.parametrize("missing", [None, 0.0])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_block_counts_only_if_every_copy_has_a_value(place, missing):
    values = [6.0, 1.0, 4.0]
    values[place] = missing
    blocks = blocks_of({(1, 0): values, (1, 1): (2.0, 1.0, 1.0)})
    assert launch_log_ratios(blocks, "throughput_rps", FASTAPI, [FLASK, TWIN]) == pytest.approx({1: math.log(2)})


def test_a_launch_without_any_whole_block_does_not_count():
    blocks = blocks_of({(1, 0): (2.0, None, 1.0), (2, 0): (2.0, 1.0, 1.0)})
    assert list(launch_log_ratios(blocks, "throughput_rps", FASTAPI, [FLASK])) == [2]


def test_a_block_that_the_baseline_does_not_have_does_not_count():
    blocks = {FASTAPI: {(1, 0): {"throughput_rps": 2.0}}}
    assert launch_log_ratios(blocks, "throughput_rps", FASTAPI, [FLASK]) == {}


def test_slices_of_another_scenario_do_not_count():
    blocks = {replace(key, scenario="hello"): {(1, 0): {"throughput_rps": 2.0}} for key in (FASTAPI, FLASK)}
    assert launch_log_ratios(blocks, "throughput_rps", FASTAPI, [FLASK]) == {}


# --- loads of their own ---------------------------------------------------------------------------------------------


def compared_by_load(under):
    """Return the rows of the first part, and its A/A rows, by load; `under` are the stacks of each load, and every one has a value."""
    config = small_config()
    part = replace(
        config.parts[0], stacks=("flask-gthread", "fastapi-uvicorn", "flask-gthread-twin"), loads=tuple(under), stacks_by_load=under
    )
    keys = [CellKey(part.name, stack, "predict-1", load) for load, stacks in under.items() for stack in stacks]
    blocks = {key: {(launch, 0): {"cpu_us_per_request": 2.0} for launch in range(8)} for key in keys}
    plan = replace(config, parts=(replace(part, scenarios=("predict-1",)),))
    return [{row.load: row for row in rows if row.metric == "cpu_us_per_request"} for rows in compare_all(plan, blocks, {})]


def test_a_twin_is_a_copy_of_its_baseline_only_under_loads_that_it_is_put_under():
    both = ("flask-gthread", "fastapi-uvicorn")
    rows, floor = compared_by_load({"closed-16": (*both, "flask-gthread-twin"), "open-60": both})
    assert {load: row.ratio for load, row in rows.items()} == pytest.approx({"closed-16": 1.0, "open-60": 1.0})
    assert set(floor) == {"closed-16"}


def test_a_pair_has_no_row_under_a_load_that_one_of_its_stacks_is_not_put_under():
    rows, _ = compared_by_load({"closed-16": ("flask-gthread", "fastapi-uvicorn"), "open-60": ("flask-gthread",)})
    assert set(rows) == {"closed-16"}


# --- the verdict rule -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "aa", "verdict"),
    [
        (1.05, 1.07, 1.00, "better"),
        (1.021, 1.30, 1.00, "better"),
        (1.019, 1.30, 1.00, "undecided"),
        (0.93, 0.95, 1.00, "worse"),
        (0.70, 1 / 1.021, 1.00, "worse"),
        (0.70, 1 / 1.019, 1.00, "undecided"),
        (0.99, 1.01, 1.00, "equivalent"),
        (1 / 1.019, 1.019, 1.00, "equivalent"),
        (1 / 1.021, 1.01, 1.00, "undecided"),
        (0.99, 1.021, 1.00, "undecided"),
        (0.90, 1.10, 1.00, "undecided"),
        (1.001, 1.019, 1.00, "equivalent"),  # a difference that does not matter
        # a noise floor that is off raises the bar, to either side
        (1.05, 1.07, 1.06, "undecided"),
        (1.05, 1.07, 1 / 1.06, "undecided"),
        (1.05, 1.07, 1.049, "better"),
        (0.93, 0.95, 1.06, "undecided"),
        (0.93, 0.95, 1 / 1.049, "worse"),
    ],
)
def test_the_verdict_of_an_interval(low, high, aa, verdict):
    row = make_row(ratio=math.sqrt(low * high), ci_low=low, ci_high=high)
    assert judged(row, make_floor(aa), 0).verdict == verdict


@pytest.mark.parametrize("metric", METRICS)
def test_more_is_better_for_throughput_and_less_for_all_else(metric):
    half, double = (make_row(metric=metric, ratio=ratio, ci_low=ratio / 1.01, ci_high=ratio * 1.01) for ratio in (0.5, 2.0))
    verdicts = [judged(row, make_floor(metric=metric), 0).verdict for row in (half, double)]
    assert verdicts == (["worse", "better"] if metric == "throughput_rps" else ["better", "worse"])


@pytest.mark.parametrize(("metric", "margin"), RULES.margins.items())
def test_the_margin_is_that_of_the_metric(metric, margin):
    beyond, within = (make_row(metric=metric, ratio=low * 1.01, ci_low=low, ci_high=low * 1.02) for low in (1.001 + margin, 0.999 + margin))
    assert judged(beyond, make_floor(metric=metric), 0).verdict in {"better", "worse"}
    assert judged(within, make_floor(metric=metric), 0).verdict == "undecided"


@pytest.mark.parametrize(("width", "verdict"), [(0.029, "equivalent"), (0.031, "undecided")])
def test_an_equal_pair_is_called_so_only_if_the_noise_floor_is_known_to_one_and_a_half_margins(width, verdict):
    row = make_row(ratio=1.0, ci_low=0.99, ci_high=1.01)
    assert judged(row, make_floor(width=width), 0).verdict == verdict


def test_an_equal_pair_is_not_called_so_if_the_noise_floor_has_no_interval():
    row = make_row(ratio=1.0, ci_low=0.99, ci_high=1.01)
    assert judged(row, make_floor(ci_low=None, ci_high=None), 0).verdict == "undecided"


@pytest.mark.parametrize(("aa", "floor"), [(1.0, 0.02), (1.03, 0.03), (1 / 1.03, 0.03)])
def test_an_undecided_row_says_the_smallest_difference_that_it_could_have_seen(aa, floor):
    row = judged(make_row(ratio=1.0, ci_low=1 / 1.04, ci_high=1.04), make_floor(aa), 0)
    assert (row.verdict, row.smallest_seen) == ("undecided", pytest.approx(floor + 0.04))
    assert row.reason == "the interval settles neither a difference nor equality"


@pytest.mark.parametrize("interval", [(1.05, 1.07), (0.99, 1.01)])
def test_a_decided_row_needs_neither_reason_nor_smallest_difference(interval):
    row = judged(make_row(ci_low=interval[0], ci_high=interval[1]), make_floor(), 0)
    assert (row.reason, row.smallest_seen) == ("", None)


@pytest.mark.parametrize(
    ("fields", "floor", "failures", "verdict", "reason"),
    [
        ({"role": "exploratory"}, make_floor(), 0, "not judged", "exploratory"),
        ({"role": "exploratory"}, make_floor(), 3, "not judged", "3 requests without a correct answer in its cells"),
        ({"launches": 7}, make_floor(), 0, "not judged", "7 launches; verdicts need 8"),
        ({"launches": 7}, make_floor(), 3, "not judged", "3 requests without a correct answer in its cells"),
        ({"launches": 8}, make_floor(), 0, "better", ""),
        ({"role": "secondary"}, make_floor(), 0, "better", ""),
        ({}, make_floor(), 1, "withheld", "1 requests without a correct answer in its cells"),
        ({"ci_low": None, "ci_high": None}, make_floor(), 0, "not judged", "too few launches or samples for an interval"),
        ({}, None, 0, "not judged", "no noise floor was measured for this row"),
        ({}, make_floor(), 0, "better", ""),
    ],
)
def test_a_row_without_a_verdict_says_why(fields, floor, failures, verdict, reason):
    row = judged(make_row(**fields), floor, failures)
    assert (row.verdict, row.reason) == (verdict, reason)


def test_a_noise_floor_without_an_estimate_is_none():
    floor = replace(make_floor(), ratio=None, ci_low=None, ci_high=None)
    assert judged(make_row(), floor, 0).reason == "no noise floor was measured for this row"


# --- A/A ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "width", "aa"),
    [
        (1.0, 0.005, "pass"),
        (1.02, 0.025, "pass"),
        (1.02, 0.015, "fail"),
        (1 / 1.02, 0.015, "fail"),
        (1.009, 0.001, "pass"),
        (1.011, 0.001, "fail"),
    ],
)
def test_the_noise_floor_fails_if_its_interval_excludes_one_and_it_is_off_by_more_than_one_per_cent(ratio, width, aa):
    floor = make_floor(ratio, width)
    assert aa_of([floor], [make_row()]) == (aa, floor)


@pytest.mark.parametrize("fields", [{"launches": 7}, {"ci_low": None, "ci_high": None}])
def test_the_noise_floor_is_not_judged_below_eight_launches_or_without_an_interval(fields):
    floor = make_floor(1.5, **fields)
    assert aa_of([floor], [make_row()]) == ("not judged", floor)


@pytest.mark.parametrize(
    "fields", [{"part": "other"}, {"baseline": "flask-granian"}, {"scenario": "hello"}, {"load": "closed-1"}, {"metric": "p50_ms"}]
)
def test_the_noise_floor_of_another_row_is_not_that_of_the_primary_one(fields):
    assert aa_of([make_floor(1.5, **fields)], [make_row()]) == ("not judged", None)


def test_without_a_primary_row_the_noise_floor_is_not_judged():
    assert aa_of([make_floor(1.5)], [make_row(role="secondary")]) == ("not judged", None)


def test_withholding_takes_every_verdict_and_leaves_what_was_not_judged():
    rows = [
        make_row(verdict="better"),
        make_row(verdict="undecided", smallest_seen=0.05),
        make_row(verdict="not judged", reason="exploratory"),
    ]
    found = [(row.verdict, row.reason, row.smallest_seen) for row in withhold_all(rows, "the run is not valid")]
    assert found == [("withheld", "the run is not valid", None)] * 2 + [("not judged", "exploratory", None)]


# --- all rows of a plan ---------------------------------------------------------------------------------------------


def measured(config, ratio=1.1, twin=1.0):
    """Return noiseless block values of a plan: the baseline has 1 in each metric."""
    values = {"flask-gthread": 1.0, "fastapi-uvicorn": ratio, "flask-gthread-twin": twin}
    return nested(
        {
            (launch, block, key): dict.fromkeys(METRICS, values[key.stack])
            for launch in range(1, config.parts[0].launches + 1)
            for block in range(config.parts[0].blocks)
            for key in config.cells()
        }
    )


def test_each_pair_has_a_row_for_every_metric_scenario_and_load_and_so_has_each_twin():
    config = small_config(scenarios=("predict-1", "hello"), loads=("closed-16", "closed-1"))
    comparisons, floor = compare_all(config, measured(config), {})
    wanted = {(scenario, load, metric) for scenario in ("predict-1", "hello") for load in ("closed-16", "closed-1") for metric in METRICS}
    for rows, contender in ((comparisons, "fastapi-uvicorn"), (floor, "flask-gthread-twin")):
        assert {(row.scenario, row.load, row.metric) for row in rows} == wanted
        assert {(row.contender, row.baseline) for row in rows} == {(contender, "flask-gthread")}
        assert len(rows) == len(wanted)


@pytest.mark.parametrize("load", ["open-60", "open-500rps", "own-80", "open-60-constant"])
def test_stacks_are_not_compared_by_their_throughput_in_an_open_loop(load):
    assert metrics_of(load) == ["cpu_us_per_request", "p50_ms", "p95_ms", "p99_ms"]
    config = small_config(loads=("closed-16", load))
    comparisons, floor = compare_all(config, measured(config), {})
    for rows in (comparisons, floor):
        assert [row.load for row in rows if row.metric == "throughput_rps"] == ["closed-16"]
        assert {row.metric for row in rows if row.load == load} == set(METRICS) - {"throughput_rps"}


def test_in_a_closed_loop_they_are_compared_by_every_metric():
    assert metrics_of("closed-1") == list(METRICS)


def test_cpu_time_and_p95_of_the_open_loop_are_judged_at_the_level_of_a_secondary_row():
    config = small_config(loads=("open-60",))
    comparisons, _ = compare_all(config, measured(config, ratio=0.5), {})
    assert {row.metric: (row.role, row.verdict) for row in comparisons} == {
        "cpu_us_per_request": ("secondary", "better"),
        "p50_ms": ("exploratory", "not judged"),
        "p95_ms": ("secondary", "better"),
        "p99_ms": ("exploratory", "not judged"),
    }
    assert all(row.interval.level >= RULES.levels[row.role] for row in comparisons)


def test_the_same_row_of_another_part_is_not_judged():
    config = small_config()
    config = replace(config, parts=(*config.parts, replace(config.parts[0], name="ladder")))
    comparisons, _ = compare_all(config, measured(config), {})
    assert {row.role for row in comparisons if row.part == "ladder"} == {"exploratory"}
    assert {row.role for row in comparisons if row.part == "headline"} == {"exploratory", "primary"}


def test_a_stack_that_is_left_out_of_a_load_has_rows_without_figures():
    config = small_config(loads=("open-60",))
    part = replace(config.parts[0], stacks=(*config.parts[0].stacks, "fastapi-def"))
    rates = {**config.saturation_rps, "fastapi-def": 1000.0}
    config = replace(config, parts=(part,), pairs=(*config.pairs, Pair("def", "fastapi-def", "flask-gthread")), saturation_rps=rates)
    comparisons, _ = compare_all(config, measured(config), {})
    assert {row.contender for row in comparisons if row.ratio is None and row.launches == 0} == {"fastapi-def"}
    assert {row.contender for row in comparisons if row.launches == 12} == {"fastapi-uvicorn"}


def test_the_primary_row_is_judged_and_the_exploratory_ones_are_not():
    config = small_config()
    comparisons, floor = compare_all(config, measured(config), {})
    assert {row.metric: (row.role, row.verdict) for row in comparisons} == {
        "throughput_rps": ("primary", "better"),
        **dict.fromkeys(METRICS[1:], ("exploratory", "not judged")),
    }
    assert {(row.role, row.verdict, row.reason) for row in floor} == {("exploratory", "not judged", "noise floor")}


def test_a_row_has_its_ratio_its_launches_and_the_level_of_its_role():
    config = small_config(launches=8)
    [row, *_], _ = compare_all(config, measured(config), {})
    assert (row.ratio, *row.ends) == pytest.approx((1.1, 1.1, 1.1))
    assert (row.launches, row.launch_ratios, row.interval.level) == (8, pytest.approx((1.1,) * 8), pytest.approx(1 - 10 / 256))


def test_a_secondary_row_has_a_higher_level():
    config = replace(small_config(), pairs=(SAME_SERVER,))
    part = replace(config.parts[0], stacks=("flask-granian", "fastapi-granian"))
    blocks = {replace(KEY, stack=stack): {(launch, 0): {"throughput_rps": 1.0} for launch in range(12)} for stack in part.stacks}
    [row, *_], floor = compare_all(replace(config, parts=(part,)), blocks, {})
    assert (row.role, floor) == ("secondary", [])
    assert row.interval.level >= RULES.levels["secondary"]


def test_the_twin_is_half_of_the_baseline():
    config = small_config()
    [row, *_], _ = compare_all(config, measured(config, ratio=1.1, twin=1.21), {})
    assert row.ratio == pytest.approx(1.0)


def test_a_twin_as_contender_is_compared_with_its_stack_alone():
    config = replace(small_config(), pairs=(Pair("twin", "flask-gthread-twin", "flask-gthread"),))
    [row, *_], [floor, *_] = compare_all(config, measured(config, twin=1.21), {})
    assert row.ratio == floor.ratio == pytest.approx(1.21)


@pytest.mark.parametrize("key", [FLASK, FASTAPI, TWIN])
def test_failures_in_any_cell_of_a_row_withhold_its_verdict(key):
    config = small_config()
    [row, *_], _ = compare_all(config, measured(config), {key: 2})
    assert (row.verdict, row.reason) == ("withheld", "2 requests without a correct answer in its cells")


def test_failures_of_all_cells_of_a_row_are_summed():
    config = small_config()
    [row, *_], _ = compare_all(config, measured(config), {FLASK: 1, FASTAPI: 20, TWIN: 300})
    assert row.reason == "321 requests without a correct answer in its cells"


def test_failures_in_another_cell_withhold_nothing():
    config = small_config()
    [row, *_], _ = compare_all(config, measured(config), {replace(FLASK, load="closed-1"): 2})
    assert row.verdict == "better"


def test_before_anything_is_measured_there_are_rows_without_figures():
    comparisons, floor = compare_all(small_config(), {}, {})
    assert {(row.interval, row.launches, row.launch_ratios) for row in [*comparisons, *floor]} == {(None, 0, ())}
    assert comparisons[0].reason == "0 launches; verdicts need 8"


@pytest.mark.parametrize("launches", [1, 2, 5])
def test_a_few_launches_give_a_ratio_without_an_interval_or_verdict(launches):
    config = small_config(launches=launches)
    [row, *_], _ = compare_all(config, measured(config), {})
    assert (row.ratio, row.ends, row.interval.level) == (pytest.approx(1.1), None, None)
    assert (row.verdict, row.reason) == ("not judged", f"{launches} launch{'es' * (launches > 1)}; verdicts need 8")


def test_equal_values_throughout_are_equivalent():
    config = small_config()
    [row, *_], _ = compare_all(config, measured(config, ratio=1.0), {})
    assert (row.verdict, row.ratio) == ("equivalent", 1.0)


# --- precise enough -------------------------------------------------------------------------------------------------


def of_width(half_width, ratio=1.0, **fields):
    """Return a judged row whose interval reaches `half_width` margins, on the log scale, to both sides of its ratio."""
    row = make_row(**fields)
    reach = half_width * math.log1p(row.margin)
    return replace(row, ratio=ratio, ci_low=ratio * math.exp(-reach), ci_high=ratio * math.exp(reach))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("role", ["primary", "secondary"])
@pytest.mark.parametrize(("half_width", "precise"), [(0.0, True), (0.499, True), (0.501, False), (3.0, False)])
def test_a_row_is_precise_if_its_interval_reaches_no_further_than_half_of_its_margin(metric, role, half_width, precise):
    assert is_precise([of_width(half_width, metric=metric, role=role)]) is precise


@pytest.mark.parametrize("ratio", [0.1, 0.98, 1.0, 1.02, 1.5, 40.0])
@pytest.mark.parametrize("verdict", ["better", "worse", "equivalent", "undecided", "withheld"])
@pytest.mark.parametrize(("half_width", "precise"), [(0.49, True), (0.51, False)])
def test_it_is_the_width_that_makes_a_row_precise_whatever_its_ratio_and_its_verdict(ratio, verdict, half_width, precise):
    assert is_precise([of_width(half_width, ratio, verdict=verdict)]) is precise


def test_every_judged_row_must_be_precise_and_no_other():
    precise, wide = of_width(0.4, role="secondary"), of_width(0.6)
    assert is_precise([precise, of_width(0.4)])
    assert not is_precise([precise, wide])
    assert is_precise([precise, replace(wide, role="exploratory")])


@pytest.mark.parametrize("rows", [[], [of_width(0.1, role="exploratory")]])
def test_without_a_judged_row_nothing_precise(rows):
    assert not is_precise(rows)


@pytest.mark.parametrize("edges", [{"ci_low": None}, {"ci_high": None}, {"ci_low": None, "ci_high": None}])
def test_a_judged_row_without_an_interval_is_not_precise(edges):
    assert not is_precise([of_width(0.1), replace(of_width(0.1), **edges)])


# --- the promise of the rule ----------------------------------------------------------------------------------------

DEFAULT, THOROUGH = (make_plan(profile).parts[0] for profile in ("default", "thorough"))
BUNDLED_LOOKS = tuple(range(THOROUGH.first_look, THOROUGH.launches + 1, RULES.look_every))
MANY_LOOKS = (12, 14, 16, 18, 20)


def simulate_logs(rng, shape, blocks=DEFAULT.blocks):
    """Return log values (stack, ..., launch, block): slices vary by 1.5 %, the ratio of two stacks by 1 % from launch to launch."""
    launches = rng.normal(0, 0.01 / math.sqrt(2), (3, *shape, 1))
    slices = rng.normal(0, 0.015, (3, *shape, blocks, 2)).mean(axis=-1)
    return launches + slices


def ratios_of(logs):
    """Return log ratios (run, launch) of a pair and of its noise floor, as the rule would compute them."""
    contender, baseline, twin = logs
    return np.median(contender - (baseline + twin) / 2, axis=-1), np.median(twin - baseline, axis=-1)


def usual_noise(rng, launches):
    """Return log ratios of launches and slices that vary: those of the profile `default` by 1.6 % in all."""
    return ratios_of(simulate_logs(rng, (SIMULATIONS, launches)))


def heavy_noise(rng, launches):
    """Return log ratios that vary by 1 %; one launch in eight is off by 5 to 12 %."""
    shape = (2, SIMULATIONS, launches)
    return rng.normal(0, 0.01, shape) + draw_mishaps(rng, shape)


def heavy_noise_of_stacks(rng, launches):
    """Return the log ratios of the usual noise, but in one launch in eight one of the three stacks is off by 5 to 12 %."""
    shape = (SIMULATIONS, launches)
    hit = rng.integers(0, 3, shape) == np.arange(3)[:, None, None]
    return ratios_of(simulate_logs(rng, shape) + (hit * draw_mishaps(rng, shape))[..., None])


def draw_mishaps(rng, shape):
    return (rng.random(shape) < 1 / 8) * rng.choice([-1, 1], shape) * rng.uniform(0.05, 0.12, shape)


@cache
def simulate_intervals(noise, looks, role, margin):
    """Return the intervals of log ratio and noise floor of many equal pairs, each run ended at the first look that is precise."""
    ended = []
    for ratio_logs, floor_logs in zip(*noise(np.random.default_rng(20261125), looks[-1]), strict=True):
        for launches in looks:
            row = hodges_lehmann(ratio_logs[:launches], RULES.levels[role])
            if launches == looks[-1] or is_precise([make_row(margin=margin, ci_low=math.exp(row.low), ci_high=math.exp(row.high))]):
                ended.append((launches, row, hodges_lehmann(floor_logs[:launches], RULES.levels["exploratory"])))
                break
    return ended


def moved(interval, log_ratio):
    return Interval(interval.estimate + log_ratio, interval.low + log_ratio, interval.high + log_ratio, interval.level)


def simulate_verdicts(true_ratio, *looks, metric="throughput_rps", noise=usual_noise, role="primary"):
    """Return the share of each verdict over many runs; with a single look all have that many launches.

    The noise is drawn once for all true ratios: estimate and interval of a log ratio move with it.
    """
    verdicts = Counter()
    for launches, row_interval, floor_interval in simulate_intervals(noise, looks, role, RULES.margins[metric]):
        row, floor = exponential(moved(row_interval, math.log(true_ratio))), exponential(floor_interval)
        found = judged(
            make_row(metric=metric, role=role, launches=launches, ratio=row.estimate, ci_low=row.low, ci_high=row.high),
            make_floor(metric=metric, ratio=floor.estimate, ci_low=floor.low, ci_high=floor.high),
            0,
        )
        verdicts[found.verdict] += 1 / SIMULATIONS
    return verdicts


def test_the_bundled_profiles_have_twelve_launches_or_look_from_there_on():
    assert (DEFAULT.launches, DEFAULT.first_look) == (12, None)
    assert BUNDLED_LOOKS == (12, 14, 16)
    assert RULES.precise_margins == 0.5


@pytest.mark.parametrize("role", ["primary", "secondary"])
@pytest.mark.parametrize("looks", [BUNDLED_LOOKS, MANY_LOOKS])
@pytest.mark.parametrize("noise", [usual_noise, heavy_noise, heavy_noise_of_stacks])
def test_an_interval_covers_the_truth_almost_as_often_as_it_says_though_it_ends_the_run_by_its_width(noise, looks, role):
    ended = simulate_intervals(noise, looks, role, RULES.margins["throughput_rps"])
    covered = np.mean([row.low <= 0 <= row.high for _, row, _ in ended])
    assert covered >= RULES.levels[role] - 0.02
    assert len({launches for launches, _, _ in ended}) == len(looks)


@pytest.mark.parametrize("looks", [(8,), (12,), BUNDLED_LOOKS, MANY_LOOKS])
@pytest.mark.parametrize(
    ("metric", "border", "wrong"),
    [
        ("throughput_rps", 1.02, "better"),
        ("throughput_rps", 1 / 1.02, "worse"),
        ("cpu_us_per_request", 1 / 1.02, "better"),
        ("cpu_us_per_request", 1.02, "worse"),
    ],
)
def test_at_the_border_of_the_margin_neither_a_difference_nor_equality_is_claimed_too_often(metric, border, wrong, looks):
    verdicts = simulate_verdicts(border, *looks, metric=metric)
    assert verdicts[wrong] <= 0.05
    assert verdicts["equivalent"] <= 0.05
    assert verdicts["undecided"] == pytest.approx(1 - verdicts[wrong] - verdicts["equivalent"])


@pytest.mark.parametrize("looks", [(12,), BUNDLED_LOOKS, MANY_LOOKS])
@pytest.mark.parametrize("noise", [heavy_noise, heavy_noise_of_stacks])
def test_in_heavy_noise_too_neither_is_claimed_too_often_at_the_border(noise, looks):
    for border, wrong in ((1.02, "better"), (1 / 1.02, "worse")):
        verdicts = simulate_verdicts(border, *looks, noise=noise)
        assert max(verdicts[wrong], verdicts["equivalent"]) <= 0.05


@pytest.mark.parametrize(
    ("metric", "true_ratio", "right"),
    [
        ("throughput_rps", 1.05, "better"),
        ("throughput_rps", 1 / 1.05, "worse"),
        ("cpu_us_per_request", 1 / 1.05, "better"),
        ("p50_ms", 1.15, "worse"),
    ],
)
def test_a_difference_that_matters_is_found_by_twelve_launches(metric, true_ratio, right):
    assert simulate_verdicts(true_ratio, 12, metric=metric)[right] >= 0.8


@pytest.mark.parametrize(
    ("noise", "role"),
    [(usual_noise, "primary"), (usual_noise, "secondary"), (heavy_noise, "primary"), (heavy_noise_of_stacks, "primary")],
)
def test_a_difference_that_matters_is_found_by_the_bundled_profiles(noise, role):
    assert simulate_verdicts(1.05, DEFAULT.launches, noise=noise, role=role)["better"] >= 0.8
    assert simulate_verdicts(1.05, *BUNDLED_LOOKS, noise=noise, role=role)["better"] >= 0.8


@pytest.mark.parametrize(("launches", "share"), [(8, 1 / 8), (12, 0.45)])
def test_in_heavy_noise_an_equal_pair_earns_it_in_one_of_eight_runs_at_eight_launches_and_in_about_half_at_twelve(launches, share):
    assert simulate_verdicts(1.0, launches, noise=heavy_noise)["equivalent"] == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("looks", [(12,), BUNDLED_LOOKS, MANY_LOOKS])
def test_an_equal_pair_is_never_called_different(looks):
    assert set(simulate_verdicts(1.0, *looks)) <= {"equivalent", "undecided"}


@pytest.mark.parametrize(("true_ratio", "verdict"), [(1.05, "better"), (1 / 1.05, "worse"), (1.0, "equivalent")])
def test_the_rule_is_kept_from_block_values_to_verdict(true_ratio, verdict):
    """Over 100 runs; two copies of one stack in the same noise."""
    config = small_config(launches=12, blocks=DEFAULT.blocks)
    rng = np.random.default_rng(20261125)
    verdicts = Counter()
    for logs in np.moveaxis(simulate_logs(rng, (100, 12)), 1, 0):
        blocks = {
            (launch, block, CellKey(KEY.part, stack, KEY.scenario, KEY.load)): {"throughput_rps": math.exp(value) * factor}
            for (stack, factor), of_stack in zip(
                (("fastapi-uvicorn", 5000 * true_ratio), ("flask-gthread", 5000), ("flask-gthread-twin", 5000)), logs, strict=True
            )
            for launch, of_launch in enumerate(of_stack)
            for block, value in enumerate(of_launch)
        }
        blocks = nested(blocks)
        [row, *_], _ = compare_all(config, blocks, {})
        verdicts[row.verdict] += 1
    assert verdicts[verdict] >= 80
    assert set(verdicts) <= {verdict, "undecided"}


def test_all_judged_rows_are_of_the_metrics_there_are():
    assert {row[-1] for row in make_plan("default").roles} <= set(METRICS)
