"""A plan is checked before anything is started, and its hash says what will be done."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from plan_files import PROFILE, SECOND_PART, refusal
from serving import ROOT

from bench.errors import RunFolderError
from bench.plan import profiles, scenarios
from bench.plan.described import describe, hash_plan, method_of, read_plan, read_rules
from bench.plan.places import make_server_place
from bench.plan.plan import LaunchSize, judged_rows, make_plan
from bench.plan.profiles import profile_purposes
from bench.plan.rules import GateRules, OpenLoopRules, RateRules, Rules
from bench.plan.scenarios import SCENARIOS
from bench.records import CellKey
from bench.records.folder import RunFolder

PROFILES = list(profile_purposes())
FASTAPI, FLASK = "fastapi-uvicorn", "flask-gthread"


@pytest.fixture
def plan_mine(tmp_path, monkeypatch):
    """Return a function that plans the profile of a profiles file with one text replaced by another."""

    def plan(before, after, text=PROFILE):
        assert before in text
        path = tmp_path / "mine.toml"
        path.write_text(text.replace(before, after), "utf-8")
        monkeypatch.setattr(profiles, "BUNDLED_PROFILES", path)
        return make_plan("mine")

    return plan


@pytest.mark.parametrize("profile", PROFILES)
def test_the_first_part_of_every_bundled_profile_has_both_sides_of_each_pair_and_a_twin_of_the_first_baseline(profile):
    config = make_plan(profile)
    first = config.parts[0]
    assert {stack for pair in config.pairs for stack in pair.stacks} <= set(first.stacks)
    assert f"{config.pairs[0].baseline}-twin" in first.stacks


@pytest.mark.parametrize(
    ("profile", "loads"), [("quick", {"closed-16"}), *((profile, {"closed-16", "busy-40"}) for profile in ("default", "thorough"))]
)
def test_every_judged_row_of_a_load_is_in_the_profiles_that_judge_and_have_that_load(profile, loads):
    config = make_plan(profile)
    rows = {
        (part.name, *pair.stacks, scenario, load)
        for part in config.parts
        for pair in config.pairs
        for scenario in part.scenarios
        for load in part.loads
    }
    assert {row[4] for row in config.roles if row[:5] in rows} == loads
    assert {row[:5] for row in config.roles if row[4] in loads} <= rows


@pytest.mark.parametrize("profile", PROFILES)
def test_the_first_row_of_the_first_pair_is_primary_and_all_judged_rows_are_of_loads_of_the_first_part(profile):
    config = make_plan(profile)
    first, *others = config.roles.items()
    part = config.parts[0].name
    assert first == ((part, FASTAPI, FLASK, "predict-1", "closed-16", "throughput_rps"), "primary")
    assert {role for _, role in others} <= {"secondary"}
    assert {(row[0], row[4] in config.parts[0].loads) for row in config.roles} == {(part, True)}


def test_a_row_is_judged_only_if_the_first_part_has_its_scenario_and_puts_both_stacks_of_its_pair_under_its_load():
    profile = make_plan("default")
    part, pairs = profile.parts[0], [pair for pair, _ in judged_rows(profile)]
    by_load = {load: (FLASK, FASTAPI) if load == "closed-16" else (FLASK,) for load in part.loads}
    without_load, without_stack = replace(part, loads=("closed-16",)), replace(part, stacks_by_load=by_load)
    assert [pair.name for pair in pairs] == ["as usually deployed"] * 3 + ["server alone", "same server"]
    kept = [[pair.name for pair, _ in judged_rows(replace(profile, parts=(other,)))] for other in (without_load, without_stack)]
    assert kept == [["as usually deployed", "server alone", "same server"], ["as usually deployed"]]
    assert judged_rows(replace(profile, parts=(replace(part, scenarios=("hello",)),))) == []


def test_the_cells_are_stacks_by_scenarios_by_loads_of_every_part(plan_mine):
    cells = make_plan("smoke").cells()
    assert len(cells) == len(set(cells)) == 3 * 2 * 1
    assert cells[0] == CellKey("headline", FLASK, "predict-1", "closed-16")
    parts = [cell.part for cell in plan_mine("slice_ms", "slice_ms", PROFILE + SECOND_PART).cells()]
    assert parts == ["headline"] * 3 + ["more"]


def test_a_part_with_a_probe_has_a_cell_of_it_for_each_stack_beside_those_of_its_load(plan_mine):
    config = plan_mine("blocks = 1", 'blocks = 1\nprobe = "open-10rps"')
    part = config.parts[0]
    assert config.probed_cells(part) == [CellKey("headline", stack, "livez", "open-10rps") for stack in part.stacks]
    assert config.cells() == [*config.loaded_cells(part), *config.probed_cells(part)]
    assert {key.scenario for key in config.loaded_cells(part)} == {"predict-1"}


@pytest.mark.parametrize(
    ("changes", "users", "in_flight"),
    [
        pytest.param({"loads": '["closed-1", "closed-64"]'}, 64, 0, id="closed loops"),
        pytest.param({"loads": '["closed-1", "busy-40"]'}, 16, 256, id="an open loop, and 16 users who warm up and calibrate"),
        pytest.param({"loads": '["own-80"]'}, 16, 256, id="open loops alone"),
        pytest.param({"loads": '["closed-4"]', "blocks": '1\nprobe = "open-10rps"'}, 4, 256, id="a probe beside a closed loop"),
    ],
)
def test_a_launch_is_as_large_as_the_users_of_its_loads_and_warm_ups_and_what_an_open_loop_has_under_way(
    plan_mine, changes, users, in_flight
):
    text = PROFILE
    for key, value in changes.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    assert plan_mine("mine", "mine", text).launch_sizes() == [LaunchSize(3, users, in_flight, workers=3)]


def test_a_stack_is_checked_for_the_scenarios_of_all_its_parts(plan_mine):
    config = plan_mine('"flask-granian"', '"flask-granian", "flask-gthread"', PROFILE + SECOND_PART)
    scenarios = {name: [key.scenario for key in config.cells() if key.stack == name] for name in ("flask-gthread", "flask-granian")}
    assert scenarios == {"flask-gthread": ["predict-1", "hello"], "flask-granian": ["hello"]}


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('["predict-1"]', '["predict-2"]', ["'predict-2'", "hello, livez, predict-1, predict-4, predict-100, invalid"]),
        ('"flask-gthread-twin"', '"flask-gthreat-twin"', ["'flask-gthreat'", "flask-gthread, fastapi-uvicorn"]),
        ('"flask-gthread-twin"', '"flask-granian-twin"', ["part headline", "flask-granian-twin", "copy"]),
        (
            '[pairs.first]\ncontender = "fastapi-uvicorn"',
            '[pairs.first]\ncontender = "flask-granian"',
            ["no part", "flask-granian / flask-gthread"],
        ),
        ("blocks = 1", "blocks = 0", ["mine.toml [profiles.mine] part 1", "blocks is 0"]),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused_with_the_reason(plan_mine, before, after, words):
    message = refusal(plan_mine, before, after)
    assert [word for word in words if word not in message] == []


def test_an_unknown_profile_is_refused_with_the_profiles_there_are():
    assert refusal(make_plan, "fast") == "There is no profile 'fast'; there are: smoke, quick, default, workers, thorough."


def test_a_pair_must_be_measured_together_in_one_part(plan_mine):
    text = PROFILE + SECOND_PART
    assert "no part measures both stacks" in refusal(plan_mine, '"fastapi-uvicorn"\nbaseline', '"flask-granian"\nbaseline', text)


LACKS = "needs the baseline of the first pair, whose core it keeps busy; part {} lacks that stack."


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        pytest.param(
            "open-60", "exists only in older versions; use busy-N: the rate that keeps the baseline's core N % busy.", id="a former load"
        ),
        pytest.param("busy-40", LACKS.format("more"), id="no baseline to find the rate by"),
    ],
)
def test_a_load_that_no_launch_of_its_part_could_find_a_rate_for_is_refused(plan_mine, load, reason):
    assert refusal(plan_mine, "closed-1", load, PROFILE.replace("closed-16", "closed-8") + SECOND_PART) == f"Profile mine: {load} {reason}"


def test_a_busy_share_needs_a_pair(plan_mine):
    text = PROFILE.replace('pairs = ["first"]', "pairs = []")
    assert refusal(plan_mine, "closed-16", "busy-40", text) == f"Profile mine: busy-40 {LACKS.format('headline')}"


@pytest.mark.parametrize("load", ["own-80", "open-500rps"])
def test_a_rate_of_its_own_needs_no_pair(plan_mine, load):
    text = PROFILE.replace('pairs = ["first"]', "pairs = []")
    assert plan_mine("closed-16", load, text).pairs == ()


@pytest.mark.parametrize("load", ["busy-40", "own-80"])
def test_a_rate_that_is_found_in_a_launch_is_found_with_one_scenario(plan_mine, load):
    text = PROFILE.replace('["predict-1"]', '["predict-1", "predict-4"]')
    words = f"the rate of {load} is found with one scenario; split part headline by scenarios."
    assert refusal(plan_mine, "closed-16", load, text) == f"Profile mine: {words}"


def test_a_bare_server_cannot_be_probed(plan_mine):
    text = PROFILE.replace('"flask-gthread-twin"', '"bare-wsgi-gthread"')
    message = refusal(plan_mine, "blocks = 1", 'blocks = 1\nprobe = "open-10rps"', text)
    assert message == "Stack 'bare-wsgi-gthread' cannot answer scenario 'livez', only predict-1."


def test_a_plan_that_would_never_end_is_refused_by_the_slices_of_all_its_parts(plan_mine):
    text = (PROFILE + SECOND_PART).replace("launches = 2", "launches = 200")
    assert len(plan_mine("blocks = 1", "blocks = 165", text).parts) == 2
    message = refusal(plan_mine, "blocks = 1", "blocks = 166", text)
    assert message == "Profile mine would take 200196 slices; at most 200000 are allowed."


def test_a_floor_is_asked_nothing_but_its_one_answer(plan_mine):
    text = PROFILE.replace('"predict-1"', '"predict-4"')
    message = refusal(plan_mine, '"flask-gthread-twin"', '"bare-wsgi-gthread"', text)
    assert message == "Stack 'bare-wsgi-gthread' cannot answer scenario 'predict-4', only predict-1."


@pytest.mark.parametrize(("stack", "scenario"), [("fastapi-enrich", "predict-1"), ("flask-granian", "enrich-20ms")])
def test_an_enquiry_is_for_stacks_that_ask_the_upstream_service_and_they_get_nothing_else(plan_mine, stack, scenario):
    text = PROFILE + SECOND_PART.replace('"hello"', f'"{scenario}"')
    message = refusal(plan_mine, '"flask-granian"', f'"{stack}"', text)
    assert message.startswith(f"Stack '{stack}' cannot answer scenario '{scenario}', only ")


@pytest.mark.parametrize("launches", [-1, 0, 201])
def test_a_number_of_launches_out_of_range_is_refused(launches):
    message = refusal(make_plan, "smoke", launches=launches)
    assert message == f"--launches: launches is {launches}; allowed are 1 to 200."


def test_a_number_of_launches_asked_for_holds_for_every_part_and_no_part_ends_before_it():
    asked = {(part.launches, part.first_look) for part in make_plan("thorough", launches=9).parts}
    assert asked == {(9, None)}
    assert make_plan("thorough").parts[0].first_look == 12


# --- comparisons of one's own ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "engines"),
    [
        (["flask-gthread", "fastapi-uvicorn", "flask-gthread@spin-1ms", "fastapi-uvicorn@constant"], ["numpy"]),
        (["flask-gthread@spin-1ms", "flask-gthread", "fastapi-uvicorn@spin-1ms", "fastapi-uvicorn"], ["spin-1ms", "numpy"]),
        (["flask-gthread@pandas", "article-gthread", "fastapi-uvicorn@article"], []),
        (["flask-granian@pandas", "fastapi-granian@pandas", "bare-wsgi-gthread"], ["pandas"]),
    ],
)
def test_an_engine_is_paired_if_both_stacks_of_a_pair_have_it(names, engines):
    assert make_plan("thorough").paired_engines(names) == engines


def test_own_pairs_replace_the_stacks_of_the_profile_and_bring_a_twin_of_each_baseline():
    config = make_plan("quick", compare=[("fastapi-def", FASTAPI), ("flask-granian", FLASK), ("fastapi-def", FASTAPI)])
    assert [pair.stacks for pair in config.pairs] == [("fastapi-def", FASTAPI), ("flask-granian", FLASK)]
    assert config.parts[0].stacks == (FASTAPI, "fastapi-def", f"{FASTAPI}-twin", FLASK, "flask-granian", f"{FLASK}-twin")
    assert list(config.stacks) == list(config.parts[0].stacks)


def test_own_pairs_are_measured_as_the_first_part_of_the_profile_is_and_the_other_parts_are_left_out():
    profile, config = make_plan("default"), make_plan("default", compare=[("fastapi-def", FASTAPI)])
    assert config.parts == (replace(profile.parts[0], stacks=(FASTAPI, "fastapi-def", f"{FASTAPI}-twin"), stacks_by_load={}),)
    assert len(profile.parts) > 1


def test_own_pairs_may_name_engines_and_stacks_of_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[mine]\ncommand = ["serve", "{port}"]')
    config = make_plan("smoke", stacks_files=[path], compare=[("mine", "flask-gthread@pandas")])
    assert config.parts[0].stacks == ("flask-gthread@pandas", "mine", "flask-gthread@pandas-twin")


def test_a_twin_may_be_compared_with_its_own_stack():
    assert make_plan("smoke", compare=[(f"{FLASK}-twin", FLASK)]).parts[0].stacks == (FLASK, f"{FLASK}-twin")


@pytest.mark.parametrize("pair", [(FLASK, FLASK), (FLASK, f"{FLASK}-twin"), (FASTAPI, f"{FLASK}-twin")])
def test_a_stack_is_not_compared_with_itself_nor_with_a_twin(pair):
    assert refusal(make_plan, "smoke", compare=[pair]).startswith(f"{' / '.join(pair)} is no comparison; name two different stacks")


def test_an_unknown_stack_of_an_own_pair_is_refused_with_the_names_there_are():
    message = refusal(make_plan, "smoke", compare=[("flask", FLASK)])
    assert message.startswith("There is no stack 'flask'; there are: flask-gthread, ")


def test_the_first_own_pair_has_the_roles_of_the_pair_as_deployed_and_a_second_one_none():
    config = make_plan("default", compare=[("fastapi-def", "flask-granian"), (FASTAPI, FLASK)])
    row = ("headline", "fastapi-def", "flask-granian", "predict-1")
    assert dict(config.roles) == {
        (*row, "closed-16", "throughput_rps"): "primary",
        (*row, "busy-40", "cpu_us_per_request"): "secondary",
        (*row, "busy-40", "p95_ms"): "secondary",
    }


@pytest.mark.parametrize("allow_unequal", [False, True])
def test_unequal_stacks_are_compared_only_if_that_is_asked_for(allow_unequal):
    assert make_plan("smoke", allow_unequal=allow_unequal).allow_unequal is allow_unequal
    assert not make_plan("smoke").allow_unequal


# --- the hash of a plan ---------------------------------------------------------------------------------------------


def test_the_hash_of_a_plan_is_the_same_each_time():
    assert hash_plan(describe(make_plan("default"))) == hash_plan(describe(make_plan("default")))


def test_the_hash_of_a_plan_is_the_same_in_another_process_with_another_hash_seed():
    program = "from bench.plan.described import *; from bench.plan.plan import make_plan; print(hash_plan(describe(make_plan('default'))))"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "4242"}
    )
    assert answer.stdout.strip() == hash_plan(describe(make_plan("default")))


def test_the_hash_of_a_plan_does_not_depend_on_the_order_of_its_keys():
    plan = describe(make_plan("default"))
    assert hash_plan(dict(reversed(plan.items()))) == hash_plan(plan)


def test_the_hash_of_a_plan_does_not_depend_on_where_a_stacks_file_lies(tmp_path):
    hashes = set()
    for place in ("here", "there"):
        path = tmp_path / place / "mine.toml"
        (path.parent / "app").mkdir(parents=True)
        path.write_text('[mine]\ncommand = ["serve", "{port}"]\nfolder = "app"\nsource = "app"')
        hashes.add(hash_plan(describe(make_plan("smoke", stacks_files=[path], compare=[("mine", FLASK)]))))
    assert len(hashes) == 1


def changed_stack(**changes):
    return lambda config: replace(config, stacks={**config.stacks, FLASK: replace(config.stacks[FLASK], **changes)})


def changed_part(**changes):
    return lambda config: replace(config, parts=(replace(config.parts[0], **changes), *config.parts[1:]))


@pytest.mark.parametrize(
    "change",
    [
        *(
            pytest.param(lambda config, name=name: replace(config, **{name: getattr(config, name) + 1}), id=name)
            for name in ("slice_ms", "settle_ms", "warm_up_ms", "starts", "limit_s", "seed")
        ),
        pytest.param(lambda config: replace(config, profile="other"), id="profile"),
        pytest.param(lambda config: replace(config, complexity=False), id="complexity"),
        pytest.param(lambda config: replace(config, method="other-1"), id="method"),
        pytest.param(lambda config: replace(config, pairs=config.pairs[::-1]), id="pairs"),
        pytest.param(lambda config: replace(config, parts=config.parts[:-1]), id="parts"),
        pytest.param(lambda config: replace(config, allow_unequal=True), id="allow_unequal"),
        pytest.param(changed_part(name="other"), id="part name"),
        pytest.param(changed_part(stacks=("flask-gthread", "flask-gthread-twin")), id="part stacks"),
        pytest.param(changed_part(scenarios=("hello",)), id="part scenarios"),
        pytest.param(changed_part(loads=("closed-8",)), id="part loads"),
        pytest.param(changed_part(launches=13), id="part launches"),
        pytest.param(changed_part(blocks=9), id="part blocks"),
        pytest.param(changed_part(more_blocks={"closed-16": 9}), id="more blocks of a load"),
        pytest.param(changed_part(trio_turns={"closed-16": 3}), id="turns of the first trio"),
        pytest.param(changed_part(slice_ms=90), id="part slice_ms"),
        pytest.param(changed_part(settle_ms=10), id="part settle_ms"),
        pytest.param(changed_part(mirrored=False), id="part mirrored"),
        pytest.param(changed_part(probe="open-10rps"), id="part probe"),
        pytest.param(changed_part(first_look=None), id="no first look"),
        pytest.param(changed_part(first_look=13), id="another first look"),
        pytest.param(changed_stack(command=("serve", "{port}")), id="stack command"),
        pytest.param(changed_stack(ready="/other"), id="stack ready"),
        pytest.param(changed_stack(engine="pandas"), id="stack engine"),
        pytest.param(changed_stack(fixed=True), id="stack fixed"),
        pytest.param(changed_stack(upstream=True), id="stack upstream"),
        pytest.param(changed_stack(folder=Path("other")), id="stack folder"),
        pytest.param(changed_stack(environment={"A": "1"}), id="stack environment"),
        pytest.param(changed_stack(source=Path("other")), id="stack source"),
        pytest.param(changed_stack(requires=("other",)), id="stack requires"),
    ],
)
def test_the_hash_of_a_plan_changes_with(change):
    config = make_plan("thorough")
    assert hash_plan(describe(change(config))) != hash_plan(describe(config))


def test_a_plan_holds_every_body_that_is_sent_and_its_hash_changes_with_each(monkeypatch):
    document = describe(make_plan("quick"))
    bodies = document["bodies"]["predict-1"]
    assert bodies == [one.body.decode() for one in SCENARIOS["predict-1"].each()]
    assert len(set(bodies)) == 64
    *others, last = SCENARIOS["predict-1"].further
    changed = replace(SCENARIOS["predict-1"], further=(*others, [{**last[0], "Age": 99}]))
    monkeypatch.setitem(scenarios.SCENARIOS, "predict-1", changed)
    assert hash_plan(describe(make_plan("quick"))) != hash_plan(document)


# --- a plan that is read back ---------------------------------------------------------------------------------------


def described_as_json(plan):
    """Return a plan as it stands in a manifest."""
    return json.loads(json.dumps(describe(plan)))


def describe_as_before(plan):
    """Return a plan as format 4 described it: no method, limit and names of pairs, a bare server a floor, rates and rules of its own."""
    text = json.dumps(describe(plan)).replace('"bare": ', '"floor": ')
    document = json.loads(text)
    for key in ("method", "limit_s", "pair_names"):
        del document[key]
    for part in document["parts"]:
        del part["trio_turns"], part["slice_ms"], part["settle_ms"], part["probe"]
    document["rules"] |= {"gates": {"generator_cpu_ratio": 0.7, "generator_wait_ratio": 0.05, "send_lag_p99_ms": 1.0, "steal_ratio": 0.5}}
    document["rules"] |= {"rates": {"load": "closed-8", "blocks": 2}, "former": 1}
    document["rules"]["slices"]["capacity_answers"] = 500
    document["rules"]["open_loop"] = {"max_in_flight": 128, "carried_share": 0.95}
    del document["rules"]["aa_equal"], document["rules"]["knee_share"]
    return {**document, "saturation_rps": {FLASK: 5000.0}, "offered_rps": [{"load": "open-60", "stack": FLASK, "rps": 3000.0}]}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_plan_is_read_back_as_it_was_described(profile):
    plan = make_plan(profile)
    described = described_as_json(plan)
    again = read_plan(described)
    assert described_as_json(again) == described
    assert (again.parts, again.changes, again.rules, again.roles) == (plan.parts, plan.changes, plan.rules, plan.roles)
    assert [(pair.name, pair.stacks) for pair in again.pairs] == [(pair.name, pair.stacks) for pair in plan.pairs]
    assert again.cells() == plan.cells()


def test_the_plan_of_an_older_version_is_read_with_the_rules_that_it_names_and_todays_for_the_rest():
    usual = {"trio_turns": {}, "slice_ms": None, "settle_ms": None, "probe": None}
    plan = replace(make_plan("thorough"), parts=tuple(replace(part, **usual) for part in make_plan("thorough").parts))
    again = read_plan(describe_as_before(plan))
    rules = replace(
        Rules(),
        levels=plan.rules.levels,
        gates=replace(GateRules(), generator_cpu_ratio=0.7, steal_ratio=0.5),
        rates=RateRules(load="closed-8"),
        open_loop=OpenLoopRules(max_in_flight=128),
    )
    assert (again.rules, again.roles, again.parts, again.cells()) == (rules, plan.roles, plan.parts, plan.cells())
    assert {name: stack.bare for name, stack in again.stacks.items()} == {name: stack.bare for name, stack in plan.stacks.items()}
    assert [pair.name for pair in again.pairs] == [" / ".join(pair.stacks) for pair in plan.pairs]


def test_a_plan_that_names_no_method_had_the_former_one_and_is_read_to_be_judged_by_todays():
    document = described_as_json(make_plan("quick"))
    former = describe_as_before(make_plan("quick"))
    assert (method_of(document), method_of(former), read_plan(former).method) == ("totals-1", "block-medians-1", "totals-1")
    assert read_rules(former).gates.steal_ratio == 0.5
    assert read_plan(former).limit_s == 86_400  # it had none


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"roles": None}, "NoneType"),
        ({"parts": 1}, "parts"),
        ({"rules": {"min_launches": "many"}}, "rules.*min_launches"),
        ({"rules": {"slices": 1}}, "int"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_no_plan_is_a_sentence(damage, words):
    with pytest.raises(RunFolderError, match=rf"lacks what this version expects \(.*{words}.*\), so it cannot be judged again"):
        read_plan({**described_as_json(make_plan("quick")), **damage})


def test_the_plan_of_the_reference_run_is_read():
    document = RunFolder.open(ROOT / "results" / "reference").read_manifest()["plan"]
    plan = read_plan(document)
    assert [pair.stacks for pair in plan.pairs] == [tuple(pair) for pair in document["pairs"]]
    assert {(*key, role) for key, role in plan.roles.items()} == {(*entry["row"], entry["role"]) for entry in document["roles"]}
    loads = {load for part in document["parts"] for load in (*part["loads"], part.get("probe"))}
    assert {key.load for key in plan.cells()} == loads - {None, ""}
    bare = {name for name in plan.stacks if "-wsgi-" in name or "-asgi-" in name}
    assert bare == {stack.bare for stack in plan.stacks.values()} - {""}
    assert {name.partition("-")[0] for name in bare} == {"bare"}


# --- other machines -------------------------------------------------------------------------------------------------


def test_servers_elsewhere_need_a_command_with_a_host_and_no_service_of_ours():
    there = make_server_place("ssh host", "10.0.0.2")
    assert make_plan("quick", servers=there).servers == there
    message = refusal(make_plan, "thorough", servers=there)
    assert message == "Profile thorough: part enrich has flask-enrich-8, whose service runs beside the load: leave out --servers-from."


def test_a_stack_of_the_users_own_that_names_its_address_cannot_run_elsewhere(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[mine]\ncommand = ["serve", "127.0.0.1:{port}"]\n', "utf-8")
    options = {"stacks_files": [path], "compare": [("mine", "flask-gthread")], "servers": make_server_place("ssh host", "10.0.0.2")}
    message = refusal(make_plan, "quick", **options)
    assert message == "mine must listen on the address of --servers-at: write {host} where its command names the address."


@pytest.mark.parametrize("load", ["busy-40", "own-80"])
def test_a_share_of_one_core_is_none_of_stacks_with_several_workers(plan_mine, load):
    text = PROFILE.replace('"flask-gthread-twin"', '"flask-gthread@2"')
    words = f"{load} is a share of one core; part headline has stacks with several workers."
    assert refusal(plan_mine, "closed-16", load, text) == f"Profile mine: {words}"
