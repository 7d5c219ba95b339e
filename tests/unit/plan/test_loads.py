"""The name of a load says all of it; any other name is refused with the forms there are."""

import pytest
from plan_files import refusal

from bench.plan.plan import make_plan
from bench.records.loads import Load, parse_load


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("closed-1", {"users": 1}),
        ("closed-16", {"users": 16}),
        ("closed-512", {"users": 512}),
        ("open-1", {"percent": 1}),
        ("open-60", {"percent": 60}),
        ("open-200", {"percent": 200}),
        ("open-1rps", {"rate_rps": 1}),
        ("open-500rps", {"rate_rps": 500}),
        ("open-100000rps", {"rate_rps": 100_000}),
        ("own-80", {"percent": 80, "is_own": True}),
        ("open-60-constant", {"percent": 60, "is_constant": True}),
        ("open-500rps-constant", {"rate_rps": 500, "is_constant": True}),
        ("own-80-constant", {"percent": 80, "is_own": True, "is_constant": True}),
    ],
)
def test_a_load_is_what_its_name_says(name, fields):
    assert parse_load(name) == Load(name, **fields)


@pytest.mark.parametrize(
    ("name", "is_open"), [("closed-16", False), ("open-60", True), ("open-500rps", True), ("own-80", True), ("open-60-constant", True)]
)
def test_every_load_but_a_closed_loop_is_open(name, is_open):
    assert parse_load(name).is_open is is_open


@pytest.mark.parametrize(
    "name",
    [
        *("closed-0", "closed-016", "closed-513", "closed-99999", "closed-", "closed-1.5", "closed--1", "closed-\uff11\uff16"),
        *("closed-16-constant", "closed-16rps", "closed-16 ", " closed-16", "closed-16\n", "Closed-16", "closed16"),
        *("open-0", "open-060", "open-201", "open-1000", "open-60%", "open-", "open-60-poisson", "open-60-constant-constant"),
        *("open-0rps", "open-100001rps", "open-1000000rps", "open-0500rps", "open-500-rps", "open-500rps-"),
        *("own-0", "own-201", "own-500rps", "own-500rps-constant", "own", "", "half-60"),
    ],
)
def test_any_other_name_is_refused_with_the_forms_there_are(name):
    assert refusal(parse_load, name) == (
        f"There is no load {name!r}; use closed-N with 1 to 512 users, open-P or own-P with 1 to 200 % of saturation, "
        "or open-Nrps with up to 100,000 requests per second (open loops may end in -constant)."
    )


def test_every_judged_row_is_of_a_load_there_is():
    assert {parse_load(row[4]).name for row in make_plan("default").roles} == {"closed-16", "open-60"}
