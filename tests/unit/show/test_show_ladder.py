"""Where the time goes: bars of steps that add up, steps that cannot be told from none, and what stacks say of themselves."""

from dataclasses import replace

import pytest
from marks import column, plots_on, table_of
from matplotlib.colors import to_hex
from report_pages import RUN
from sheets import draw, mini_sheets, texts_on, with_summary

from bench.show.drawing.sheet import MODEL_COLOUR, OTHER_COLOUR, SERVER_COLOUR
from bench.show.topics.ladder import section

LADDER = RUN.summary.ladder
STEPS, TIMING = "CPU time of one request", "The model's step beside"
COLOURS = {"server": SERVER_COLOUR, "framework": OTHER_COLOUR, "model": MODEL_COLOUR}


def steps_of(stack="flask-gthread", **fields):
    """Return the steps of a stack; `fields` are those of its step `model`."""
    return tuple(replace(row, **fields) if row.step == "model" else row for row in LADDER if row.stack == stack)


def bars_on(sheet):
    """Return each step that is drawn: the colour it has or is hatched in, where it begins, how long it is."""
    [axes] = plots_on(sheet)
    boxes = [(patch, patch.get_bbox()) for patch in axes.patches]
    return [(to_hex(p.get_edgecolor() if p.get_hatch() else p.get_facecolor()).upper(), box.x0, box.width) for p, box in boxes]


def draw_chart(*rows):
    return draw(section, with_summary(ladder=rows))["ladder"]


def test_the_steps_of_a_stack_stand_one_after_another_as_long_as_they_take():
    server, framework, model, _ = (row.cpu_us for row in steps_of())
    assert bars_on(draw_chart(*steps_of())) == [
        (SERVER_COLOUR, 0, pytest.approx(server)),
        (OTHER_COLOUR, pytest.approx(server), pytest.approx(framework)),
        (MODEL_COLOUR, pytest.approx(server + framework), pytest.approx(model)),
    ]


def test_stacks_stand_in_the_order_of_their_totals_with_the_total_and_its_interval():
    texts = texts_on(mini_sheets(section)["ladder"])
    assert texts[texts.index("FastAPI on uvicorn") :] == [
        *("FastAPI on uvicorn", "109 (107 to 110) us", "Flask on granian", "122 (120 to 123) us"),
        *("FastAPI on granian", "135 (125 to 144) us", "Flask on gunicorn gthread", "220 (217 to 222) us"),
    ]


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        (LADDER, "CPU time of a request: 109 us with FastAPI on uvicorn to 220 us with Flask on gunicorn gthread"),
        (steps_of(), "CPU time of a request: 220 us with Flask on gunicorn gthread"),
    ],
)
def test_the_title_goes_from_the_shortest_to_the_longest_total(rows, title):
    assert draw_chart(*rows).title == title


def test_a_stack_whose_total_is_not_known_is_not_drawn():
    without = tuple(row for row in steps_of() if row.step != "total")
    assert len(bars_on(draw_chart(*steps_of("flask-granian"), *without))) == len(COLOURS)
    assert draw(section, with_summary(ladder=without)) == {}


@pytest.mark.parametrize(
    ("fields", "is_pale"),
    [
        ({}, False),
        ({"ci_low": -0.1}, True),
        ({"ci_low": None, "ci_high": None}, False),
        ({"contradicted": True}, True),
    ],
)
def test_a_step_that_cannot_be_told_from_none_or_is_contradicted_is_pale(fields, is_pale):
    [axes] = plots_on(draw_chart(*steps_of(**fields)))
    assert [bool(patch.get_hatch()) for patch in axes.patches] == [False, False, is_pale]


def test_a_step_below_zero_is_not_drawn_and_moves_no_other():
    server, model = (next(row.cpu_us for row in steps_of() if row.step == step) for step in ("server", "model"))
    rows = tuple(replace(row, cpu_us=-1.2) if row.step == "framework" else row for row in steps_of())
    assert bars_on(draw_chart(*rows)) == [(SERVER_COLOUR, 0, pytest.approx(server)), (MODEL_COLOUR, server, pytest.approx(model))]


def test_a_figure_stands_below_its_step_where_it_has_room():
    [axes] = plots_on(draw_chart(*steps_of()))
    assert [text.get_text() for text in axes.texts] == ["151", "62"]


def test_the_table_has_every_step_of_every_stack_with_its_interval():
    table = table_of(section, STEPS)
    assert table.columns == ("stack", "step", "CPU us", "level", "offered req/s", "launches")
    assert column(table, "step") == ["server", "framework and validation", "model", "total"] * 4
    assert table.rows[0] == ("Flask on gunicorn gthread", "server", "150.6 (148.0 to 153.3)", "96.1 %", "1,820", "8")


@pytest.mark.parametrize(
    ("ends", "figure"),
    [
        ((-2.5, 0.1), "not resolved: -2.5 to 0.1"),
        ((-2.5, 0.0), "not resolved: -2.5 to 0.0"),
        ((-2.5, -0.1), "-1.2 (-2.5 to -0.1)"),
        ((None, None), "-1.20"),
    ],
)
def test_a_step_that_cannot_be_told_from_none_is_not_resolved_and_one_below_zero_keeps_its_figure(ends, figure):
    rows = steps_of(cpu_us=-1.2, ci_low=ends[0], ci_high=ends[1])
    assert column(table_of(section, STEPS, with_summary(ladder=rows)), "CPU us")[2] == figure


def test_what_a_stack_says_of_itself_stands_beside_the_model_step_with_whether_they_agree():
    assert table_of(section, TIMING).rows[0] == ("Flask on gunicorn gthread", "3.10", "4.40", "6.9 (4.3 to 9.5)", "96.1 %", "1,000", "yes")
    run = with_summary(ladder=(*steps_of(contradicted=True), *steps_of("fastapi-uvicorn")))
    assert column(table_of(section, TIMING, run), "do they agree") == ["no: outside the interval", "yes"]


@pytest.mark.parametrize("stack", ["flask-gthread", "flask-granian"])
def test_only_a_stack_with_a_ladder_is_asked(stack):
    run = with_summary(ladder=steps_of(stack))
    asked = [row.stack for row in RUN.summary.server_timing if row.stack == stack]
    table = table_of(section, TIMING, run)
    assert len(table.rows if table else ()) == len(asked)
