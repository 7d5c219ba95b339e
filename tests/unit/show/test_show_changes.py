"""Single changes: start by start, the largest first; what the title claims, and what has no figure."""

from dataclasses import replace

import pytest
from marks import column, plots_on, table_of, values_on
from report_pages import RUN
from sheets import draw, mini_sheets, texts_on, with_summary, words_on

from bench.show.topics.changes import section

CHANGES = {(row.contender, row.baseline): row for row in RUN.summary.changes}
BEST = CHANGES["flask-gthread", "article-gthread"]
SECOND = CHANGES["fastapi-uvicorn@article", "article-gthread"]
ELSEWHERE = CHANGES["fastapi-uvicorn-without-strict", "fastapi-uvicorn"]
TABLE = "Single changes, each from its start"


def draw_chart(*rows):
    return draw(section, with_summary(changes=rows))["changes"]


def test_changes_are_drawn_start_by_start_the_largest_first():
    texts = texts_on(mini_sheets(section)["changes"])
    named = {f"{what[0].upper()}{what[1:]}" for what, _, _ in RUN.changes}
    assert [text for text in texts if text in named or text.startswith("From: ")] == [
        "From: The article's Flask on gunicorn gthread",
        "NumPy instead of pandas and scikit-learn",
        "FastAPI on uvicorn, async def",
        "Granian instead of gunicorn gthread",
        "FastAPI on uvicorn, def",
        "From: FastAPI on uvicorn",
        "Without strict.py (FastAPI)",
        "From: Flask on gunicorn gthread",
        "Without strict.py (Flask)",
    ]


def test_every_change_has_its_figure_a_dot_and_one_for_each_launch():
    sheet = mini_sheets(section)["changes"]
    [axes] = plots_on(sheet)
    assert "13.1 (12.9 to 13.3)" in texts_on(sheet)
    for row in CHANGES.values():
        assert {(row.ratio,), row.launch_ratios} <= set(values_on(axes)), row.contender


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        ((SECOND, BEST), "{best}; no other change gives more than 1.06"),
        ((BEST,), "{best}"),
        ((BEST, replace(ELSEWHERE, ratio=9.0, ci_low=None, ci_high=None)), "{best}"),
    ],
)
def test_the_title_has_the_largest_change_and_the_next_one_from_the_same_start(rows, title):
    best = "NumPy instead of pandas and scikit-learn: 13.1 times the requests per second"
    assert draw_chart(*rows).title == title.format(best=best)


@pytest.mark.parametrize(
    ("row", "words"),
    [(BEST, "Line: the 96.1 % interval. Pale dots: 8 starts"), (replace(BEST, ci_low=None, ci_high=None), "16 users. Pale dots: 8 starts")],
)
def test_the_level_of_the_interval_is_said_where_there_is_one(row, words):
    assert words in words_on(draw_chart(row))


def test_a_change_is_called_as_in_the_plan_else_by_its_stack():
    table = table_of(
        section, TABLE, with_summary(replace(RUN, manifest={**RUN.manifest, "plan": {**RUN.plan, "changes": RUN.changes[1:]}}))
    )
    assert column(table, "what is changed")[:2] == ["Flask-gthread", "Without strict.py (FastAPI)"]
    assert table.rows[0][1:] == (
        *("Flask on gunicorn gthread", "The article's Flask on gunicorn gthread"),
        *("13.12 (12.93 to 13.31)", "96.1 %", "predict-1, 16 users", "8"),
    )


def test_a_change_without_a_figure_stands_in_the_table_alone():
    bare = replace(BEST, interval=None, launches=0)
    run = with_summary(changes=(bare, SECOND))
    assert texts_on(draw(section, run)["changes"]).count("NumPy instead of pandas and scikit-learn") == 0
    table = table_of(section, TABLE, run)
    assert table.rows[-1][0] == "NumPy instead of pandas and scikit-learn"
    assert [column(table, heading)[-1] for heading in ("ratio", "level", "launches")] == ["-", "-", "0"]
    assert draw(section, with_summary(changes=(bare,))) == {}
