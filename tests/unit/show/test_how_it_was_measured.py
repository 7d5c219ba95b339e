"""For reviewers: the run and its plan, what came of it, gates, and the conditions that were read back; and how sure all of it is."""

import copy
from dataclasses import replace

import pytest
from marks import column, table_of
from report_pages import RUN
from sheets import with_summary

from bench.records import AS_DEPLOYED, Noise
from bench.show.topics import trust
from bench.show.topics.conditions import section
from bench.show.words.verdicts import noise_line, validity_line

MANIFEST = RUN.manifest
FIRST = MANIFEST["plan"]["parts"][0]["stacks"]


def with_plan(change):
    """Return the miniature run after a change of the plan in its manifest."""
    manifest = copy.deepcopy(MANIFEST)
    change(manifest["plan"])
    return replace(RUN, manifest=manifest)


def with_manifest(**fields):
    return replace(RUN, manifest={**MANIFEST, **fields})


def part_of(run, name="headline"):
    """Return the row of a part in the table of the plan, by column."""
    table = table_of(section, "Plan", run)
    [row] = [row for row in table.rows if row[0] == name]
    return dict(zip(table.columns, row, strict=True))


# --- the run --------------------------------------------------------------------------------------------------------


def test_the_run_has_its_command_seed_and_plan_and_how_late_requests_were_sent():
    facts = dict(table_of(section, "The run").rows)
    assert (facts["Command"], facts["Seed"], facts["Plan, SHA-256"]) == (
        MANIFEST["command"],
        str(MANIFEST["plan"]["seed"]),
        MANIFEST["plan_sha256"],
    )
    assert facts["Send lag of the open loops"] == "p99 of the worst cell 0.109 ms"


def test_a_run_without_open_loops_has_no_send_lag():
    cells = tuple(replace(cell, send_lag_p99_ms=None) for cell in RUN.summary.cells)
    assert "Send lag of the open loops" not in dict(table_of(section, "The run", with_summary(cells=cells)).rows)


def test_a_run_that_did_not_end_has_no_end():
    assert dict(table_of(section, "The run", with_manifest(finished_utc=None)).rows)["Ended, UTC"] == "-"


def sitting(*launches, hour):
    return {"begin_utc": f"2026-11-29T{hour}:00:00Z", "end_utc": f"2026-11-29T{hour}:30:00Z", "measured_s": 1.0, "launches": launches}


@pytest.mark.parametrize(
    ("sittings", "words"),
    [
        ([sitting(1, 2, 3, hour=10)], None),
        (
            [sitting(1, 2, hour=10), sitting(hour=11), sitting(4, hour=12)],
            "measured in 2 sittings: launches 1 to 2 from {0}10:00:00Z to {0}10:30:00Z; launch 4 from {0}12:00:00Z to {0}12:30:00Z",
        ),
    ],
)
def test_a_run_that_was_measured_in_several_sittings_says_which_launches_are_of_which(sittings, words):
    row = dict(table_of(section, "The run", with_manifest(sittings=sittings)).rows).get("Sittings")
    assert row == (words and words.format("2026-11-29T"))


@pytest.mark.parametrize("allowed", [True, False])
def test_a_run_that_was_allowed_to_compare_unequal_stacks_says_so(allowed):
    run = with_plan(lambda plan: plan.update(allow_unequal=allowed))
    assert (dict(table_of(section, "The run", run).rows).get("Unequal stacks") == "allowed, see the conditions") == allowed


def test_all_that_is_known_of_the_machine_is_in_a_table():
    found = dict(table_of(section, "Environment").rows)
    assert (found["cpu"], found["kernel"], found["virtual machine"]) == ("Invented CPU of a test fixture", "6.1.0", "yes")
    assert found["memory, bytes"] == "8,000,000,000"
    assert "scikit-learn 0.0.5" in found["packages"]


# --- the plan and what came of it -----------------------------------------------------------------------------------


def test_the_plan_has_every_part_with_its_loads_rates_launches_and_blocks():
    assert [row[0] for row in table_of(section, "Plan").rows] == [part["name"] for part in MANIFEST["plan"]["parts"]]
    headline, probes = part_of(RUN), part_of(RUN, "probes")
    wanted = ("offered, req/s", "launches", "may end from", "blocks per launch")
    assert [headline[name] for name in wanted] == ["busy-40: 1,820", "14", "12", "1"]
    assert [probes[name] for name in wanted] == ["-", "4", "-", "1, not mirrored"]


def test_rates_that_differ_from_stack_to_stack_are_told_from_the_lowest_to_the_highest():
    lower = next(cell for cell in RUN.summary.cells if (cell.part, cell.load) == ("headline", "busy-40"))
    cells = tuple(replace(cell, offered_rps=1400.0) if cell is lower else cell for cell in RUN.summary.cells)
    run = with_summary(cells=cells)
    assert part_of(run)["offered, req/s"] == "busy-40: 1,400 to 1,820"
    assert part_of(run, "ladder")["offered, req/s"] == "busy-40: 1,820"  # the other part has that load, too


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"more_blocks": {"closed-16": 3}}, "1, closed-16: 3"), ({"mirrored": False}, "1, not mirrored"), ({"blocks": 2}, "2")],
)
def test_loads_with_more_blocks_and_blocks_that_are_not_mirrored_are_told(fields, words):
    assert part_of(with_plan(lambda plan: plan["parts"][0].update(fields)))["blocks per launch"] == words


def test_a_load_that_some_stacks_of_a_part_are_under_says_how_many():
    part = RUN.plan["parts"][0]
    load, *others = part["loads"]
    by_load = {**dict.fromkeys(part["loads"], part["stacks"]), load: part["stacks"][:2]}
    run = with_plan(lambda plan: plan["parts"][0].update(stacks_by_load=by_load))
    assert part_of(run)["loads"].split(", ") == [f"{load} on 2 of {len(part['stacks'])}", *others]


def test_launches_are_counted_by_part_with_their_repeats_and_the_share_of_time_under_load():
    rows = table_of(section, "Launches by part").rows
    assert ("headline", "14", "12", "2", "4.5", "65 %") in rows
    assert ("ladder", "9", "8", "1", "2.1", "50 %") in rows
    none = table_of(section, "Launches by part", with_manifest(launches=[])).rows[0]
    assert none == ("headline", "14", "0", "0", "0.0", "-")


def test_what_came_of_the_plan_is_told_part_by_part():
    assert table_of(section, "What came of the plan").rows == (
        ("Ended early, as planned", "headline was precise enough after 12 of 14 launches"),
        ("Deviation from the plan", "ladder: 8 of 9 launches were measured, so that the run ends within 570 s"),
    )
    assert table_of(section, "What came of the plan", with_manifest(ended=[], departures=[])).rows == (
        ("Deviations from the plan", "none"),
    )


# --- gates and conditions -------------------------------------------------------------------------------------------


def test_every_gate_stands_there_with_try_place_limit_and_what_was_done():
    table = table_of(section, "Gates: conditions that did not hold")
    assert len(table.rows) == len(RUN.summary.validity.gates) == 4
    assert table.rows[2] == ("11", "2", "generator_cpu_ratio", "open loops", "0.83", "0.8", "repeated")


def test_where_no_gate_was_tripped_the_limits_stand_there():
    quiet = with_summary(validity=replace(RUN.summary.validity, gates=()))
    table = table_of(section, "Gates: all launches kept these limits", quiet)
    limits = MANIFEST["plan"]["rules"]["gates"]
    assert dict(table.rows) == {name.replace("_", " "): f"{limit:g}" for name, limit in limits.items()}
    assert table.rows


def test_gates_that_were_tripped_are_shown_and_ones_that_were_not_are_folded():
    quiet = with_summary(validity=replace(RUN.summary.validity, gates=()))
    for run, shown in ((RUN, True), (quiet, False)):
        [block] = section(run).blocks
        assert any(table.caption.startswith("Gates") for table in block.tables) == shown
        assert any(table.caption.startswith("Gates") for table in block.folded) != shown


def test_the_conditions_of_a_stack_are_two_tables_how_it_runs_and_what_it_loaded():
    """One would be wider than paper."""
    title = "Conditions, read back under load"
    how, what = (table_of(section, f"{title}: {half}") for half in ("how it runs", "what it loaded"))
    assert how.columns == ("stack", "engine", "command", "environment", "processes", "serving processes", "threads", "cores")
    assert how.rows[0][3:] == ("SERVE_ENGINE numpy", "2", "1", "9", "1")
    assert what.columns[2:6] == ("uvloop", "httptools", "http parser", "json library")
    assert what.columns[6:] == ("ready beside others, s", "connections per 1000 answers", "bytes per answer", "log bytes per answer")
    assert what.rows[1][2:] == ("yes", "yes", "httptools", "pydantic_core, Python's own", "1.24", "0.6", "152", "0")
    assert column(how, "command") == [MANIFEST["conditions"][name]["command"] for name in MANIFEST["conditions"] if name in FIRST]


def test_the_conditions_of_the_stacks_of_other_parts_stand_apart_with_their_engines():
    others = table_of(section, "Conditions of the other stacks: how it runs")
    assert len(others.rows) == len([name for name in MANIFEST["conditions"] if name not in FIRST])
    assert ("Flask on granian, engine constant", "constant") in [row[:2] for row in others.rows]


def test_objections_are_there_for_the_bundled_pairs_alone():
    assert table_of(section, "Objections, and what this run did")
    mine = with_plan(lambda plan: plan.update(pairs=[["mine", "yours"], list(AS_DEPLOYED)]))
    assert table_of(section, "Objections", mine) is None


def test_the_topic_is_for_reviewers():
    assert section(RUN).for_reviewers


# --- how sure it is -------------------------------------------------------------------------------------------------


NOT_MEASURED = (
    f"Not measured: more than one core per server, more than one machine, {trust.LIMITS}",
    f"Not measured here, workers: {RUN.plan['left_out']['workers']}",
)


def test_how_sure_it_is_goes_by_validity_noise_and_limits_and_every_warning_has_its_next_step():
    found = trust.section(RUN)
    assert found.lines == (validity_line(RUN.summary), noise_line(RUN.summary), *NOT_MEASURED)
    table = table_of(trust.section, "Warnings")
    assert [vars(warning) for warning in RUN.summary.validity.warnings] == [
        dict(zip(("code", "text", "next_step"), row, strict=True)) for row in table.rows
    ]


def test_without_noise_and_warnings_validity_and_limits_are_left():
    validity = replace(RUN.summary.validity, warnings=(), noise=Noise())
    run = with_summary(validity=validity)
    assert trust.section(run).lines == (validity_line(run.summary), *NOT_MEASURED)
    assert trust.section(run).blocks == ()
