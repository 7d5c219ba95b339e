"""A plan is checked before anything is started, and its hash says what will be done."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import ConfigError
from bench.plan import config as plan_config
from bench.plan.config import LEVELS, MARGINS, ROLES, hash_plan, make_config, profile_purposes, users_of
from bench.records import METRICS, CellKey

PROFILES = ["smoke", "quick", "default"]
FASTAPI, FLASK = "fastapi-uvicorn", "flask-gthread"

PROFILE = """
[mine]
purpose = "a test."
launches = 2
slice_ms = 250
settle_ms = 40
warm_up_ms = 100
pairs = [["fastapi-uvicorn", "flask-gthread"]]
[[mine.parts]]
name = "headline"
stacks = ["flask-gthread", "fastapi-uvicorn", "flask-gthread-twin"]
scenarios = ["predict-1"]
loads = ["closed-16"]
blocks = 1
"""
SECOND_PART = """
[[mine.parts]]
name = "more"
stacks = ["flask-granian"]
scenarios = ["hello"]
loads = ["closed-1"]
blocks = 1
"""


@pytest.fixture
def plan_mine(tmp_path, monkeypatch):
    """Return a function that plans the profile of a profiles file with one text replaced by another."""

    def plan(before, after, text=PROFILE):
        assert before in text
        path = tmp_path / "mine.toml"
        path.write_text(text.replace(before, after), "utf-8")
        monkeypatch.setattr(plan_config, "BUNDLED_PROFILES", path)
        return make_config("mine")

    return plan


def refusal(function, *arguments, **options):
    with pytest.raises(ConfigError) as caught:
        function(*arguments, **options)
    [line] = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize("profile", PROFILES)
def test_every_bundled_profile_has_both_sides_of_each_pair_and_a_twin_of_the_first_baseline(profile):
    config = make_config(profile)
    [part] = config.parts
    assert {stack for pair in config.pairs for stack in pair} <= set(part.stacks)
    assert f"{config.pairs[0][1]}-twin" in part.stacks


def test_the_bundled_profiles_are_those_that_say_what_they_are_for():
    assert list(profile_purposes()) == PROFILES


def test_verdicts_need_eight_launches_which_smoke_alone_does_not_have():
    assert [make_config(profile).launches for profile in PROFILES] == [2, 8, 14]


@pytest.mark.parametrize("profile", ["quick", "default"])
def test_every_judged_row_of_a_closed_loop_is_in_the_profiles_that_judge(profile):
    config = make_config(profile)
    [part] = config.parts
    rows = {(part.name, *pair, scenario, load) for pair in config.pairs for scenario in part.scenarios for load in part.loads}
    assert {row[:5] for row in ROLES if row[4].startswith("closed")} <= rows


def test_the_cells_are_stacks_by_scenarios_by_loads():
    cells = make_config("smoke").cells()
    assert len(cells) == len(set(cells)) == 3 * 2 * 1
    assert cells[0] == CellKey("headline", FLASK, "predict-1", "closed-16")


def test_a_stack_is_checked_for_the_scenarios_of_all_its_parts(plan_mine):
    config = plan_mine('"flask-granian"', '"flask-granian", "flask-gthread"', PROFILE + SECOND_PART)
    assert config.scenarios_of("flask-gthread") == ["predict-1", "hello"]
    assert config.scenarios_of("flask-granian") == ["hello"]


# --- what is refused ------------------------------------------------------------------------------------------------


def test_an_unknown_profile_is_refused_with_the_profiles_there_are():
    assert refusal(make_config, "fast") == "There is no profile 'fast'; there are: smoke, quick, default."


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("launches", "lunches", ["mine.toml [mine]", "'lunches'", "purpose, launches, slice_ms"]),
        ("blocks", "block", ["mine.toml [mine] part 1", "'block'", "name, stacks, scenarios, loads, blocks"]),
        ("launches = 2\n", "", ["mine.toml [mine]", "launches is missing"]),
        ('name = "headline"\n', "", ["mine.toml [mine] part 1", "name is missing"]),
        ("launches = 2", "launches = 2.5", ["mine.toml [mine]", "launches must be a whole number", "2.5"]),
        ("launches = 2", "launches = true", ["mine.toml [mine]", "launches must be a whole number"]),
        ("launches = 2", "launches = 0", ["mine.toml [mine]", "launches is 0", "1 to 200"]),
        ("launches = 2", "launches = 201", ["mine.toml [mine]", "launches is 201", "1 to 200"]),
        ("slice_ms = 250", "slice_ms = 19", ["mine.toml [mine]", "slice_ms is 19", "20 to 10000"]),
        ("settle_ms = 40", "settle_ms = -1", ["mine.toml [mine]", "settle_ms is -1", "0 to 5000"]),
        ("settle_ms = 40", "settle_ms = 126", ["mine", "settle_ms 126", "slice_ms 250", "at most half"]),
        ("warm_up_ms = 100", "warm_up_ms = 10001", ["mine.toml [mine]", "warm_up_ms is 10001", "0 to 10000"]),
        ("blocks = 1", "blocks = 0", ["mine.toml [mine] part 1", "blocks is 0", "1 to 1000"]),
        ("[[mine.parts]]", "[mine.parts]", ["mine.toml [mine]", "parts must be a list"]),
        ('["closed-16"]', "[]", ["mine.toml [mine] part 1", "loads must be a list of different names"]),
        ('["closed-16"]', "[16]", ["mine.toml [mine] part 1", "loads must be a list of different names"]),
        ('["closed-16"]', '["closed-16", "closed-16"]', ["mine.toml [mine] part 1", "loads must be a list of different names"]),
        ('["closed-16"]', '["open-60"]', ["'open-60'", "closed-N"]),
        ('["predict-1"]', '["predict-2"]', ["'predict-2'", "hello, predict-1, predict-4, predict-100, invalid"]),
        ('"flask-gthread-twin"', '"flask-gthreat-twin"', ["'flask-gthreat'", "flask-gthread, fastapi-uvicorn"]),
        ('"flask-gthread-twin"', '"flask-granian-twin"', ["part headline", "flask-granian-twin", "copy"]),
        ('[["fastapi-uvicorn", "flask-gthread"]]', '[["fastapi-uvicorn"]]', ["mine.toml [mine]", "[contender, baseline]"]),
        ('[["fastapi-uvicorn", "flask-gthread"]]', '["fastapi-uvicorn"]', ["mine.toml [mine]", "[contender, baseline]"]),
        ('[["fastapi-uvicorn", "flask-gthread"]]', '[["flask-granian", "flask-gthread"]]', ["no part", "flask-granian / flask-gthread"]),
        ("[mine]", "[mine]\n[mine]", ["mine.toml is no TOML"]),
    ],
)
def test_a_fault_in_a_profile_names_the_place_the_value_and_what_is_allowed(plan_mine, before, after, words):
    message = refusal(plan_mine, before, after)
    assert [word for word in words if word not in message] == []


def test_two_parts_of_one_name_are_refused(plan_mine):
    assert "two parts have the same name" in refusal(plan_mine, '"more"', '"headline"', PROFILE + SECOND_PART)


def test_a_pair_must_be_measured_together_in_one_part(plan_mine):
    text = PROFILE + SECOND_PART
    assert "no part measures both stacks" in refusal(plan_mine, '[["fastapi-uvicorn"', '[["flask-granian"', text)


def test_a_plan_that_would_never_end_is_refused(plan_mine):
    text = PROFILE.replace("launches = 2", "launches = 200")
    assert refusal(plan_mine, "blocks = 1", "blocks = 84", text) == "Profile mine would take 100800 slices; at most 100000 are allowed."


def test_a_floor_is_asked_nothing_but_its_one_answer(plan_mine):
    text = PROFILE.replace('"predict-1"', '"predict-4"')
    message = refusal(plan_mine, '"flask-gthread-twin"', '"null-wsgi-gthread"', text)
    assert message == "Stack 'null-wsgi-gthread' cannot answer scenario 'predict-4', only predict-1."


@pytest.mark.parametrize("launches", [-1, 0, 201])
def test_a_number_of_launches_out_of_range_is_refused(launches):
    message = refusal(make_config, "smoke", launches=launches)
    assert message == f"--launches: launches is {launches}; allowed are 1 to 200."


@pytest.mark.parametrize(("load", "users"), [("closed-1", 1), ("closed-16", 16), ("closed-512", 512)])
def test_a_closed_loop_has_the_users_that_its_name_says(load, users):
    assert users_of(load) == users


@pytest.mark.parametrize(
    "load", ["closed-0", "closed-016", "closed-513", "closed-99999", "closed-", "closed-1.5", "closed-\uff11\uff16", "open-60"]
)
def test_any_other_load_is_refused_with_what_is_allowed(load):
    assert refusal(users_of, load) == f"There is no load {load!r}; use closed-N with N users, 1 to 512."


# --- comparisons of one's own ---------------------------------------------------------------------------------------


def test_own_pairs_replace_the_stacks_of_the_profile_and_bring_a_twin_of_each_baseline():
    config = make_config("quick", compare=[("fastapi-def", FASTAPI), ("flask-granian", FLASK), ("fastapi-def", FASTAPI)])
    assert config.pairs == (("fastapi-def", FASTAPI), ("flask-granian", FLASK))
    assert config.parts[0].stacks == (FASTAPI, "fastapi-def", f"{FASTAPI}-twin", FLASK, "flask-granian", f"{FLASK}-twin")
    assert list(config.stacks) == list(config.parts[0].stacks)


def test_own_pairs_may_name_engines_and_stacks_of_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[mine]\ncommand = ["serve", "{port}"]')
    config = make_config("smoke", stacks_files=[path], compare=[("mine", "flask-gthread@pandas")])
    assert config.parts[0].stacks == ("flask-gthread@pandas", "mine", "flask-gthread@pandas-twin")


def test_a_twin_may_be_compared_with_its_own_stack():
    assert make_config("smoke", compare=[(f"{FLASK}-twin", FLASK)]).parts[0].stacks == (FLASK, f"{FLASK}-twin")


@pytest.mark.parametrize("pair", [(FLASK, FLASK), (FLASK, f"{FLASK}-twin"), (FASTAPI, f"{FLASK}-twin")])
def test_a_stack_is_not_compared_with_itself_nor_with_a_twin(pair):
    assert refusal(make_config, "smoke", compare=[pair]).startswith(f"{' / '.join(pair)} is no comparison; name two different stacks")


def test_an_unknown_stack_of_an_own_pair_is_refused_with_the_names_there_are():
    message = refusal(make_config, "smoke", compare=[("flask", FLASK)])
    assert message.startswith("There is no stack 'flask'; there are: flask-gthread, ")


# --- margins and levels ---------------------------------------------------------------------------------------------


def test_every_metric_has_its_margin():
    assert dict(MARGINS) == {"throughput_rps": 0.02, "cpu_us_per_request": 0.02, "p50_ms": 0.05, "p95_ms": 0.1, "p99_ms": 0.1}
    assert set(MARGINS) == set(METRICS)


def test_one_row_is_primary_and_three_secondary_ones_share_five_per_cent():
    roles = list(ROLES.values())
    assert (roles.count("primary"), roles.count("secondary"), len(roles)) == (1, 3, 4)
    assert 3 * (1 - LEVELS["secondary"]) == pytest.approx(0.05)
    assert LEVELS["primary"] == LEVELS["exploratory"] == 0.95


# --- the hash of a plan ---------------------------------------------------------------------------------------------


def test_the_hash_of_a_plan_is_the_same_each_time():
    assert hash_plan(make_config("default").plan()) == hash_plan(make_config("default").plan())


def test_the_hash_of_a_plan_is_the_same_in_another_process_with_another_hash_seed():
    program = "from bench.plan.config import *; print(hash_plan(make_config('default').plan()))"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "4242"}
    )
    assert answer.stdout.strip() == hash_plan(make_config("default").plan())


def test_the_hash_of_a_plan_does_not_depend_on_the_order_of_its_keys():
    plan = make_config("default").plan()
    assert hash_plan(dict(reversed(plan.items()))) == hash_plan(plan)


def test_the_hash_of_a_plan_does_not_depend_on_where_a_stacks_file_lies(tmp_path):
    hashes = set()
    for place in ("here", "there"):
        path = tmp_path / place / "mine.toml"
        path.parent.mkdir()
        path.write_text('[mine]\ncommand = ["serve", "{port}"]\nfolder = "app"')
        hashes.add(hash_plan(make_config("smoke", stacks_files=[path], compare=[("mine", FLASK)]).plan()))
    assert len(hashes) == 1


def changed_stack(**changes):
    return lambda config: replace(config, stacks={**config.stacks, FLASK: replace(config.stacks[FLASK], **changes)})


def changed_part(**changes):
    return lambda config: replace(config, parts=(replace(config.parts[0], **changes),))


@pytest.mark.parametrize(
    "change",
    [
        *(
            pytest.param(lambda config, name=name: replace(config, **{name: getattr(config, name) + 1}), id=name)
            for name in ("launches", "slice_ms", "settle_ms", "warm_up_ms", "seed")
        ),
        pytest.param(lambda config: replace(config, profile="other"), id="profile"),
        pytest.param(lambda config: replace(config, pairs=config.pairs[::-1]), id="pairs"),
        pytest.param(changed_part(name="other"), id="part name"),
        pytest.param(changed_part(stacks=("flask-gthread", "flask-gthread-twin")), id="part stacks"),
        pytest.param(changed_part(scenarios=("hello",)), id="part scenarios"),
        pytest.param(changed_part(loads=("closed-8",)), id="part loads"),
        pytest.param(changed_part(blocks=9), id="part blocks"),
        pytest.param(changed_stack(command=("serve", "{port}")), id="stack command"),
        pytest.param(changed_stack(ready="/other"), id="stack ready"),
        pytest.param(changed_stack(engine="pandas"), id="stack engine"),
        pytest.param(changed_stack(fixed=True), id="stack fixed"),
        pytest.param(changed_stack(folder=Path("other")), id="stack folder"),
        pytest.param(changed_stack(environment={"A": "1"}), id="stack environment"),
    ],
)
def test_the_hash_of_a_plan_changes_with(change):
    config = make_config("default")
    assert hash_plan(change(config).plan()) != hash_plan(config.plan())


@pytest.mark.parametrize("table", ["MARGINS", "LEVELS", "ROLES"])
def test_the_hash_of_a_plan_changes_with_how_it_is_judged(monkeypatch, table):
    before = hash_plan(make_config("default").plan())
    first, *rest = getattr(plan_config, table).items()
    changed = {first[0]: "secondary" if table == "ROLES" else 0.5, **dict(rest)}
    monkeypatch.setattr(plan_config, table, changed)
    assert hash_plan(make_config("default").plan()) != before


@pytest.mark.parametrize("rule", ["MIN_LAUNCHES", "AA_MARGINS", "AA_TOLERANCE", "MIN_ANSWERS", "DRAINS_PER_SLICE", "MAX_SLICE_MS"])
def test_the_hash_of_a_plan_changes_with_every_rule(monkeypatch, rule):
    before = hash_plan(make_config("default").plan())
    monkeypatch.setattr(plan_config, rule, 7)
    assert hash_plan(make_config("default").plan()) != before


def test_the_first_pair_to_compare_is_the_primary_one():
    config = make_config("quick", compare=[("fastapi-def", "flask-gthread"), ("fastapi-uvicorn", "flask-gthread")])
    assert dict(config.roles) == {("headline", "fastapi-def", "flask-gthread", "predict-1", "closed-16", "throughput_rps"): "primary"}
