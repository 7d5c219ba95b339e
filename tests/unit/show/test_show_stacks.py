"""Other ways to serve side by side, and more users: which cells are shown, in which order, and what is missing."""

import itertools
from dataclasses import replace

import pytest
from marks import marks_on, plots_on, table_of, values_on, whiskers_on
from report_pages import RUN
from run_variants import VARIANTS
from sheets import draw, mini_sheets, texts_on, with_summary, words_on

from bench.show.finished import read_run
from bench.show.topics.stacks import MAX_ROWS, section
from bench.show.words.selection import headline_load

CELLS = RUN.summary.cells
FIRST = CELLS[0]
SWEPT = [cell for cell in CELLS if cell.part == "sweep"]
CROSS = "Cross: more than 1 % of the requests got no answer"


def with_cells(*cells, **fields):
    return with_summary(**{"cells": cells, "changes": (), "noise_floor": (), **fields})


# --- side by side ---------------------------------------------------------------------------------------------------


def test_the_load_of_the_answer_is_16_users_else_the_first_one(tmp_path):
    names = ("whole", "user", "empty", "open")
    loads = {name: headline_load(VARIANTS[name](tmp_path / name).read_summary()) for name in names}
    assert loads == {"whole": "closed-16", "user": "closed-4", "empty": "closed-16", "open": "busy-40"}


def test_the_part_with_the_most_stacks_is_shown_without_second_copies_engines_and_single_changes():
    few = [replace(FIRST, part="few", stack=f"few-{number}") for number in range(3)]
    many = [replace(FIRST, part="many", stack=stack) for stack in ("flask-gthread", "a", "b", "c", "copy", "a@pandas", "changed")]
    floor = replace(RUN.summary.noise_floor[0], contender="copy")
    change = replace(RUN.summary.changes[0], contender="changed", baseline="flask-gthread")
    sheet = draw(section, with_cells(*few, *many, noise_floor=(floor,), changes=(change,)))["stacks"]
    known = {"Flask on gunicorn gthread", "copy", "a@pandas", "changed", *"abc", *(cell.stack for cell in few)}
    assert [text for text in texts_on(sheet) if text in known] == ["Flask on gunicorn gthread", "a", "b", "c"]


def test_the_baseline_stands_first_the_others_by_throughput_and_tuned_ones_apart():
    rates = {"slow": 50.0, "flask-gthread": 100.0, "fast": 300.0, "fast-raw": 900.0, "middle": 200.0}
    sheet = draw(section, with_cells(*(replace(FIRST, stack=stack, throughput_rps=rate) for stack, rate in rates.items())))["stacks"]
    texts = ["tuned" if text.startswith("Tuned: ") else text for text in texts_on(sheet)]
    rows = texts[texts.index("Flask on gunicorn gthread") :]  # the title has a name, too
    assert [text for text in rows if text in {*rates, "tuned"}] == ["fast", "middle", "slow", "tuned", "fast-raw"]
    assert sheet.title == "Most requests per second: 300 with fast"


def test_every_throughput_has_a_dot_and_its_interval():
    sheet = mini_sheets(section)["stacks"]
    [axes] = plots_on(sheet)
    shown = [cell for cell in CELLS if (cell.part, cell.load) == ("headline", "closed-16") and not cell.stack.endswith("-twin")]
    assert sorted(values_on(axes)) == sorted((cell.throughput_rps,) for cell in shown)
    assert {tuple(x for x, _ in whisker) for whisker in whiskers_on(axes)} == {cell.throughput.ends for cell in shown}
    assert "Line: the 95.8 % interval over 12 starts." in words_on(sheet)


def test_no_more_stacks_are_drawn_than_can_be_read_and_the_others_are_counted():
    cells = [replace(FIRST, stack=f"stack-{number}", throughput_rps=100.0 + number) for number in range(MAX_ROWS + 2)]
    for count, words in ((MAX_ROWS, False), (MAX_ROWS + 2, True)):
        sheet = draw(section, with_cells(*cells[:count]))["stacks"]
        assert len(values_on(plots_on(sheet)[0])) == MAX_ROWS
        assert ("2 more in the table." in words_on(sheet)) == words
    assert len(table_of(section, "All figures: predict-1", with_cells(*cells)).rows) == len(cells)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "5,050 (4,990 to 5,110)"),
        ({"errors": 1, "unfinished": 2, "not_sent": 3}, "5,050 (4,990 to 5,110), 1 error, 2 unfinished, 3 not sent"),
        ({"generator_limited": True}, "at least 5,050 (4,994 to 5,111)"),
        ({"throughput": None, "errors": 40}, "no correct answer, 40 errors"),
    ],
)
def test_failures_and_lower_bounds_are_told_beside_the_throughput(fields, words):
    other = replace(FIRST, stack="other")
    assert words in " ".join(words_on(draw(section, with_cells(replace(FIRST, **fields), other))["stacks"]).split())


def test_a_run_without_intervals_names_none():
    bare = replace(FIRST, throughput_ci_low=None, throughput_ci_high=None, throughput_level=None)
    assert "interval" not in words_on(draw(section, with_cells(bare))["stacks"])


@pytest.mark.parametrize("name", ["nulls", "empty"])
def test_a_run_without_any_throughput_has_no_chart(name, tmp_path):
    assert draw(section, read_run(VARIANTS[name](tmp_path / "run"))) == {}


def test_at_an_offered_rate_no_stack_is_said_to_answer_most(tmp_path):
    title = draw(section, read_run(VARIANTS["open"](tmp_path / "run")))["stacks"].title
    assert title.startswith("Requests per second, answered of what was offered: ")


def test_parts_that_no_other_table_has_stand_in_tables_of_their_own():
    """What requests that wait came to stands beside their chart."""
    parts = {cell.part for cell in CELLS}
    shown = {part for part in parts if table_of(section, f"More figures of part {part}:")}
    assert (shown, parts - shown) == ({"ladder", "probes"}, {"headline", "sweep", "capacity", "enrich"})


def test_of_two_parts_with_rates_of_their_own_the_second_has_a_table():
    own = [cell for cell in CELLS if cell.part == "capacity" and cell.load.startswith("own-")]
    run = with_summary(cells=(*CELLS, *(replace(cell, part="later") for cell in own[:2])))
    assert len(table_of(section, "More figures of part later:", run).rows) == 2


# --- more users -----------------------------------------------------------------------------------------------------


def sweep_of(run=RUN):
    """Return the chart, its axes of throughput and its axes of p99."""
    sheet = (mini_sheets(section) if run is RUN else draw(section, run))["users"]
    return sheet, *plots_on(sheet)


def with_swept(stack, load, **fields):
    cells = tuple(replace(cell, **fields) if (cell.part, cell.stack, cell.load) == ("sweep", stack, load) else cell for cell in CELLS)
    return with_summary(cells=cells)


def users_of(cell):
    return float(cell.load.removeprefix("closed-"))


def test_every_figure_is_a_point_over_its_users_with_the_interval_that_it_has():
    sheet, throughput, p99 = sweep_of()
    for axes, metric in ((throughput, "throughput_rps"), (p99, "p99_ms")):
        assert sorted(marks_on(axes, "o", "D")) == sorted((users_of(cell), getattr(cell, metric)) for cell in SWEPT)
        assert marks_on(axes, "X") == []
    assert {(low[1], high[1]) for low, high in whiskers_on(throughput)} == {cell.throughput.ends for cell in SWEPT}
    assert whiskers_on(p99) == []
    assert CROSS not in words_on(sheet)


def test_lines_stand_aside_of_each_other_so_that_each_whisker_is_seen():
    _, throughput, _ = sweep_of()
    whiskers = [lines for lines in throughput.collections if lines.get_linewidth() == [2.2]]
    places = [lines.get_transform().transform((16.0, 1.0))[0] for lines in whiskers]
    assert len(places) == len({cell.stack for cell in SWEPT})
    assert all(other - one > 2.2 for one, other in itertools.pairwise(places))


def test_the_users_that_were_measured_are_the_ticks():
    _, throughput, _ = sweep_of()
    assert [text.get_text() for text in throughput.get_xticklabels()] == ["1", "4", "16", "64", "128"]


@pytest.mark.parametrize(
    ("users", "title"),
    [
        ((16, 16), "Throughput stops growing at 16 users"),
        ((64, 4, 16), "Throughput stops growing at 4 to 64 users"),
        ((), "Throughput and p99 by users"),
    ],
)
def test_the_title_says_at_how_many_users_throughput_stops_growing_where_that_is_known(users, title):
    knee = RUN.summary.knees[0]
    knees = (replace(knee, part="other", users=999), *(replace(knee, users=count) for count in users))
    sheet, *_ = sweep_of(with_summary(knees=knees))
    assert sheet.title == title
    assert ("Stops growing: 90 % of a stack's highest throughput is reached." in words_on(sheet)) == bool(users)


@pytest.mark.parametrize(("failures", "is_cross"), [(10, False), (11, True)])
def test_a_cell_with_more_than_one_per_cent_of_failures_has_crosses_in_its_place(failures, is_cross):
    run = with_swept("flask-gthread", "closed-64", samples=1000 - failures, unfinished=failures)
    sheet, throughput, p99 = sweep_of(run)
    [cell] = [cell for cell in run.summary.cells if (cell.part, cell.unfinished) == ("sweep", failures)]
    assert marks_on(throughput, "X") == [(64.0, cell.throughput_rps)] * is_cross
    assert marks_on(p99, "X") == [(64.0, cell.p99_ms)] * is_cross
    assert (CROSS in words_on(sheet)) == is_cross


def test_a_figure_that_is_missing_is_a_cross_of_throughput_at_none_and_of_p99_at_the_longest():
    _, throughput, p99 = sweep_of(with_swept("flask-granian", "closed-16", throughput=None, p99_ms=None))
    assert marks_on(throughput, "X") == [(16.0, 0.0)]
    assert marks_on(p99, "X") == [(16.0, max(cell.p99_ms for cell in SWEPT))]


@pytest.mark.parametrize(("count", "is_drawn"), [(2, False), (3, True)])
def test_two_numbers_of_users_are_no_line(count, is_drawn):
    loads = ("closed-1", "closed-4", "closed-16")[:count]
    cells = tuple(cell for cell in SWEPT if cell.load in loads)
    assert ("users" in draw(section, with_summary(cells=cells))) == is_drawn


def test_only_closed_loops_that_do_not_wait_for_another_service_have_users():
    loads = [replace(FIRST, load=load) for load in ("closed-1", "busy-20", "busy-40", "own-80", "open-500rps")]
    waits = [replace(FIRST, load=f"closed-{count}", scenario="enrich-5ms") for count in (4, 16, 64)]
    assert "users" not in draw(section, with_cells(*loads, *waits))


def test_second_copies_have_no_line():
    floor = replace(RUN.summary.noise_floor[0], contender="flask-granian")
    texts = texts_on(sweep_of(with_summary(noise_floor=(floor,)))[0])
    assert [text for text in texts if " on " in text and "Fl" in text[:2]] == ["Flask on gunicorn gthread"]
