"""The promises of the verdict rule, by simulation of runs: how often it claims what is not so, and finds what is."""

import math
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from judge_rows import KEY, by_cell, make_floor, make_row, small_config

from bench.judge.comparisons import Measured, are_precise, compare_all, decide, smallest_seen
from bench.judge.estimates import exponential, hodges_lehmann
from bench.plan.plan import make_plan
from bench.records import Interval

DEFAULT, THOROUGH = (make_plan(profile).parts[0] for profile in ("default", "thorough"))
RULES = make_plan("default").rules
RUNS = 1000
# At which numbers of launches a run may end, once its row is precise.
FIXED_LOOKS = [(8,), (12,), (16,)]
BUNDLED_LOOKS = tuple(range(THOROUGH.first_look, THOROUGH.launches + 1, RULES.look_every))
MANY_LOOKS = (12, 14, 16, 18, 20)
MARGIN = 1 + RULES.margins["throughput_rps"]
BORDERS = ((MARGIN, "better"), (1 / MARGIN, "worse"))


# --- noise: logs of the totals of launches, by stack (contender, baseline, twin), run and launch --------------------


def quiet(rng, shape, spread=0.01):
    """Return normal noise by which the log ratio of the contender to both copies varies by 1 % from launch to launch."""
    return rng.normal(0, spread / math.sqrt(1.5), (3, *shape))


def usual(rng, shape):
    """Return such noise of 1.6 %."""
    return quiet(rng, shape, 0.016)


def wide(rng, shape):
    """Return such noise of 4 %."""
    return quiet(rng, shape, 0.04)


def heavy(rng, shape):
    """Return quiet noise, but in one launch in eight one of the three stacks is off by 5 to 12 %."""
    hit = (rng.random(shape) < 1 / 8) & (rng.integers(0, 3, shape) == np.arange(3)[:, None, None])
    return quiet(rng, shape) + hit * draw_mishaps(rng, shape)


def heaviest(rng, shape):
    """Return quiet noise, but each of the three stacks is off by 5 to 12 % in one launch in eight of its own."""
    return quiet(rng, shape) + (rng.random((3, *shape)) < 1 / 8) * draw_mishaps(rng, (3, *shape))


def unequal(rng, shape):
    """Return quiet noise, but one copy is 6 % faster than the other in every launch, and the contender lies between them."""
    return quiet(rng, shape) + math.log(1.06) * np.array([0, -0.5, 0.5])[:, None, None]


def draw_mishaps(rng, shape):
    return rng.choice([-1, 1], shape) * rng.uniform(0.05, 0.12, shape)


@cache
def simulate_rows(noise, looks, role="primary"):
    """Return the rows of many runs of an equal pair, each with its A/A; a run ends at the first look at which its row is precise."""
    contender, baseline, twin = noise(np.random.default_rng(20261125), (RUNS, looks[-1]))
    rows = []
    for logs, copies in zip(contender - (baseline + twin) / 2, twin - baseline, strict=True):
        for launches in looks:
            interval = exponential(hodges_lehmann(logs[:launches], RULES.levels[role]))
            if launches == looks[-1] or are_precise([make_row(interval=interval)], RULES):
                break
        floor = make_floor(interval=exponential(hodges_lehmann(copies[:launches], RULES.levels["exploratory"])))
        rows.append(make_row(aa=floor, role=role, launches=launches, interval=interval))
    return rows


def moved(row, true_ratio):
    """Return a row of a pair that is not equal: its estimate and interval move with the true ratio."""
    estimate, low, high = (true_ratio * value for value in (row.ratio, *row.ends))
    return replace(row, interval=Interval(estimate, low, high, row.interval.level))


def shares_of_verdicts(true_ratio, rows):
    """Return the share of each verdict among runs."""
    verdicts = Counter(decide(moved(row, true_ratio), RULES) for row in rows)
    return {verdict: verdicts[verdict] / len(rows) for verdict in ("better", "worse", "equivalent", "undecided")}


def half_width(row):
    return math.log(row.ends[1] / row.ends[0]) / 2


def test_the_bundled_profiles_have_twelve_launches_or_look_from_there_on():
    assert (DEFAULT.launches, DEFAULT.first_look) == (12, None)
    assert BUNDLED_LOOKS == (12, 14)
    assert RULES.precise_margins == 0.5


# --- what is not so -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["primary", "secondary"])
@pytest.mark.parametrize("looks", [BUNDLED_LOOKS, MANY_LOOKS])
@pytest.mark.parametrize("noise", [usual, heavy])
def test_an_interval_covers_the_truth_almost_as_often_as_it_says_though_it_ends_the_run_by_its_width(noise, looks, role):
    rows = simulate_rows(noise, looks, role)
    assert np.mean([row.ends[0] <= 1 <= row.ends[1] for row in rows]) >= RULES.levels[role] - 0.02
    assert len({row.launches for row in rows}) == len(looks)


@pytest.mark.parametrize("looks", [*FIXED_LOOKS, BUNDLED_LOOKS])
@pytest.mark.parametrize("noise", [quiet, heavy, heaviest])
def test_at_the_border_of_the_margin_neither_a_difference_nor_equality_is_claimed_too_often(noise, looks):
    for border, wrong in BORDERS:
        shares = shares_of_verdicts(border, simulate_rows(noise, looks))
        assert max(shares[wrong], shares["equivalent"]) <= 0.05
        assert shares["undecided"] == pytest.approx(1 - shares[wrong] - shares["equivalent"])


@pytest.mark.parametrize("looks", FIXED_LOOKS)
@pytest.mark.parametrize("noise", [wide, heaviest])
def test_a_run_that_is_coarse_claims_no_more_than_others(noise, looks):
    rows = [row for row in simulate_rows(noise, looks) if row.aa_state == "coarse"]
    assert len(rows) > RUNS / 3
    for border, wrong in BORDERS:
        shares = shares_of_verdicts(border, rows)
        assert max(shares[wrong], shares["equivalent"]) <= 0.05


@pytest.mark.parametrize("noise", [quiet, usual, heavy, heaviest, wide])
def test_two_equal_copies_are_called_unequal_in_at_most_five_per_cent_of_runs(noise):
    rows = [row for looks in FIXED_LOOKS for row in simulate_rows(noise, looks)]
    assert np.mean([row.aa_state == "unequal" for row in rows]) <= 0.05


@pytest.mark.parametrize("noise", [quiet, heavy, heaviest, wide])
def test_an_equal_pair_is_never_called_different(noise):
    for looks in FIXED_LOOKS:
        shares = shares_of_verdicts(1.0, simulate_rows(noise, looks))
        assert shares["equivalent"] + shares["undecided"] == pytest.approx(1)


@pytest.mark.parametrize("looks", FIXED_LOOKS)
def test_beside_copies_that_differ_by_six_per_cent_a_pair_must_differ_by_more_and_is_never_equivalent(looks):
    rows = simulate_rows(unequal, looks)
    assert {row.aa_state for row in rows} == {"unequal"}
    for ratio in (
        1.0,
        math.sqrt(1.06),
        1 / math.sqrt(1.06),
        1.06,
        1 / 1.06,
    ):  # as one of the copies is, as the other, as far as they differ
        assert shares_of_verdicts(ratio, rows)["undecided"] >= 0.95
    assert min(shares_of_verdicts(1.1, rows)["better"], shares_of_verdicts(1 / 1.1, rows)["worse"]) >= 0.8


# --- what is so -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "looks"), [("primary", (8,)), *((role, looks) for role in ("primary", "secondary") for looks in ((12,), (16,), BUNDLED_LOOKS))]
)
@pytest.mark.parametrize("noise", [quiet, usual, heavy])
def test_a_difference_that_matters_is_found_by_four_runs_of_five_that_know_it_to_one_and_a_half_per_cent(noise, looks, role):
    rows = simulate_rows(noise, looks, role)
    precise = [row for row in rows if half_width(row) <= 0.015]
    assert len(precise) > RUNS / 3
    assert shares_of_verdicts(1.05, precise)["better"] >= 0.8
    if len(precise) > RUNS / 2:  # the typical run is one of them
        assert shares_of_verdicts(1.05, rows)["better"] >= 0.8


@pytest.mark.parametrize(("role", "launches"), [("primary", 8), ("primary", 12), ("primary", 16), ("secondary", 9), ("secondary", 12)])
def test_the_difference_that_a_row_could_have_seen_is_found_by_about_four_runs_of_five(role, launches):
    rows = simulate_rows(quiet, (launches,), role)
    typical = 1 + float(np.median([smallest_seen(row, RULES) for row in rows]))
    assert 0.74 <= shares_of_verdicts(typical, rows)["better"] <= 0.86
    assert 0.74 <= shares_of_verdicts(1 / typical, rows)["worse"] <= 0.86


@pytest.mark.parametrize("looks", FIXED_LOOKS)
@pytest.mark.parametrize("noise", [usual, wide])
def test_in_more_noise_where_the_bar_differs_from_run_to_run_it_is_what_each_row_says_that_is_found_as_often(noise, looks):
    found = [decide(moved(row, 1 + smallest_seen(row, RULES)), RULES) == "better" for row in simulate_rows(noise, looks)]
    assert 0.74 <= np.mean(found) <= 0.86


@pytest.mark.parametrize(("noise", "shares"), [(quiet, (0.98, 0.99, 0.99)), (heavy, (0.37, 0.67, 0.77)), (wide, (0.0, 0.0, 0.02))])
def test_an_equal_pair_earns_it_in_almost_every_run_in_quiet_and_in_a_third_to_three_quarters_in_heavy_noise(noise, shares):
    for looks, share in zip(FIXED_LOOKS, shares, strict=True):
        assert shares_of_verdicts(1.0, simulate_rows(noise, looks))["equivalent"] == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(("true_ratio", "verdict"), [(1.05, "better"), (1 / 1.05, "worse"), (1.0, "equivalent")])
def test_the_rule_is_kept_from_the_totals_of_launches_to_the_verdict(true_ratio, verdict):
    """Over 40 runs."""
    config = small_config(launches=12)
    cells = [replace(KEY, stack=stack) for stack in ("fastapi-uvicorn", "flask-gthread", "flask-gthread-twin")]
    rates = 5000 * np.exp(quiet(np.random.default_rng(20261125), (40, 12))) * np.array([true_ratio, 1, 1])[:, None, None]
    verdicts = Counter()
    for run in range(40):
        values = {
            (launch, cell): {"throughput_rps": float(rates[place, run, launch])} for place, cell in enumerate(cells) for launch in range(12)
        }
        [row, *_], _ = compare_all(config, Measured(by_cell(values)))
        verdicts[row.verdict] += 1
    assert verdicts[verdict] >= 36
    assert set(verdicts) <= {verdict, "undecided"}
