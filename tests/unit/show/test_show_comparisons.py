"""For reviewers: the judged rows with their A/A, and whether the ratio depends on how fast the machine was."""

from dataclasses import replace

import pytest
from marks import column, marks_on, plots_on, table_of
from report_pages import RUN
from sheets import draw, texts_on, with_summary

from bench.show.topics.comparisons import LEAST_LAUNCHES, section

SUMMARY = RUN.summary
JUDGED = [row for row in SUMMARY.comparisons if row.role != "exploratory"]
PRIMARY = next(row for row in JUDGED if row.role == "primary")
SPEEDS = tuple(0.97 + 0.005 * number for number in range(len(PRIMARY.launch_ratios)))


def test_the_judged_rows_alone_have_a_table():
    table = table_of(section, "Judged comparisons")
    names = [" / ".join(RUN.stacks[stack]["label"] for stack in (row.contender, row.baseline)) for row in JUDGED]
    assert column(table, "contender / baseline") == names
    assert column(table, "role") == [row.role for row in JUDGED]


def test_each_aa_that_they_must_clear_is_folded_below_once():
    [block] = (block for block in section(RUN).blocks if block.tables)
    [table] = block.folded
    assert [row[:3] for row in table.rows] == [
        ("Flask on gunicorn gthread", "equal", "1.003 (0.992 to 1.014)"),
        ("Flask on gunicorn gthread", "equal", "0.9948 (0.9877 to 1.0018)"),
        ("Flask on gunicorn gthread", "equal", "0.996 (0.940 to 1.055)"),
        ("Flask on granian", "equal", "0.9979 (0.9897 to 1.0062)"),
    ]
    assert not table_of(section, "A/A of these rows", with_summary(noise_floor=()))


def test_the_note_has_the_rules_of_the_plan_and_counts_what_is_in_the_file_alone():
    rules = {**RUN.plan["rules"], "aa_equal": 0.07, "aa_tolerance": 0.015}
    run = replace(RUN, manifest={**RUN.manifest, "plan": {**RUN.plan, "rules": rules}})
    explored = len(SUMMARY.comparisons) - len(JUDGED)
    note = section(run).note
    assert "lies within 7 % of 1" in note
    assert "off by more than 1.5 %." in note
    assert note.endswith(f"comparisons.csv has {explored} exploratory comparisons more, and {len(SUMMARY.noise_floor)} rows of A/A.")


def test_a_run_that_judges_nothing_has_nothing_for_reviewers_here():
    explored = tuple(row for row in SUMMARY.comparisons if row.role == "exploratory")
    assert section(with_summary(comparisons=explored)).is_empty
    assert section(RUN).for_reviewers


# --- speed against ratio --------------------------------------------------------------------------------------------


def with_speeds(speeds, ratios=PRIMARY.launch_ratios, role="primary"):
    """Return the miniature run whose launches were so fast, with these ratios of its first row."""
    validity = replace(SUMMARY.validity, noise=replace(SUMMARY.validity.noise, launch_speeds=tuple(speeds)))
    rows = tuple(replace(row, launch_ratios=tuple(ratios), role=role) if row is PRIMARY else row for row in SUMMARY.comparisons)
    return with_summary(validity=validity, comparisons=rows)


def test_each_launch_is_a_mark_at_its_speed_and_its_ratio():
    sheet = draw(section, with_speeds(SPEEDS))["speed"]
    [axes] = plots_on(sheet)
    assert marks_on(axes, "D") == list(zip(SPEEDS, PRIMARY.launch_ratios, strict=True))
    assert sheet.title == "Launches were 0.97 to 1.02 times as fast as usual; the ratio was 1.94 to 2.04"
    assert "FastAPI on uvicorn / Flask on gunicorn gthread" in texts_on(sheet)


@pytest.mark.parametrize(
    ("speeds", "ratios", "role", "is_drawn"),
    [
        (SPEEDS[:LEAST_LAUNCHES], PRIMARY.launch_ratios[:LEAST_LAUNCHES], "primary", True),
        (SPEEDS[: LEAST_LAUNCHES - 1], PRIMARY.launch_ratios[: LEAST_LAUNCHES - 1], "primary", False),
        (SPEEDS[1:], PRIMARY.launch_ratios, "primary", False),
        (SPEEDS, PRIMARY.launch_ratios, "secondary", False),
    ],
)
def test_too_few_launches_or_ones_that_cannot_be_matched_or_no_primary_row_give_no_chart(speeds, ratios, role, is_drawn):
    assert ("speed" in draw(section, with_speeds(speeds, ratios, role))) == is_drawn
