"""The verdict rule as tables: the bar, equality, what withholds a verdict, what a row could have seen, and the states of an A/A."""

import math
from dataclasses import replace

import pytest
from judge_rows import KEY, make_floor, make_row

from bench.judge.comparisons import Failures, Measured, are_precise, judge_row, smallest_seen, state_of
from bench.plan.rules import Rules, share_level
from bench.records import METRICS

RULES = Rules()
FLASK, FASTAPI, TWIN = (replace(KEY, stack=stack) for stack in ("flask-gthread", "fastapi-uvicorn", "flask-gthread-twin"))
CELLS = (FASTAPI, FLASK, TWIN)


def judged(row, rules=RULES, failures=None, values=None, lags_ms=None, busy_shares=None):
    cells = [replace(cell, load=row.load) for cell in CELLS]
    return judge_row(row, Measured(values or {}, lags_ms or {}, failures or {}, busy_shares=busy_shares or {}), cells, rules)


def verdict_of(low, high, aa=None, **fields):
    return judged(make_row(aa=aa, ratio=math.sqrt(low * high), ci_low=low, ci_high=high, **fields)).verdict


# --- the bar --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (1.05, 1.07, "better"),
        (1.021, 1.30, "better"),
        (1.019, 1.30, "undecided"),
        (0.93, 0.95, "worse"),
        (0.70, 1 / 1.021, "worse"),
        (0.70, 1 / 1.019, "undecided"),
        (0.99, 1.01, "equivalent"),
        (1 / 1.019, 1.019, "equivalent"),
        (1 / 1.021, 1.01, "undecided"),
        (0.99, 1.021, "undecided"),
        (0.90, 1.10, "undecided"),
        (1.001, 1.019, "equivalent"),  # a difference that does not matter
    ],
)
def test_the_verdict_of_an_interval_beside_copies_that_are_equal(low, high, verdict):
    assert verdict_of(low, high) == verdict


@pytest.mark.parametrize(
    ("low", "high", "aa_low", "aa_high", "verdict"),
    [
        # the far end of the A/A is the bar, on whichever side it lies, and whatever the state
        (1.061, 1.07, 1.00, 1.06, "better"),
        (1.059, 1.07, 1.00, 1.06, "undecided"),
        (1.061, 1.07, 1 / 1.06, 1.01, "better"),
        (1.059, 1.07, 1 / 1.06, 1.01, "undecided"),
        (0.93, 1 / 1.061, 1.00, 1.06, "worse"),
        (0.93, 1 / 1.059, 1.00, 1.06, "undecided"),
        (1.74, 1.92, 0.93, 1.00, "better"),
        (1.74, 1.92, 0.90, 0.93, "better"),
        (1.10, 1.20, 0.90, 0.93, "undecided"),
        (1.10, 1.20, 0.50, 2.00, "undecided"),
        # but never less than the margin
        (1.019, 1.07, 0.999, 1.001, "undecided"),
    ],
)
def test_the_whole_interval_must_lie_beyond_the_far_end_of_its_a_a(low, high, aa_low, aa_high, verdict):
    aa = make_floor(ratio=math.sqrt(aa_low * aa_high), ci_low=aa_low, ci_high=aa_high)
    assert verdict_of(low, high, aa) == verdict


@pytest.mark.parametrize("metric", METRICS)
def test_more_is_better_for_throughput_and_less_for_all_else(metric):
    verdicts = [verdict_of(ratio / 1.01, ratio * 1.01, metric=metric) for ratio in (0.5, 2.0)]
    assert verdicts == (["worse", "better"] if metric == "throughput_rps" else ["better", "worse"])


@pytest.mark.parametrize(("metric", "margin"), RULES.margins.items())
def test_the_margin_is_that_of_the_metric(metric, margin):
    beyond, within = (verdict_of(low, low * 1.02, metric=metric) for low in (1.001 + margin, 0.999 + margin))
    assert beyond in {"better", "worse"}
    assert within == "undecided"


# --- equality -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aa", "verdict"),
    [
        (make_floor(width=0.0296), "equivalent"),
        (make_floor(width=0.0298), "undecided"),  # 1.5 margins of 2 %
        (make_floor(1.009, 0.001), "equivalent"),
        (make_floor(1.012, 0.001), "undecided"),  # narrow, and unequal
        (make_floor(1 / 1.012, 0.001), "undecided"),
    ],
)
def test_an_equal_pair_is_called_so_only_beside_copies_that_are_known_to_be(aa, verdict):
    assert verdict_of(0.99, 1.01, aa) == verdict


# --- undecided ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "role", "half_widths"),
    [
        (RULES, "primary", 1.429),
        (share_level(2), "secondary", 1.375),
        (share_level(4), "secondary", 1.337),
    ],
)
@pytest.mark.parametrize(("aa", "bar"), [(None, 0.02), (make_floor(1.03, 0.02), 0.0508), (make_floor(1 / 1.03, 0.02), 0.0508)])
def test_an_undecided_row_says_which_difference_it_would_have_found_with_a_power_of_80_per_cent(rules, role, half_widths, aa, bar):
    row = judged(make_row(aa=aa, role=role, ratio=1.0, ci_low=1 / 1.04, ci_high=1.04), rules)
    assert (row.verdict, row.reason) == ("undecided", "the interval settles neither a difference nor equality")
    assert row.smallest_seen == smallest_seen(row, rules) == pytest.approx((1 + bar) * 1.04**half_widths - 1, abs=2e-4)


@pytest.mark.parametrize("interval", [(1.05, 1.07), (0.99, 1.01)])
def test_a_decided_row_needs_neither_reason_nor_smallest_difference(interval):
    row = judged(make_row(ci_low=interval[0], ci_high=interval[1]))
    assert (row.reason, row.smallest_seen) == ("", None)


# --- no verdict -----------------------------------------------------------------------------------------------------

WRONG = {FASTAPI: Failures(1000, wrong=3)}
LOST = {TWIN: Failures(1000, unanswered=11), FLASK: Failures(1000, unanswered=10)}


@pytest.mark.parametrize(
    ("fields", "failures", "verdict", "reason"),
    [
        ({}, {}, "better", ""),
        ({"role": "secondary"}, {}, "better", ""),
        ({"role": "exploratory"}, {}, "not judged", "exploratory"),
        ({"role": "exploratory"}, WRONG, "not judged", "3 wrong answers in its cells"),
        ({"launches": 8}, {}, "better", ""),
        ({"launches": 7}, {}, "not judged", "needs 8 launches, has 7"),
        ({"launches": 7}, WRONG, "not judged", "3 wrong answers in its cells"),
        ({}, WRONG, "withheld", "3 wrong answers in its cells"),
        ({}, {FLASK: Failures(10**6, wrong=1)}, "withheld", "1 wrong answer in its cells"),
        ({}, LOST, "withheld", "1.1% of the requests to flask-gthread-twin had no answer"),
        ({}, {**LOST, FASTAPI: Failures(200, unanswered=50)}, "withheld", "25.0% of the requests to fastapi-uvicorn had no answer"),
        ({}, {**LOST, **WRONG}, "withheld", "3 wrong answers in its cells"),
        ({}, {FLASK: Failures(1000, unanswered=10)}, "better", ""),  # 1 %
        ({}, {FLASK: Failures()}, "better", ""),
        ({"aa_state": "not judged"}, {}, "not judged", "no noise floor was measured for this row"),
        ({"aa_state": "unequal"}, {}, "better", ""),
        ({"aa_state": "coarse"}, {}, "better", ""),
    ],
)
def test_a_row_without_a_verdict_says_why(fields, failures, verdict, reason):
    row = judged(make_row(**fields), failures=failures)
    assert (row.verdict, row.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("rules", "role", "needed"),
    [(RULES, "primary", 8), (share_level(2), "secondary", 8), (share_level(4), "secondary", 9), (share_level(4), "primary", 8)],
)
def test_a_verdict_needs_as_many_launches_as_an_interval_inside_their_range_at_its_level(rules, role, needed):
    few, enough = (judged(make_row(role=role, launches=launches), rules) for launches in (needed - 1, needed))
    assert (few.verdict, few.reason) == ("not judged", f"needs {needed} launches, has {needed - 1}")
    assert enough.verdict == "better"


# --- requests that were sent late -----------------------------------------------------------------------------------


def late_row(metric="p95_ms", *, times_ms=(2.0, 4.0, 4.0), lags_ms=(0.51, 0.0, 0.0), late=4, lag_metric=None):
    """Return a row over 12 launches, in some of which the cells had these send lags, beside these latencies; contender first."""
    values = {cell: {launch: {metric: time_ms} for launch in range(12)} for cell, time_ms in zip(CELLS, times_ms, strict=True)}
    lags = {
        cell: {launch: {lag_metric or metric: lag_ms if launch < late else 0.0} for launch in range(12)}
        for cell, lag_ms in zip(CELLS, lags_ms, strict=True)
    }
    row = make_row(metric=metric, role="secondary", ratio=0.5, ci_low=0.49, ci_high=0.51)
    return judged(row, values=values, lags_ms=lags)


def test_a_latency_is_withheld_whose_requests_were_sent_late_by_over_a_quarter_of_it_in_over_a_quarter_of_the_launches():
    row = late_row()
    reason = "in 4 of 12 launches requests were sent late: by over 25% of the smaller p95, at the same percentile"
    assert (row.verdict, row.reason) == ("withheld", reason)


@pytest.mark.parametrize("lags_ms", [(0.51, 0.0, 0.0), (0.0, 0.51, 0.0), (0.0, 0.0, 0.51)])
@pytest.mark.parametrize("times_ms", [(2.0, 4.0, 4.0), (4.0, 2.0, 4.0), (4.0, 4.0, 2.0)])
def test_the_lag_of_any_cell_of_a_row_counts_beside_the_smallest_of_its_latencies(lags_ms, times_ms):
    assert late_row(lags_ms=lags_ms, times_ms=times_ms).verdict == "withheld"


@pytest.mark.parametrize(
    "case",
    [
        {"late": 3},
        {"lags_ms": (0.5, 0.5, 0.5), "late": 12},
        {"lag_metric": "p99_ms", "late": 12},  # of the p99, beside a p95
        {"lags_ms": (None, None, None), "late": 12},  # too few requests to know
        {"metric": "cpu_us_per_request", "lag_metric": "p95_ms", "late": 12},
        {"times_ms": (None, None, None), "late": 12},
    ],
)
def test_a_row_keeps_its_verdict_where_lateness_does_not_touch_its_figure(case):
    assert late_row(**case).verdict == "better"


def test_lateness_is_nothing_to_a_row_that_is_not_judged():
    lags_ms = {cell: {launch: {"p50_ms": 9.0} for launch in range(12)} for cell in CELLS}
    row = make_row(metric="p50_ms", role="exploratory")
    assert judged(row, values=lags_ms, lags_ms=lags_ms).reason == "exploratory"


# --- rows at a busy share -------------------------------------------------------------------------------------------


def busy_row(first, second=None, *, contender=0.2, load="busy-40", **fields):
    """Return a row over 12 launches in which the copies of its baseline were busy for these shares of the time; None is not known."""
    shares = zip(CELLS, ([contender] * 12, first, second or first), strict=True)
    busy = {replace(cell, load=load): dict(enumerate(own)) for cell, own in shares}
    return judged(make_row(load=load, **{"metric": "cpu_us_per_request", "role": "secondary", **fields}), busy_shares=busy)


NEAR = [0.45, 0.42, 0.48, 0.35, 0.49, 0.31] * 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (NEAR, NEAR),
        ([0.45] * 12, [0.33] * 12),
        ([0.25] * 12, [0.55] * 12),  # it is their mean that counts
        ([0.6] * 3 + [0.4] * 9, None),
        ([0.6] * 2 + [0.2] + [0.4] * 9, None),
        ([0.4] * 3 + [None] * 9, None),  # a process ended
        ([0.4] * 12, [0.9] * 3 + [0.4] * 9),
        ([0.9] * 9 + [0.4] * 3, [None] * 9 + [0.4] * 3),
        ([None] * 12, None),
    ],
)
def test_a_row_at_a_busy_share_is_judged_where_the_copies_were_about_that_busy_in_three_launches_of_four(first, second):
    assert (busy_row(first, second).verdict, busy_row(first, second).reason) == ("worse", "")


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([0.6] * 6 + [0.45] * 6, None, "45% to 60% of the time, and for 30% to 50% in only 6 of 12 launches"),
        ([0.25] * 4 + [0.4] * 8, None, "25% to 40% of the time, and for 30% to 50% in only 8 of 12 launches"),
        ([0.2, 0.6] * 2 + [0.4] * 8, None, "20% to 60% of the time, and for 30% to 50% in only 8 of 12 launches"),
        ([0.4] * 12, [0.7] * 12, "55% to 55% of the time, and for 30% to 50% in only 0 of 12 launches"),
        ([0.4] * 2 + [0.6] + [None] * 9, None, "40% to 60% of the time, and for 30% to 50% in only 2 of 3 launches"),
    ],
)
@pytest.mark.parametrize("metric", ["cpu_us_per_request", "p95_ms"])
def test_elsewhere_it_is_withheld_and_says_how_busy_they_were(first, second, words, metric):
    row = busy_row(first, second, metric=metric)
    assert (row.verdict, row.reason) == ("withheld", f"the load was not the one asked for: flask-gthread was busy for {words}")
    assert row.ratio == 1.11


def test_how_busy_the_contender_was_is_its_result_and_no_fault():
    assert {busy_row(NEAR, contender=share).verdict for share in (0.05, 0.79, None)} == {"worse"}


@pytest.mark.parametrize("fields", [{"load": "busy-60"}, {"load": "closed-16"}, {"load": "open-500rps"}, {"role": "exploratory"}])
def test_it_is_the_share_asked_for_that_counts_and_only_of_what_is_judged(fields):
    row = busy_row([0.6] * 12, **fields)
    assert (row.verdict, row.reason) == (("not judged", "exploratory") if "role" in fields else ("worse", ""))


# --- A/A ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratio", "width", "fields", "state"),
    [
        (1.0, 0.005, {}, "equal"),
        (1.0, 0.0295, {}, "equal"),  # within 3 %
        (1.0, 0.0297, {}, "coarse"),
        (1.01, 0.0195, {}, "equal"),
        (1.01, 0.0197, {}, "coarse"),  # the far end counts
        (1 / 1.01, 0.0197, {}, "coarse"),
        (1.02, 0.025, {}, "coarse"),  # 1 lies inside
        (1.02, 0.015, {}, "unequal"),
        (1 / 1.02, 0.015, {}, "unequal"),
        (1.011, 0.001, {}, "unequal"),  # unequal comes before equal, and before coarse
        (1.5, 0.1, {}, "unequal"),
        (1.009, 0.001, {}, "equal"),  # 1 is excluded, by less than matters
        (1.0, 0.0953, {"metric": "p95_ms"}, "equal"),  # within its margin of 10 %
        (1.0, 0.0954, {"metric": "p95_ms"}, "coarse"),
        (1.5, 0.1, {"launches": 8}, "unequal"),
        (1.5, 0.1, {"launches": 7}, "not judged"),
        (1.0, 0.005, {"launches": 7}, "not judged"),
        (1.5, 0.1, {"ci_low": None, "ci_high": None}, "not judged"),
    ],
)
def test_two_copies_are_unequal_or_equal_or_known_too_coarsely(ratio, width, fields, state):
    assert state_of(make_floor(ratio, width, **fields), RULES) == state


def test_copies_without_a_ratio_are_not_judged():
    assert state_of(make_floor(interval=None), RULES) == "not judged"


# --- precise enough -------------------------------------------------------------------------------------------------


def of_width(half_width, ratio=1.0, **fields):
    """Return a judged row whose interval reaches `half_width` margins, on the log scale, to both sides of its ratio."""
    row = make_row(**fields)
    reach = half_width * math.log1p(row.margin)
    return replace(row, ratio=ratio, ci_low=ratio * math.exp(-reach), ci_high=ratio * math.exp(reach))


def is_precise(rows):
    return are_precise(rows, RULES)


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
