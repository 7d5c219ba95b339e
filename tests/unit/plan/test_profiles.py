"""A profile is data; a fault in it is one sentence that names the place, the value and what is allowed."""

import json
from dataclasses import replace

import numpy as np
import pytest
from plan_files import PROFILE, SECOND_PART, refusal

from bench.judge.estimates import hodges_lehmann, least_launches
from bench.plan.described import describe, read_plan
from bench.plan.plan import make_plan
from bench.plan.profiles import BUNDLED_PROFILES, Change, JudgedRow, Pair, Part, Profile, profile_purposes, read_profile
from bench.plan.rules import Rules

PROFILES = ["smoke", "quick", "default", "workers", "thorough"]


@pytest.fixture
def read(tmp_path):
    """Return a function that reads the profile `mine` of the text of a profiles file."""

    def read(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, "utf-8")
        return read_profile("mine", path)

    return read


def test_every_key_of_a_profile_is_read(read):
    text = PROFILE.replace("starts = 0", 'starts = 5\ncomplexity = true\nchanges = ["another server"]').replace(
        "launches = 2",
        "launches = 20\nfirst_look = 12\nslice_ms = 80\nsettle_ms = 30\nmirrored = false\nprobe = 'open-10rps'\n"
        "more_blocks = { closed-16 = 4 }\ntrio_turns = { closed-16 = 3 }",
    )
    assert read(text) == Profile(
        profile="mine",
        purpose="a test.",
        slice_ms=250,
        settle_ms=40,
        warm_up_ms=100,
        starts=5,
        repeats=2,
        limit_s=600,
        pairs=(Pair("first", "fastapi-uvicorn", "flask-gthread", (JudgedRow("primary", "throughput_rps", "predict-1", "closed-16"),)),),
        changes=(Change("another server", "fastapi-uvicorn", "flask-gthread"),),
        complexity=True,
        parts=(
            Part(
                "headline",
                ("flask-gthread", "fastapi-uvicorn", "flask-gthread-twin"),
                ("predict-1",),
                ("closed-16",),
                launches=20,
                blocks=1,
                more_blocks={"closed-16": 4},
                trio_turns={"closed-16": 3},
                first_look=12,
                mirrored=False,
                slice_ms=80,
                settle_ms=30,
                probe="open-10rps",
            ),
        ),
    )


def test_a_part_without_a_first_look_is_measured_to_its_end(read):
    assert [part.first_look for part in read(PROFILE).parts] == [None]


def test_complexity_is_measured_where_a_profile_asks_for_it(read):
    assert not read(PROFILE).complexity
    assert [name for name in PROFILES if read_profile(name).complexity] == ["default", "thorough"]


def test_a_load_may_have_a_number_of_blocks_of_its_own(read):
    [part] = read(PROFILE.replace('"closed-16"]', '"closed-16", "closed-1"]\nmore_blocks = { closed-16 = 3 }')).parts
    assert [part.count_blocks(load) for load in part.loads] == [3, 1]
    assert part.count_slices() == 3 * 2 * (3 + 1)
    assert replace(part, mirrored=False).count_slices() == 3 * (3 + 1)


def test_the_slices_of_the_first_trio_count_as_often_as_it_has_turns(read):
    [part] = read(PROFILE.replace('"closed-16"]', '"closed-16", "closed-1"]\ntrio_turns = { closed-16 = 3 }')).parts
    assert part.count_slices() == 3 * 2 * (3 + 1)


def test_each_slice_has_another_beside_it_where_a_part_has_a_probe(read):
    [part] = read(PROFILE.replace("blocks = 1", "blocks = 4\nprobe = 'open-10rps'")).parts
    assert part.count_slices() == 2 * replace(part, probe=None).count_slices() == 2 * (3 * 2 * 4)


@pytest.mark.parametrize(("settle_ms", "slice_ms"), [(25, 50), (0, 20)])
def test_a_part_that_settles_for_less_may_have_shorter_slices(read, settle_ms, slice_ms):
    [part] = read(PROFILE.replace("blocks = 1", f"blocks = 1\nsettle_ms = {settle_ms}\nslice_ms = {slice_ms}")).parts
    assert (part.settle_ms, part.slice_ms) == (settle_ms, slice_ms)


def test_a_part_may_name_the_stacks_of_each_load(read):
    begin = PROFILE.index("stacks = ")
    lines = [line for line in PROFILE[begin:].splitlines() if not line.startswith(("stacks", "loads"))]
    table = (
        '[profiles.mine.parts.stacks_by_load]\nclosed-16 = ["flask-gthread", "fastapi-uvicorn"]\nbusy-40 = ["fastapi-def", "flask-gthread"]'
    )
    [part] = read("\n".join([PROFILE[:begin], *lines, table])).parts
    assert (part.loads, part.stacks) == (("closed-16", "busy-40"), ("flask-gthread", "fastapi-uvicorn", "fastapi-def"))
    assert part.stacks_under("busy-40") == ("fastapi-def", "flask-gthread")
    assert part.count_slices() == 8


def test_each_part_has_its_own_number_of_launches(read):
    assert {part.name: part.launches for part in read(PROFILE + SECOND_PART).parts} == {"headline": 2, "more": 3}


def test_the_bundled_profiles_are_those_that_say_what_they_are_for():
    purposes = profile_purposes()
    assert list(purposes) == PROFILES
    assert all(purpose.endswith(".") for purpose in purposes.values())


def test_the_purposes_of_another_file_are_read_from_it(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(PROFILE, "utf-8")
    assert profile_purposes(path) == {"mine": "a test."}


def test_verdicts_need_eight_launches_which_every_judged_part_has_but_that_of_smoke():
    few = [name for name in PROFILES if read_profile(name).parts[0].launches < Rules().min_launches]
    assert (few, Rules().min_launches) == (["smoke"], 8)


@pytest.mark.parametrize("name", [name for name in PROFILES if name != "smoke"])
def test_every_judged_row_has_the_launches_that_its_level_needs_at_the_first_look(name):
    plan = make_plan(name)
    part = plan.parts[0]
    assert plan.roles
    assert all(least_launches(plan.rules.levels[role]) <= (part.first_look or part.launches) for role in plan.roles.values())


def test_a_part_that_is_only_explored_has_launches_enough_for_an_interval_but_that_of_probes_which_are_counted():
    parts = [part for name in PROFILES for part in read_profile(name).parts[1:]]
    launches = [part.launches for part in parts if part.probe is None]
    assert [part.name for part in parts if part.probe] == ["probes"]
    assert hodges_lehmann(np.arange(min(launches), dtype=float), 0.95).low is not None


@pytest.mark.parametrize("name", ["default", "thorough"])
def test_what_explains_the_headline_is_mirrored_and_has_as_many_launches_as_a_verdict_needs(name):
    [part] = [part for part in read_profile(name).parts if part.name == "explored"]
    assert part.mirrored
    assert part.launches >= Rules().min_launches


def test_the_first_look_of_a_bundled_part_is_at_twelve_launches_or_later_and_before_its_last():
    looks = [(part.first_look, part.launches) for name in PROFILES for part in read_profile(name).parts if part.first_look]
    assert looks
    assert all(12 <= first_look < launches for first_look, launches in looks)


# --- what is refused ------------------------------------------------------------------------------------------------


def test_an_unknown_profile_is_refused_with_the_profiles_there_are():
    assert refusal(read_profile, "fast") == "There is no profile 'fast'; there are: smoke, quick, default, workers, thorough."


def test_a_profiles_file_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "none.toml"
    assert refusal(read_profile, "mine", path) == f"{path} cannot be read (No such file or directory)."


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            "slice_ms",
            "slize_ms",
            [
                "mine.toml [profiles.mine]",
                "'slize_ms'",
                "purpose, slice_ms, settle_ms, warm_up_ms, starts, repeats, limit_s, pairs, changes, complexity, parts",
            ],
        ),
        (
            "launches",
            "lunches",
            [
                "mine.toml [profiles.mine] part 1",
                "'lunches'",
                "name, stacks, scenarios, loads, launches, blocks, more_blocks, trio_turns, stacks_by_load",
            ],
        ),
        (
            "blocks",
            "block",
            ["mine.toml [profiles.mine] part 1", "'block'", "stacks_by_load, first_look, mirrored, slice_ms, settle_ms, probe"],
        ),
        ("starts = 0\n", "", ["mine.toml [profiles.mine]", "starts is missing"]),
        ("launches = 2\n", "", ["mine.toml [profiles.mine] part 1", "launches is missing"]),
        ('name = "headline"\n', "", ["mine.toml [profiles.mine] part 1", "name is missing"]),
        ("starts = 0", "launches = 2", ["mine.toml [profiles.mine]", "unknown key 'launches'"]),
        ("launches = 2", "launches = 2.5", ["mine.toml [profiles.mine] part 1", "launches must be a whole number", "2.5"]),
        ("launches = 2", "launches = true", ["mine.toml [profiles.mine] part 1", "launches must be a whole number"]),
        ("launches = 2", "launches = 0", ["mine.toml [profiles.mine] part 1", "launches is 0", "1 to 200"]),
        ("launches = 2", "launches = 201", ["mine.toml [profiles.mine] part 1", "launches is 201", "1 to 200"]),
        ("blocks = 1", "blocks = 1\nfirst_look = 0", ["mine.toml [profiles.mine] part 1", "first_look is 0", "12 to its launches, 2"]),
        (
            "launches = 2",
            "launches = 20\nfirst_look = 11",
            ["mine.toml [profiles.mine] part 1", "first_look is 11", "12 to its launches, 20"],
        ),
        (
            "launches = 2",
            "launches = 20\nfirst_look = 21",
            ["mine.toml [profiles.mine] part 1", "first_look is 21", "12 to its launches, 20"],
        ),
        ("blocks = 1", "blocks = 1\nmore_blocks = 3", ["mine.toml [profiles.mine] part 1", "more_blocks must be a table", "3"]),
        ('loads = ["closed-16"]\n', "", ["mine.toml [profiles.mine] part 1", "loads is missing"]),
        (
            'loads = ["closed-16"]',
            'stacks_by_load = { closed-16 = ["flask-gthread"] }',
            ["mine.toml [profiles.mine] part 1", "stacks_by_load names the stacks of each load; leave out stacks"],
        ),
        (
            "blocks = 1",
            "blocks = 1\nmore_blocks = { closed-1 = 3 }",
            ["mine.toml [profiles.mine] part 1 more_blocks", "unknown key 'closed-1'", "allowed are closed-16"],
        ),
        (
            "blocks = 1",
            "blocks = 1\nmore_blocks = { closed-16 = 0 }",
            ["mine.toml [profiles.mine] part 1: more_blocks closed-16 is 0", "1 to 1000"],
        ),
        (
            "blocks = 1",
            "blocks = 1\ntrio_turns = { closed-1 = 2 }",
            ["mine.toml [profiles.mine] part 1 trio_turns", "unknown key 'closed-1'", "allowed are closed-16"],
        ),
        (
            "blocks = 1",
            "blocks = 1\ntrio_turns = { closed-16 = 0 }",
            ["mine.toml [profiles.mine] part 1: trio_turns closed-16 is 0", "1 to 1000"],
        ),
        ("blocks = 1", "blocks = 1\nmirrored = 1", ["mine.toml [profiles.mine] part 1", "mirrored must be a true or false"]),
        ("blocks = 1", "blocks = 1\nfirst_look = '12'", ["mine.toml [profiles.mine] part 1", "first_look must be a whole number", "'12'"]),
        ("repeats = 2", "repeats = 2\ncomplexity = 1", ["mine.toml [profiles.mine]", "complexity must be a true or false", "1"]),
        ("slice_ms = 250", "slice_ms = 19", ["mine.toml [profiles.mine]", "slice_ms is 19", "20 to 10000"]),
        ("settle_ms = 40", "settle_ms = -1", ["mine.toml [profiles.mine]", "settle_ms is -1", "0 to 5000"]),
        ("settle_ms = 40", "settle_ms = 126", ["mine.toml [profiles.mine]", "settle_ms 126", "slice_ms 250", "at most half"]),
        ("blocks = 1", "blocks = 1\nslice_ms = 79", ["mine.toml [profiles.mine]", "settle_ms 40", "slice_ms 79", "at most half"]),
        ("blocks = 1", "blocks = 1\nslice_ms = 19", ["mine.toml [profiles.mine] part 1", "slice_ms is 19", "20 to 10000"]),
        ("blocks = 1", "blocks = 1\nsettle_ms = 126", ["mine.toml [profiles.mine]", "settle_ms 126", "slice_ms 250", "at most half"]),
        (
            "blocks = 1",
            "blocks = 1\nsettle_ms = 46\nslice_ms = 90",
            ["mine.toml [profiles.mine]", "settle_ms 46", "slice_ms 90", "at most half"],
        ),
        ("blocks = 1", "blocks = 1\nsettle_ms = 5001", ["mine.toml [profiles.mine] part 1", "settle_ms is 5001", "0 to 5000"]),
        ("blocks = 1", "blocks = 1\nprobe = 10", ["mine.toml [profiles.mine] part 1", "probe must be a text", "10"]),
        ("warm_up_ms = 100", "warm_up_ms = 10001", ["mine.toml [profiles.mine]", "warm_up_ms is 10001", "0 to 10000"]),
        ("starts = 0", "starts = -1", ["mine.toml [profiles.mine]", "starts is -1", "0 to 100"]),
        ("starts = 0", "starts = 101", ["mine.toml [profiles.mine]", "starts is 101", "0 to 100"]),
        ("repeats = 2", "repeats = 3", ["mine.toml [profiles.mine]", "repeats is 3", "0 to 2"]),
        ("limit_s = 600\n", "", ["mine.toml [profiles.mine]", "limit_s is missing"]),
        ("limit_s = 600", "limit_s = 0", ["mine.toml [profiles.mine]", "limit_s is 0", "1 to 86400"]),
        ("blocks = 1", "blocks = 0", ["mine.toml [profiles.mine] part 1", "blocks is 0", "1 to 1000"]),
        ("[[profiles.mine.parts]]", "[profiles.mine.parts]", ["mine.toml [profiles.mine]", "parts must be a list"]),
        ('["closed-16"]', "[]", ["mine.toml [profiles.mine] part 1", "loads must be a list of different names"]),
        ('["closed-16"]', "[16]", ["mine.toml [profiles.mine] part 1", "loads must be a list of different names"]),
        ('["closed-16"]', '["closed-16", "closed-16"]', ["mine.toml [profiles.mine] part 1", "loads must be a list of different names"]),
        ('["closed-16"]', '["open-0"]', ["'open-0'", "closed-N", "open-Nrps"]),
        ('pairs = ["first"]', 'pairs = ["last"]', ["mine.toml: there is no pair 'last'; there are: first"]),
        ('pairs = ["first"]', "pairs = [1]", ["mine.toml [profiles.mine]: pairs must be a list of different names", "[1]"]),
        ('pairs = ["first"]', 'pairs = "first"', ["mine.toml [profiles.mine]: pairs must be a list of different names", "'first'"]),
        ('pairs = ["first"]', 'pairs = ["first", "first"]', ["mine.toml [profiles.mine]: pairs must be a list of different names"]),
        ('pairs = ["first"]', 'pairs = ["first"]\nchanges = ["none"]', ["mine.toml: there is no change 'none'; there are: another server"]),
        ('baseline = "flask-gthread"\njudged', "judged", ["mine.toml [pairs.'first']: baseline is missing"]),
        ('role = "primary"', 'role = "first"', ["mine.toml [pairs.'first']", "role 'first'", "primary, secondary"]),
        (
            'metric = "throughput_rps"',
            'metric = "rps"',
            ["mine.toml [pairs.'first']", "metric 'rps'", "throughput_rps, cpu_us_per_request"],
        ),
        ("judged = [", "winner = [", ["mine.toml [pairs.'first']", "unknown key 'winner'", "contender, baseline, judged"]),
        ("[pairs.first]", "[pair.first]", ["mine.toml: unknown key 'pair'", "pairs, changes and profiles"]),
        ("[profiles.mine]", "[profiles.mine]\n[profiles.mine]", ["mine.toml is no TOML"]),
    ],
)
def test_a_fault_in_a_profile_names_the_place_the_value_and_what_is_allowed(read, before, after, words):
    assert before in PROFILE
    message = refusal(read, PROFILE.replace(before, after))
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("probe", "before", "after"),
    [
        *((probe, "repeats = 2", "repeats = 2") for probe in ("closed-1", "busy-40", "own-80", "open-60")),
        ("open-10rps", '["closed-16"]', '["closed-16", "closed-1"]'),
        ("open-10rps", '["predict-1"]', '["predict-1", "hello"]'),
    ],
)
def test_a_probe_is_an_open_loop_of_a_known_rate_beside_one_load_of_one_scenario(read, probe, before, after):
    text = PROFILE.replace(before, after).replace("blocks = 1", f"blocks = 1\nprobe = '{probe}'")
    assert refusal(read, text) == (
        f"mine.toml [profiles.mine] part 1: probe is '{probe}'; "
        "allowed is an open loop of a known rate, such as open-10rps-constant, beside one load."
    )


def test_a_fault_in_a_later_part_names_that_part(read):
    assert "mine.toml [profiles.mine] part 2: blocks is 0" in refusal(read, PROFILE + SECOND_PART.replace("blocks = 1", "blocks = 0"))


def test_two_parts_of_one_name_are_refused(read):
    assert "two parts have the same name" in refusal(read, PROFILE + SECOND_PART.replace('"more"', '"headline"'))


def test_a_profile_without_a_part_is_refused(read):
    head, _, _ = PROFILE.partition("[[profiles.mine.parts]]")
    assert "there is no part" in refusal(read, f"{head}parts = []")


def test_a_part_that_is_no_table_is_refused(read):
    head, _, _ = PROFILE.partition("[[profiles.mine.parts]]")
    assert refusal(read, f"{head}parts = [1]") == "mine.toml [profiles.mine] part 1 must be a table."


def test_the_bundled_file_explains_every_key_of_a_profile():
    text = BUNDLED_PROFILES.read_text("utf-8").partition("\n[")[0]
    kinds = (Profile, Part, Pair, JudgedRow, Change)
    keys = {key for kind in kinds for key in kind.__dataclass_fields__} - {"profile"}
    assert {key for key in keys if key not in text} == set()


# --- workers --------------------------------------------------------------------------------------------------------


def test_a_part_by_workers_names_each_stack_with_each_number_as_far_as_there_are_cores():
    plan = make_plan("workers", server_cores=4)
    part = plan.parts[1]
    assert part.workers == (1, 2, 4)
    assert part.stacks == (
        *("flask-gthread", "fastapi-uvicorn", "flask-granian", "fastapi-granian", "flask-gthread-twin"),
        *("flask-gthread@2", "fastapi-uvicorn@2", "flask-granian@2", "fastapi-granian@2"),
        *("flask-gthread@4", "fastapi-uvicorn@4", "flask-granian@4", "fastapi-granian@4"),
    )
    assert {name: plan.stacks[name].workers for name in ("flask-gthread", "fastapi-granian@4", "flask-gthread-twin")} == {
        "flask-gthread": 1,
        "fastapi-granian@4": 4,
        "flask-gthread-twin": 1,
    }
    pairs = {pair.stacks for pair in plan.pairs_of(part)}
    assert {("fastapi-uvicorn", "flask-gthread"), ("fastapi-uvicorn@2", "flask-gthread@2"), ("flask-granian@4", "flask-gthread@4")} <= pairs
    assert {pair.stacks for pair in plan.pairs_of(plan.parts[0])} == {pair.stacks for pair in plan.pairs}
    assert plan.left_out == {}


@pytest.mark.parametrize("profile", ["workers", "thorough"])
def test_on_two_cores_the_part_by_workers_is_left_out_and_says_what_it_lacks(profile):
    plan = make_plan(profile)
    assert "workers" not in [part.name for part in plan.parts]
    assert plan.left_out == {
        "workers": "one worker process on each core needs 2 cores for the servers and one for the load generator; here 1 is free "
        "for servers. They may share one with --share-core."
    }


def test_workers_may_share_a_core_if_that_is_asked_for():
    plan = make_plan("workers", share_core=True)
    assert plan.parts[1].workers == (1, 2, 4)
    assert plan.left_out == {}


def test_a_plan_with_workers_is_read_back_from_its_manifest():
    plan = make_plan("workers", server_cores=2)
    written = json.dumps(describe(plan))
    assert json.dumps(describe(read_plan(json.loads(written)))) == written
