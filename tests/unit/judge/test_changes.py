"""Single changes from one start: a ratio of throughput for each, explored and never judged."""

import math
from dataclasses import replace

import pytest
from judge_launches import judged
from judge_rows import by_cell, small_config

from bench.judge.comparisons import compare_changes
from bench.plan.profiles import Change, Part
from bench.plan.rules import Rules
from bench.records import CellKey

START, ENGINE, SERVER, TWIN = "flask-gthread@article", "flask-gthread", "fastapi-uvicorn", "flask-gthread-twin"
CHANGES = (Change("another engine", ENGINE, START), Change("another server", SERVER, START))
RATES = {START: 400.0, ENGINE: 5000.0, SERVER: 440.0, TWIN: 5000.0}


def config_of(*parts, changes=CHANGES):
    return replace(small_config(), parts=parts or (part_of("more"),), changes=changes)


def part_of(name, stacks=(START, ENGINE, SERVER), loads=("closed-16",), scenarios=("predict-1",), launches=6):
    return Part(name, stacks, scenarios, loads, launches, blocks=1)


def values_of(config, factors=None):
    """Return the throughput of every cell of a plan, in each launch by its factor."""
    rates = {
        (launch, CellKey(part.name, stack, scenario, load)): RATES[stack] * (factors or {}).get((launch, stack), 1.0)
        for part in config.parts
        for launch in range(1, part.launches + 1)
        for stack in part.stacks
        for scenario in part.scenarios
        for load in part.loads
    }
    return by_cell({place: {"throughput_rps": rate} for place, rate in rates.items()})


def test_each_change_has_the_ratio_of_its_throughput_to_that_of_the_start():
    config = config_of()
    rows = compare_changes(config, values_of(config))
    assert [(row.contender, row.baseline) for row in rows] == [(ENGINE, START), (SERVER, START)]
    assert [row.ratio for row in rows] == [pytest.approx(12.5), pytest.approx(1.1)]
    assert [(row.contender_value, row.baseline_value) for row in rows] == [pytest.approx((5000, 400)), pytest.approx((440, 400))]
    assert {(row.part, row.scenario, row.load, row.metric, row.launches) for row in rows} == {
        ("more", "predict-1", "closed-16", "throughput_rps", 6)
    }


def test_the_interval_is_over_launches_and_a_launch_that_was_slow_for_both_changes_nothing():
    config = config_of()
    slow = {(3, stack): 0.5 for stack in RATES}
    [row, _] = compare_changes(config, values_of(config, slow))
    assert row.ends == (pytest.approx(12.5), pytest.approx(12.5))
    spread = {(launch, ENGINE): math.exp(0.01 * launch) for launch in range(1, 7)}
    [row, _] = compare_changes(config, values_of(config, spread))
    assert row.ends[0] < 12.5 * math.exp(0.035) < row.ends[1]
    assert row.ratio == pytest.approx(12.5 * math.exp(0.035))
    assert row.launch_ratios == pytest.approx([12.5 * math.exp(0.01 * launch) for launch in range(1, 7)])
    assert row.interval.level >= Rules().levels["exploratory"]


def test_changes_are_explored_and_never_judged_however_large():
    config = config_of()
    for row in compare_changes(config, values_of(config)):
        assert (row.role, row.verdict, row.reason, row.smallest_seen) == ("exploratory", "not judged", "exploratory", None)
        assert row.margin == Rules().margins["throughput_rps"]


def test_every_closed_loop_of_every_scenario_has_a_row_and_no_open_loop_has():
    config = config_of(part_of("more", loads=("closed-16", "busy-40", "own-80", "closed-1"), scenarios=("predict-1", "hello")))
    rows = compare_changes(config, values_of(config))
    wanted = [(scenario, load) for scenario in ("predict-1", "hello") for load in ("closed-16", "closed-1")]
    assert [(row.scenario, row.load) for row in rows if row.contender == ENGINE] == wanted


def test_the_first_part_that_has_both_stacks_is_asked():
    config = config_of(part_of("headline", (ENGINE, SERVER)), part_of("one", (START, SERVER)), part_of("two"))
    assert [(row.contender, row.part) for row in compare_changes(config, values_of(config))] == [(ENGINE, "two"), (SERVER, "one")]


def test_a_second_copy_is_no_part_of_a_change():
    config = config_of(part_of("more", (START, ENGINE, TWIN)), changes=(Change("back", START, ENGINE),))
    [row] = compare_changes(config, values_of(config, {(launch, TWIN): 3.0 for launch in range(1, 7)}))
    assert row.ratio == pytest.approx(0.08)


def test_a_change_that_gave_no_answer_has_no_ratio():
    config = config_of()
    row, other = compare_changes(config, {key: values for key, values in values_of(config).items() if key.stack != ENGINE})
    assert (row.interval, row.launches, row.launch_ratios) == (None, 0, ())
    assert other.ratio == pytest.approx(1.1)


def test_a_plan_without_changes_has_none():
    config = config_of(changes=())
    assert compare_changes(config, values_of(config)) == []


def test_the_judgement_of_a_run_has_its_changes():
    config = replace(small_config(), changes=(Change("another server", "fastapi-uvicorn", "flask-gthread"),))
    [row] = judged(config, launches=0, partial=True).changes
    assert (row.contender, row.launches) == ("fastapi-uvicorn", 0)
