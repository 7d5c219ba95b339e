"""The rules are fixed before a run: all of them are in the plan, so another rule gives another hash."""

import pytest

from bench import records
from bench.plan import rules
from bench.plan.plan import hash_plan, make_plan
from bench.plan.rules import LEVELS, MARGINS, ROLES, describe_rules
from bench.records import METRICS

TABLES = {"MARGINS", "LEVELS", "ROLES"}
CONSTANTS = {name for name in vars(rules) if name.isupper() and not hasattr(records, name)}


def default_hash():
    return hash_plan(make_plan("default").plan())


def test_every_metric_has_its_margin():
    assert dict(MARGINS) == {"throughput_rps": 0.02, "cpu_us_per_request": 0.02, "p50_ms": 0.05, "p95_ms": 0.1, "p99_ms": 0.1}
    assert set(MARGINS) == set(METRICS)


def test_one_row_is_primary_and_three_secondary_ones_share_five_per_cent():
    roles = list(ROLES.values())
    assert (roles.count("primary"), roles.count("secondary"), len(roles)) == (1, 3, 4)
    assert 3 * (1 - LEVELS["secondary"]) == pytest.approx(0.05)
    assert LEVELS["primary"] == LEVELS["exploratory"] == 0.95


def test_every_constant_is_a_number_or_one_of_three_tables():
    assert {name for name in CONSTANTS if not isinstance(getattr(rules, name), (int, float))} == TABLES


@pytest.mark.parametrize("name", sorted(CONSTANTS - TABLES))
def test_the_hash_of_a_plan_changes_with_every_number_of_the_rules(monkeypatch, name):
    before = default_hash()
    monkeypatch.setattr(rules, name, getattr(rules, name) * 2)
    assert default_hash() != before


@pytest.mark.parametrize(("name", "key"), [*(("MARGINS", metric) for metric in MARGINS), *(("LEVELS", role) for role in LEVELS)])
def test_the_hash_of_a_plan_changes_with_every_margin_and_level(monkeypatch, name, key):
    before = default_hash()
    monkeypatch.setattr(rules, name, {**getattr(rules, name), key: 0.5})
    assert default_hash() != before


@pytest.mark.parametrize("key", ROLES, ids=lambda key: " ".join(key[1:]))
def test_the_hash_of_a_plan_changes_with_the_role_of_every_judged_row(monkeypatch, key):
    before = default_hash()
    monkeypatch.setattr(plan_config, "ROLES", {**ROLES, key: "exploratory"})
    assert default_hash() != before


def test_the_rules_as_data_have_a_value_for_every_number():
    def numbers(table):
        return [number for value in table.values() for number in (numbers(value) if isinstance(value, dict) else [value])]

    assert len(numbers(describe_rules())) == len(CONSTANTS - TABLES) + len(MARGINS) + len(LEVELS)
