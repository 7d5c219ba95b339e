"""What an open loop offers, what has to be known for it, and what a stack that cannot carry it is spared."""

from dataclasses import replace

import pytest

from bench.plan.described import describe
from bench.plan.plan import make_plan
from bench.plan.schedule import schedule_slices

FASTAPI, FLASK, DEF = "fastapi-uvicorn", "flask-gthread", "fastapi-def"
TWIN = f"{FLASK}-twin"
FOUND = {FLASK: 4672.5, FASTAPI: 9533.7, "flask-granian": 8010.8, "fastapi-granian": 7444.3, DEF: 5100.0}


def found(*loads, **changed_rps):
    """Return the default plan, its headline under these loads, after a calibration that found `FOUND` but for what is changed."""
    config = make_plan("default")
    headline = replace(config.parts[0], loads=loads or config.parts[0].loads)
    return replace(config, parts=(headline, *config.parts[1:]), saturation_rps={**FOUND, **changed_rps})


def plan(*loads, stacks=(FLASK, FASTAPI, TWIN)):
    """Return a plan of one part that is not calibrated yet."""
    config = make_plan("default")
    return replace(config, parts=(replace(config.parts[0], loads=loads, stacks=stacks),))


# --- rates ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stack", [FLASK, FASTAPI, TWIN, DEF, "flask-granian", "bare-asgi-uvicorn"])
def test_every_stack_is_offered_the_same_share_of_the_slower_stack_of_the_first_pair(stack):
    assert found().offered_rps(stack, "open-60") == 2800


@pytest.mark.parametrize(("fastapi", "flask"), [(1000.0, 2000.0), (2000.0, 1000.0)])
def test_the_slower_stack_of_the_first_pair_may_be_either(fastapi, flask):
    assert found(**{FASTAPI: fastapi, FLASK: flask}).offered_rps(FASTAPI, "open-50") == 500


def test_a_slower_stack_outside_the_first_pair_changes_no_rate():
    assert found(**{"flask-granian": 100.0, DEF: 100.0}).offered_rps(FLASK, "open-60") == 2800


def test_a_share_of_its_own_saturation_is_that_of_the_loaded_stack():
    config = found()
    assert {stack: config.offered_rps(stack, "own-80") for stack in (FLASK, FASTAPI)} == {FLASK: 3740, FASTAPI: 7630}


def test_a_twin_has_the_saturation_of_its_stack():
    config = found()
    assert config.offered_rps(TWIN, "own-80") == config.offered_rps(FLASK, "own-80") == 3740


@pytest.mark.parametrize("load", ["open-500rps", "open-500rps-constant"])
def test_a_rate_that_is_named_needs_no_calibration(load):
    assert plan(load).offered_rps(FLASK, load) == 500


@pytest.mark.parametrize(
    ("saturation", "load", "rate"),
    [
        (4672.5, "open-60", 2800),
        (123.4, "open-60", 74),
        (123.6, "open-60", 74.2),
        (12_345.6, "open-100", 12_300),
        (33.33, "open-30", 10),
        (33.37, "open-30", 10),
        (1.0, "open-1", 0.01),
    ],
)
def test_a_share_is_rounded_to_three_significant_digits(saturation, load, rate):
    assert found(**{FLASK: saturation, FASTAPI: 99_999.0}).offered_rps(FLASK, load) == rate


def test_equal_distances_have_the_same_rate_as_random_ones():
    config = found()
    assert config.offered_rps(FLASK, "open-60-constant") == config.offered_rps(FLASK, "open-60")


def test_a_closed_loop_offers_no_rate():
    assert found().offered_rps(FLASK, "closed-16") is None


@pytest.mark.parametrize("rates", [{}, {FLASK: 4672.5}, {FASTAPI: 9533.7}])
def test_there_is_no_share_before_both_stacks_of_the_first_pair_are_known(rates):
    assert replace(plan("open-60"), saturation_rps=rates).offered_rps(FLASK, "open-60") is None


def test_there_is_no_share_of_its_own_for_a_stack_that_is_not_known():
    assert found().offered_rps("bare-asgi-uvicorn", "own-80") is None


def test_the_plan_holds_the_rate_of_every_open_loop():
    config = found("closed-16", "open-60", "own-80")
    held = {(row["load"], row["stack"]): row["rps"] for row in describe(config)["offered_rps"]}
    assert held[("open-60", TWIN)] == 2800
    assert held[("own-80", FASTAPI)] == 7630
    assert {load for load, _ in held} == {"open-60", "own-80"}
    assert describe(plan("open-60"))["offered_rps"] == []


# --- stacks that cannot carry a load --------------------------------------------------------------------------------


def test_a_stack_that_cannot_carry_a_load_is_left_out_with_the_reason():
    config = found(**{DEF: 2900.0})
    [(key, reason)] = config.left_out()
    assert (key.part, key.stack, key.scenario, key.load) == ("headline", DEF, "predict-1", "open-60")
    assert reason == "open-60 is 2,800 req/s; fastapi-def was found to carry 2,900"


@pytest.mark.parametrize(("saturation", "is_left_out"), [(2947.3, True), (2947.4, False)])
def test_a_stack_is_not_loaded_with_more_than_nineteen_twentieths_of_what_it_carries(saturation, is_left_out):
    assert bool(found(**{DEF: saturation}).left_out()) is is_left_out


def test_neither_the_cells_nor_the_schedule_has_what_is_left_out_and_they_have_all_else():
    everything, config = found(), found(**{DEF: 2900.0})
    [(missing, _)] = config.left_out()
    assert config.cells() == [key for key in everything.cells() if key != missing]
    planned = {(place.stack, place.load) for place in schedule_slices(config, config.parts[0], 1)}
    assert planned == {(stack, load) for stack in config.parts[0].stacks for load in config.parts[0].loads} - {(DEF, "open-60")}


def test_the_plan_holds_no_rate_for_what_is_left_out():
    config = found(**{DEF: 2900.0})
    assert DEF not in {row["stack"] for row in describe(config)["offered_rps"]}


def test_a_twin_is_left_out_with_its_stack():
    config = found("open-80", **{FLASK: 7000.0, "flask-granian": 5000.0})
    assert {key.stack for key, _ in config.left_out() if key.part == "headline"} == {"flask-granian", "flask-granian-twin", DEF}


def test_a_rate_that_is_named_is_left_out_where_it_is_too_high():
    assert {key.stack for key, _ in found("open-5000rps").left_out() if key.load == "open-5000rps"} == {FLASK, TWIN, DEF}


def test_a_stack_always_carries_a_share_of_its_own():
    assert found("own-150").left_out() == []


def test_a_stack_whose_saturation_is_not_known_is_not_left_out():
    config = found()
    assert "bare-asgi-uvicorn" in {key.stack for key in config.cells()}
    assert config.left_out() == []


def test_nothing_is_left_out_before_the_calibration():
    assert plan("open-60", "open-50000rps").left_out() == []


def test_the_slower_stack_of_the_first_pair_itself_is_left_out_beyond_nineteen_twentieths():
    assert {key.stack for key, _ in found("open-94").left_out()}.isdisjoint((FLASK, FASTAPI))
    assert {key.stack for key, _ in found("open-96").left_out()} >= {FLASK, TWIN}


# --- what has to be found out ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("loads", [("closed-16",), ("closed-1", "open-500rps"), ("open-500rps-constant",)])
def test_without_a_share_of_saturation_nothing_needs_calibration(loads):
    assert plan(*loads).needs_rates() == []


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_a_profile_of_closed_loops_needs_no_calibration(profile):
    assert make_plan(profile).needs_rates() == []


def test_the_stacks_of_the_parts_with_a_share_of_saturation_need_calibration_the_first_pair_first():
    names = make_plan("default").needs_rates()
    assert names[:2] == [FASTAPI, FLASK]
    assert sorted(names) == sorted([FLASK, FASTAPI, DEF, "flask-granian", "fastapi-granian"])


@pytest.mark.parametrize("light", ["bare-asgi-uvicorn", f"{FLASK}@constant"])
def test_what_carries_as_much_as_its_whole_stack_needs_calibration_only_for_a_share_of_its_own(light):
    stacks = (FLASK, FASTAPI, light)
    config = make_plan("default")
    for load, names in (("open-60", [FASTAPI, FLASK]), ("own-80", [FASTAPI, FLASK, light])):
        assert replace(plan(load, stacks=stacks), stacks=config.stacks).needs_rates() == names


def test_a_floor_of_the_first_pair_needs_calibration():
    config = make_plan("default", compare=[("bare-asgi-uvicorn", FLASK)])
    assert config.needs_rates() == ["bare-asgi-uvicorn", FLASK]


@pytest.mark.parametrize("load", ["open-60", "own-80"])
def test_twins_never_need_calibration(load):
    assert plan(load).needs_rates() == [FASTAPI, FLASK]


def test_a_twin_that_is_compared_with_its_stack_needs_no_calibration_either():
    config = make_plan("default", compare=[(TWIN, FLASK)])
    assert config.needs_rates() == [FLASK]
    assert replace(config, saturation_rps={FLASK: 1000.0}).offered_rps(TWIN, "open-60") == 600


def test_the_first_pair_needs_calibration_even_if_only_another_part_has_a_share_of_saturation():
    config = make_plan("default")
    headline, explored = config.parts
    by_load = {"closed-16": (DEF,), "open-60": ("flask-granian",)}
    parts = (replace(headline, loads=("closed-16",)), replace(explored, stacks_by_load=by_load))
    assert replace(config, parts=parts).needs_rates() == [FASTAPI, FLASK, "flask-granian"]
