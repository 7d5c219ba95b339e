"""The name of a load says all of it; any other name is refused with the forms there are."""

import pytest
from plan_files import refusal

from bench.plan.plan import make_plan
from bench.records.loads import Load, parse_load

# Of what an open loop is a share; a closed loop and a known rate are no share of anything.
BUSY, OWN, FORMER = "busy", "own", "open"


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("closed-1", {"users": 1}),
        ("closed-16", {"users": 16}),
        ("closed-512", {"users": 512}),
        ("busy-1", {"percent": 1, "of": BUSY}),
        ("busy-40", {"percent": 40, "of": BUSY}),
        ("busy-95", {"percent": 95, "of": BUSY}),
        ("own-80", {"percent": 80, "of": OWN}),
        ("own-200", {"percent": 200, "of": OWN}),
        ("open-60", {"percent": 60, "of": FORMER}),
        ("open-200", {"percent": 200, "of": FORMER}),
        ("open-1rps", {"rate_rps": 1}),
        ("open-500rps", {"rate_rps": 500}),
        ("open-100000rps", {"rate_rps": 100_000}),
        ("busy-40-constant", {"percent": 40, "of": BUSY, "is_constant": True}),
        ("own-80-constant", {"percent": 80, "of": OWN, "is_constant": True}),
        ("open-500rps-constant", {"rate_rps": 500, "is_constant": True}),
    ],
)
def test_a_load_is_what_its_name_says(name, fields):
    assert parse_load(name) == Load(name, **fields)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("closed-16", set()),
        ("open-500rps", {"is_open"}),
        ("busy-40", {"is_open", "is_busy"}),
        ("own-80-constant", {"is_open", "is_own"}),
        ("open-60", {"is_open", "is_former"}),
    ],
)
def test_every_load_but_a_closed_loop_is_open_and_at_most_one_kind_of_share(name, kinds):
    load = parse_load(name)
    assert {kind for kind in ("is_open", "is_busy", "is_own", "is_former") if getattr(load, kind)} == kinds


@pytest.mark.parametrize(
    "name",
    [
        *("closed-0", "closed-016", "closed-513", "closed-99999", "closed-", "closed-1.5", "closed--1", "closed-\uff11\uff16"),
        *("closed-16-constant", "closed-16rps", "closed-16 ", " closed-16", "closed-16\n", "Closed-16", "closed16"),
        *("busy-0", "busy-040", "busy-96", "busy-100", "busy-40%", "busy-", "busy-40-poisson", "busy-40-constant-constant"),
        *("busy-500rps", "busy", "open-0", "open-060", "open-201", "open-1000"),
        *("open-0rps", "open-100001rps", "open-1000000rps", "open-0500rps", "open-500-rps", "open-500rps-"),
        *("own-0", "own-201", "own-500rps", "own-500rps-constant", "own", "", "half-60"),
    ],
)
def test_any_other_name_is_refused_with_the_forms_there_are(name):
    assert refusal(parse_load, name) == (
        f"There is no load {name!r}; use closed-N with 1 to 512 users, busy-P with 1 to 95 % of the baseline's core, own-P with 1 to 200 % "
        "of a stack's own throughput, or open-Nrps with up to 100,000 requests per second (open loops may end in -constant)."
    )


def test_every_judged_row_is_of_a_load_there_is():
    assert {parse_load(row[4]).name for row in make_plan("default").roles} == {"closed-16", "busy-40"}
