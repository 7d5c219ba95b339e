"""The rows of a run: log ratios of the totals of launches, copies of a stack averaged on both sides, each row with its own A/A."""

import itertools
import math
from dataclasses import replace

import pytest
from judge_rows import KEY, by_cell, make_cell_of, make_floor, make_row, small_config

from bench.judge.comparisons import Failures, Measured, compare_all, judge_aa, mean_logs, metrics_of, withhold_all
from bench.plan.plan import make_plan
from bench.plan.profiles import Pair
from bench.records import METRICS

STACKS = ("flask-gthread", "fastapi-uvicorn", "flask-gthread-twin")
FLASK, FASTAPI, TWIN = (replace(KEY, stack=stack) for stack in STACKS)
GRANIAN_STACKS = ("flask-gthread", "flask-granian", "flask-gthread-twin", "flask-granian-twin")
DEPLOYED, SERVER_ALONE, SAME_SERVER = make_plan("quick").pairs


def measured(config, failures=None, **factors):
    """Return noiseless values of a plan: 1 in each metric, but its factor for a stack that is named (with underscores)."""
    part = config.parts[0]
    values = {
        (launch, key): dict.fromkeys(METRICS, factors.get(key.stack.replace("-", "_"), 1.0))
        for launch in range(1, part.launches + 1)
        for key in config.cells()
    }
    return Measured(by_cell(values), failures=failures or {})


def rates_of(launches, *cells):
    """Return the values of launches that have these rates, one per cell."""
    rates = {(launch, key): rate for launch, own in launches.items() for key, rate in zip(cells, own, strict=True)}
    return by_cell({place: {"throughput_rps": rate} for place, rate in rates.items()})


def row_of(config, *, metric="throughput_rps", **options):
    """Return the first row of a metric, and its A/A."""
    comparisons, floor = compare_all(config, measured(config, **options))
    return next(row for row in comparisons if row.metric == metric), next((row for row in floor if row.metric == metric), None)


def granian_config(**fields):
    """Return a plan of the server alone, with a twin on either side."""
    config = small_config()
    return replace(config, pairs=(SERVER_ALONE,), parts=(replace(config.parts[0], stacks=GRANIAN_STACKS, **fields),))


# --- the log of a side ----------------------------------------------------------------------------------------------


def logs_of(launches):
    """Return the logs of the side of two copies that have these rates."""
    return mean_logs(rates_of(launches, FLASK, TWIN), "throughput_rps", [FLASK, TWIN])


def test_a_side_is_the_mean_of_the_logs_of_its_copies_launch_by_launch():
    logs = logs_of({2: (3.0, 3.0), 1: (1.0, 4.0)})
    assert list(logs.items()) == [(1, pytest.approx(math.log(2))), (2, pytest.approx(math.log(3)))]


@pytest.mark.parametrize("missing", [None, 0.0])
@pytest.mark.parametrize("place", [0, 1])
def test_a_launch_counts_only_if_every_copy_has_a_value_in_it(place, missing):
    values = [1.0, 4.0]
    values[place] = missing
    assert list(logs_of({1: values, 2: (1.0, 1.0)})) == [2]


def test_a_copy_that_was_not_measured_leaves_no_launch():
    values = rates_of({1: [2.0]}, FLASK)
    assert mean_logs(values, "throughput_rps", [FLASK, TWIN]) == mean_logs(values, "throughput_rps", [TWIN]) == {}


# --- ratios ---------------------------------------------------------------------------------------------------------


def test_a_row_has_its_ratio_its_launches_and_the_level_of_its_role():
    row, _ = row_of(small_config(launches=8), fastapi_uvicorn=1.1)
    assert (row.ratio, *row.ends) == pytest.approx((1.1, 1.1, 1.1))
    assert (row.pair, row.launches, row.launch_ratios) == ("as usually deployed", 8, pytest.approx((1.1,) * 8))
    assert row.interval.level == pytest.approx(1 - 10 / 256)


def test_the_ratio_of_a_launch_is_that_of_its_totals_and_estimated_over_launches_on_the_log_scale():
    rates = {1: (6.0, 1.0, 4.0), 2: (50.0, 5.0, 5.0), 3: (1.0, 0.25, 0.25)}
    [row, *_], _ = compare_all(small_config(), Measured(rates_of(rates, FASTAPI, FLASK, TWIN)))
    assert row.launch_ratios == pytest.approx((3, 10, 4))
    means = sorted([3, 10, 4, math.sqrt(30), math.sqrt(12), math.sqrt(40)])
    assert row.ratio == pytest.approx(math.sqrt(means[2] * means[3]))


def test_a_row_shows_both_sides_in_the_unit_of_its_metric_each_estimated_by_itself():
    rates = {1: (600.0, 100.0, 400.0), 2: (2400.0, 800.0, 800.0)}
    [row, *_], _ = compare_all(small_config(), Measured(rates_of(rates, FASTAPI, FLASK, TWIN)))
    assert (row.contender_value, row.baseline_value) == pytest.approx((1200, 400))


def test_a_launch_that_one_side_does_not_have_does_not_count():
    values = measured(small_config(), fastapi_uvicorn=1.1).values
    for key, launch in ((FASTAPI, 3), (FLASK, 5), (TWIN, 7)):
        values[key].pop(launch)
    [row, *_], [floor, *_] = compare_all(small_config(), Measured(values))
    assert (row.launches, row.ratio, floor.launches) == (9, pytest.approx(1.1), 10)


@pytest.mark.parametrize("launches", [1, 2, 5])
def test_a_few_launches_give_a_ratio_without_an_interval_or_verdict(launches):
    row, _ = row_of(small_config(launches=launches), fastapi_uvicorn=1.1)
    assert (row.ratio, row.ends, row.interval.level) == (pytest.approx(1.1), None, None)
    assert (row.verdict, row.reason) == ("not judged", f"needs 8 launches, has {launches}")


def test_before_anything_is_measured_there_are_rows_without_figures():
    comparisons, floor = compare_all(small_config(), Measured({}))
    found = {(row.interval, row.launches, row.launch_ratios, row.contender_value, row.baseline_value) for row in [*comparisons, *floor]}
    assert found == {(None, 0, (), None, None)}
    assert comparisons[0].reason == "needs 8 launches, has 0"


def test_equal_values_throughout_are_equivalent():
    row, _ = row_of(small_config())
    assert (row.verdict, row.ratio) == ("equivalent", 1.0)


# --- copies ---------------------------------------------------------------------------------------------------------


def test_the_twin_is_half_of_the_baseline():
    row, _ = row_of(small_config(), fastapi_uvicorn=1.1, flask_gthread_twin=1.21)
    assert (row.ratio, row.contender_value, row.baseline_value) == pytest.approx((1.0, 1.1, 1.1))


def test_the_server_alone_is_judged_by_both_copies_of_either_side():
    rates = {"flask_granian": 1.0, "flask_granian_twin": 1.44, "flask_gthread": 0.5, "flask_gthread_twin": 2.0}
    row, floor = row_of(granian_config(), **rates)
    assert (row.contender, row.baseline, row.pair) == ("flask-granian", "flask-gthread", "server alone")
    assert (row.ratio, row.contender_value, row.baseline_value) == pytest.approx((1.2, 1.2, 1.0))
    assert (floor.contender, floor.baseline, floor.ratio) == ("flask-gthread-twin", "flask-gthread", pytest.approx(4))


@pytest.mark.parametrize("copy", GRANIAN_STACKS)
def test_a_launch_in_which_a_copy_of_either_side_gave_nothing_does_not_count(copy):
    config = granian_config()
    values = measured(config).values
    values[replace(KEY, stack=copy)].pop(4)
    [row, *_], _ = compare_all(config, Measured(values))
    assert row.launches == 11


def test_a_copy_counts_on_its_side_only_under_loads_that_it_is_put_under():
    both = ("flask-gthread", "flask-granian")
    under = {
        "closed-16": GRANIAN_STACKS,
        "closed-4": (*both, "flask-gthread-twin"),
        "closed-1": (*both, "flask-granian-twin"),
        "busy-40": both,
    }
    config = granian_config(loads=tuple(under), stacks_by_load=under)
    values = measured(config, flask_granian_twin=1.44, flask_gthread_twin=4.0).values
    comparisons, floor = compare_all(config, Measured(values))
    ratios = {row.load: row.ratio for row in comparisons if row.metric == "cpu_us_per_request"}
    assert ratios == pytest.approx({"closed-16": 0.6, "closed-4": 0.5, "closed-1": 1.2, "busy-40": 1.0})
    copies = {(row.load, row.contender) for row in floor}
    assert copies == {
        ("closed-16", "flask-gthread-twin"),
        ("closed-16", "flask-granian-twin"),
        ("closed-4", "flask-gthread-twin"),
        ("closed-1", "flask-granian-twin"),
    }


def test_a_twin_as_contender_is_compared_with_its_stack_alone():
    config = replace(small_config(), pairs=(Pair("twin", "flask-gthread-twin", "flask-gthread"),))
    row, floor = row_of(config, flask_gthread_twin=1.21)
    assert row.ratio == floor.ratio == pytest.approx(1.21)


# --- the A/A of a row -----------------------------------------------------------------------------------------------


def test_each_row_has_the_a_a_of_its_own_baseline_metric_scenario_and_load():
    config = small_config(launches=8, scenarios=("predict-1", "hello"), loads=("closed-16", "closed-1"))
    part = replace(config.parts[0], stacks=(*STACKS, "flask-granian", "flask-granian-twin"))
    config = replace(config, pairs=(DEPLOYED, Pair("granian", "fastapi-uvicorn", "flask-granian")), parts=(part,))
    values, ratios = measured(config).values, {}
    twins = [key for key in config.cells() if key.stack.endswith("-twin")]
    for number, (key, metric) in enumerate(itertools.product(twins, METRICS)):
        ratio = ratios[key.stack.removesuffix("-twin"), key.scenario, key.load, metric] = 1.0005 + number / 1000
        for own in values[key].values():
            own[metric] = ratio
    for row in itertools.chain(*compare_all(config, Measured(values))):
        ratio = ratios[row.baseline, row.scenario, row.load, row.metric]
        assert (row.aa_low, row.aa_high, row.aa_resolution) == pytest.approx((ratio, ratio, ratio - 1))
        assert row.aa_state == ("unequal" if ratio > 1.01 else "equal")


def test_a_row_whose_baseline_has_no_copy_has_no_a_a_and_no_verdict():
    config = small_config()
    config = replace(config, parts=(replace(config.parts[0], stacks=STACKS[:2]),))
    row, floor = row_of(config, fastapi_uvicorn=2.0)
    assert floor is None
    assert (row.aa_state, row.aa_low, row.aa_high, row.aa_resolution) == ("not judged", None, None, None)
    assert (row.verdict, row.reason) == ("not judged", "no noise floor was measured for this row")


def test_copies_that_differ_raise_the_bar_of_their_row_and_withhold_nothing():
    verdicts = [row_of(small_config(), fastapi_uvicorn=ratio, flask_gthread_twin=1.21)[0].verdict for ratio in (1.32, 1.34, 1.1, 0.9, 0.91)]
    assert verdicts == ["undecided", "better", "undecided", "worse", "undecided"]  # of 1.1, the mean of both copies, 1.21 times


def test_the_a_a_of_the_run_is_that_of_its_primary_row():
    floor = make_floor(1.02, 0.025)
    aa = judge_aa([make_floor(1.5, load="closed-1"), floor], [make_row(role="secondary"), make_row(aa=floor)])
    assert (aa.state, aa.interval, aa.resolution) == ("coarse", floor.interval, pytest.approx(1.02 * math.exp(0.025) - 1))


@pytest.mark.parametrize(
    "fields", [{"part": "other"}, {"baseline": "flask-granian"}, {"scenario": "hello"}, {"load": "closed-1"}, {"metric": "p50_ms"}]
)
def test_the_noise_floor_of_another_row_is_not_that_of_the_primary_one(fields):
    aa = judge_aa([make_floor(1.5, **fields)], [make_row()])
    assert (aa.state, aa.interval, aa.resolution) == ("not judged", None, None)


def test_without_a_primary_row_the_noise_floor_is_not_judged():
    assert judge_aa([make_floor(1.5)], [make_row(role="secondary")]).state == "not judged"


# --- all rows of a plan ---------------------------------------------------------------------------------------------


def test_each_pair_has_a_row_for_every_metric_scenario_and_load_and_so_has_each_twin():
    config = small_config(scenarios=("predict-1", "hello"), loads=("closed-16", "closed-1"))
    comparisons, floor = compare_all(config, measured(config))
    wanted = {(scenario, load, metric) for scenario in ("predict-1", "hello") for load in ("closed-16", "closed-1") for metric in METRICS}
    for rows, contender in ((comparisons, "fastapi-uvicorn"), (floor, "flask-gthread-twin")):
        assert {(row.scenario, row.load, row.metric) for row in rows} == wanted
        assert {(row.contender, row.baseline) for row in rows} == {(contender, "flask-gthread")}
        assert len(rows) == len(wanted)


def test_a_pair_has_no_row_under_a_load_that_one_of_its_stacks_is_not_put_under():
    config = small_config(loads=("closed-16", "closed-1"))
    part = replace(config.parts[0], stacks_by_load={"closed-16": STACKS, "closed-1": ("flask-gthread", "flask-gthread-twin")})
    comparisons, floor = compare_all(replace(config, parts=(part,)), Measured({}))
    assert {row.load for row in comparisons} == {"closed-16"}
    assert {row.load for row in floor} == {"closed-16", "closed-1"}


@pytest.mark.parametrize("load", ["busy-40", "open-500rps", "own-80", "open-60-constant"])
def test_stacks_are_not_compared_by_their_throughput_in_an_open_loop(load):
    assert metrics_of(load) == ["cpu_us_per_request", "p50_ms", "p95_ms", "p99_ms"]
    config = small_config(loads=("closed-16", load))
    for rows in compare_all(config, measured(config)):
        assert [row.load for row in rows if row.metric == "throughput_rps"] == ["closed-16"]
        assert {row.metric for row in rows if row.load == load} == set(METRICS) - {"throughput_rps"}


def test_in_a_closed_loop_they_are_compared_by_every_metric():
    assert metrics_of("closed-1") == list(METRICS)


def test_the_primary_row_is_judged_and_the_exploratory_ones_are_not():
    config = small_config()
    comparisons, floor = compare_all(config, measured(config, fastapi_uvicorn=1.1))
    assert {row.metric: (row.role, row.verdict) for row in comparisons} == {
        "throughput_rps": ("primary", "better"),
        **dict.fromkeys(METRICS[1:], ("exploratory", "not judged")),
    }
    assert {(row.role, row.verdict, row.reason) for row in floor} == {("exploratory", "not judged", "noise floor")}


def test_cpu_time_and_p95_of_the_open_loop_are_judged_at_the_level_of_a_secondary_row():
    rules = make_plan("default").rules
    config = replace(small_config(loads=("busy-40",)), rules=rules)
    comparisons, _ = compare_all(config, measured(config, fastapi_uvicorn=0.5))
    assert {row.metric: (row.role, row.verdict) for row in comparisons} == {
        "cpu_us_per_request": ("secondary", "better"),
        "p50_ms": ("exploratory", "not judged"),
        "p95_ms": ("secondary", "better"),
        "p99_ms": ("exploratory", "not judged"),
    }
    assert all(row.interval.level >= rules.levels[row.role] for row in comparisons)


def test_the_server_alone_and_the_same_server_are_judged_at_the_level_of_a_secondary_row():
    plan = make_plan("quick")
    comparisons, _ = compare_all(plan, measured(plan, fastapi_granian=0.9, flask_granian=1.8, flask_granian_twin=1.8))
    found = {(row.pair, row.role, row.verdict) for row in comparisons if row.metric == "throughput_rps"}
    assert found == {
        ("as usually deployed", "primary", "equivalent"),
        ("server alone", "secondary", "better"),
        ("same server", "secondary", "worse"),
    }
    assert all(row.interval.level >= plan.rules.levels[row.role] for row in comparisons)


def test_the_same_row_of_another_part_is_not_judged():
    config = small_config()
    config = replace(config, parts=(*config.parts, replace(config.parts[0], name="ladder")))
    comparisons, _ = compare_all(config, measured(config))
    assert {row.role for row in comparisons if row.part == "ladder"} == {"exploratory"}
    assert {row.role for row in comparisons if row.part == "headline"} == {"exploratory", "primary"}


def test_a_stack_that_gave_nothing_has_rows_without_figures_and_leaves_the_others_theirs():
    config = small_config(loads=("busy-40",))
    part = replace(config.parts[0], stacks=(*config.parts[0].stacks, "fastapi-def"))
    config = replace(config, parts=(part,), pairs=(*config.pairs, Pair("def", "fastapi-def", "flask-gthread")))
    values = {key: own for key, own in measured(config).values.items() if key.stack != "fastapi-def"}
    comparisons, _ = compare_all(config, Measured(values))
    assert {row.contender for row in comparisons if row.ratio is None and row.launches == 0} == {"fastapi-def"}
    assert {row.contender for row in comparisons if row.launches == 12} == {"fastapi-uvicorn"}


def test_all_judged_rows_are_of_the_metrics_there_are():
    assert {row[-1] for row in make_plan("default").roles} <= set(METRICS)


# --- stacks that did not carry an open loop -------------------------------------------------------------------------


def overloaded(load, *stacks, config=None, **fields):
    """Return the rows of a load that these stacks did not carry, and its A/A, by metric; FastAPI takes half of everything."""
    config = config or replace(small_config(loads=(load,)), rules=make_plan("default").rules)
    lost = {"carried": False, "achieved_ratio": 0.93, "busy_share": 0.97, **fields}
    cells = {key: make_cell_of(key, **(lost if key.stack in stacks else {})) for key in config.cells()}
    rows, floor = compare_all(config, replace(measured(config, fastapi_uvicorn=0.5), cells=cells))
    return {row.metric: row for row in rows if row.contender == "fastapi-uvicorn"}, {row.metric: row for row in floor}


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_that_did_not_carry_the_load_leaves_its_rows_no_latency_ratio_and_is_named_and_cpu_rows_stay(stack):
    rows, floor = overloaded("busy-40", stack)
    words = f"{stack} did not carry this load: it answered 93.0% of what was offered, busy for 97% of the time"
    for metric, verdict in (("p50_ms", "not judged"), ("p95_ms", "withheld"), ("p99_ms", "not judged")):
        assert (rows[metric].interval, rows[metric].launch_ratios) == (None, ())
        assert (rows[metric].verdict, rows[metric].reason) == (verdict, words)
        copies = (None, "not judged", words) if stack != "fastapi-uvicorn" else (1.0, "equal", "noise floor")
        assert (floor[metric].ratio, floor[metric].aa_state, floor[metric].reason) == copies
        assert rows[metric].aa_state == copies[1]
    assert (rows["cpu_us_per_request"].ratio, rows["cpu_us_per_request"].verdict) == (0.5, "better")
    assert (floor["cpu_us_per_request"].ratio, floor["cpu_us_per_request"].aa_state) == (1.0, "equal")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"achieved_ratio": 0.0, "busy_share": 0.02}, "it answered 0.0% of what was offered, busy for 2% of the time"),
        ({"busy_share": None}, "it answered 93.0% of what was offered"),
    ],
)
def test_what_an_overloaded_stack_did_is_said_as_far_as_it_is_known(fields, words):
    rows, _ = overloaded("busy-40", "fastapi-uvicorn", **fields)
    assert rows["p95_ms"].reason == f"fastapi-uvicorn did not carry this load: {words}"


@pytest.mark.parametrize("load", ["own-85", "open-500rps"])
def test_so_does_one_under_any_open_loop(load):
    assert overloaded(load, "flask-gthread")[0]["p95_ms"].ratio is None


def test_a_closed_loop_and_another_stack_s_trouble_leave_a_latency_its_ratio():
    assert overloaded("closed-16", *STACKS)[0]["p95_ms"].ratio == 0.5
    config = small_config(loads=("busy-40",))
    config = replace(config, parts=(replace(config.parts[0], stacks=(*STACKS, "fastapi-def")),), rules=make_plan("default").rules)
    rows, _ = overloaded("busy-40", "fastapi-def", config=config)
    assert (rows["p95_ms"].ratio, rows["p95_ms"].verdict) == (0.5, "better")


# --- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copy", GRANIAN_STACKS)
def test_a_wrong_answer_in_any_cell_of_a_row_withholds_its_verdict(copy):
    config = replace(granian_config(), rules=make_plan("quick").rules)
    row, _ = row_of(config, flask_granian=2.0, flask_granian_twin=2.0, failures={replace(KEY, stack=copy): Failures(10**6, wrong=1)})
    assert (row.verdict, row.reason) == ("withheld", "1 wrong answer in its cells")


def test_wrong_answers_of_all_cells_of_a_row_are_summed():
    row, _ = row_of(small_config(), failures={key: Failures(10**6, wrong=count) for key, count in ((FLASK, 1), (FASTAPI, 20), (TWIN, 300))})
    assert row.reason == "321 wrong answers in its cells"


def test_failures_in_another_cell_withhold_nothing():
    row, _ = row_of(small_config(), fastapi_uvicorn=1.1, failures={replace(FLASK, load="closed-1"): Failures(10, wrong=2, unanswered=8)})
    assert row.verdict == "better"


def test_withholding_takes_every_verdict_and_leaves_what_was_not_judged():
    rows = [
        make_row(verdict="better"),
        make_row(verdict="undecided", smallest_seen=0.05),
        make_row(verdict="not judged", reason="exploratory"),
    ]
    found = [(row.verdict, row.reason, row.smallest_seen) for row in withhold_all(rows, "the run is not valid")]
    assert found == [("withheld", "the run is not valid", None)] * 2 + [("not judged", "exploratory", None)]
