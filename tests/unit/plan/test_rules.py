"""The rules are fixed before a run: all of them are in the plan, so another rule gives another hash."""

from dataclasses import fields, is_dataclass, replace

import pytest

from bench.plan.described import describe, hash_plan
from bench.plan.plan import make_plan
from bench.plan.rules import Rules, share_level
from bench.records import METRICS


def changed_rules(rules):
    """Yield (name of a rule, the rules with another value of it), for every rule there is."""
    for field in fields(rules):
        value = getattr(rules, field.name)
        if is_dataclass(value):
            yield from ((f"{field.name}.{name}", replace(rules, **{field.name: changed})) for name, changed in changed_rules(value))
        elif isinstance(value, dict):
            yield from ((f"{field.name}.{key}", replace(rules, **{field.name: {**value, key: 0.5}})) for key in value)
        else:
            other = "closed-8" if isinstance(value, str) else value[:-1] if isinstance(value, tuple) else value * 2
            yield field.name, replace(rules, **{field.name: other})


def test_every_metric_has_its_margin():
    assert Rules().margins == {"throughput_rps": 0.02, "cpu_us_per_request": 0.02, "p50_ms": 0.05, "p95_ms": 0.1, "p99_ms": 0.1}
    assert set(Rules().margins) == set(METRICS)


@pytest.mark.parametrize(("secondary", "level"), [(0, 0.95), (1, 0.95), (2, 0.975), (3, 0.98333), (4, 0.9875)])
def test_secondary_rows_share_five_per_cent_and_the_other_levels_stay(secondary, level):
    levels = share_level(secondary).levels
    assert levels == {"primary": 0.95, "secondary": pytest.approx(level, abs=1e-5), "exploratory": 0.95}
    assert share_level(secondary) == replace(Rules(), levels=levels)


@pytest.mark.parametrize(
    ("profile", "secondary", "level"), [("smoke", 0, 0.95), ("quick", 2, 0.975), ("default", 4, 0.9875), ("thorough", 4, 0.9875)]
)
def test_the_level_of_a_profile_comes_from_the_secondary_rows_that_its_first_part_measures(profile, secondary, level):
    plan = make_plan(profile)
    assert list(plan.roles.values()).count("secondary") == secondary
    assert plan.rules.levels["secondary"] == pytest.approx(level)


def test_the_hash_of_a_plan_changes_with_every_rule():
    plan = make_plan("smoke")
    before = hash_plan(describe(plan))
    changed = dict(changed_rules(plan.rules))
    assert len(changed) > 30
    assert [name for name, rules in changed.items() if hash_plan(describe(replace(plan, rules=rules))) == before] == []


def test_the_hash_of_a_plan_changes_with_the_role_of_a_judged_row():
    plan = make_plan("smoke")
    pair = plan.pairs[0]
    other = replace(plan, pairs=(replace(pair, judged=pair.judged[1:]),))
    assert hash_plan(describe(other)) != hash_plan(describe(plan))
