"""Requests that wait: which cells are drawn in which order, what the title names, and health checks."""

from dataclasses import replace

import pytest
from marks import plots_on, table_of, values_on, whiskers_on
from report_pages import RUN
from sheets import draw, mini_sheets, texts_on, with_summary, words_on

from bench.show.topics.waiting import section

WAITS = [cell for cell in RUN.summary.cells if cell.part == "enrich"]
ASYNC, BLOCKING = "FastAPI on uvicorn, async client", "FastAPI on uvicorn, blocking client in async def"
MANY, FEW = "Flask, 32 threads, on gunicorn gthread", "Flask, 8 threads, on gunicorn gthread"
CELLS = "All figures by delay of the other service"


def changed(change, *, at=100):
    """Return the miniature run after a change of its cells with this delay."""
    cells = tuple(change(cell) if cell.delay_ms == at else cell for cell in RUN.summary.cells)
    return with_summary(cells=tuple(cell for cell in cells if cell))


def unanswered(cell):
    return replace(cell, throughput=None, samples=0, errors=40)


@pytest.mark.parametrize(("scenario", "delay"), [("enrich-0ms", 0), ("enrich-100ms", 100), ("predict-1", None), ("enrich-5ms-x", None)])
def test_only_a_request_that_asks_another_service_has_a_delay(scenario, delay):
    assert replace(WAITS[0], scenario=scenario).delay_ms == delay


def test_the_longest_delay_stands_first_and_below_it_the_highest_throughput():
    texts = texts_on(mini_sheets(section)["waiting"])
    rows = [text for text in texts if text.startswith("The other service") or text in {ASYNC, BLOCKING, MANY, FEW}]
    own = [ASYNC, MANY, FEW, BLOCKING]
    assert rows == [text for delay in (100, 20, 5) for text in (f"The other service answers after {delay} ms", *own)]


def test_every_throughput_has_a_dot_and_its_interval_and_without_delay_it_stands_in_the_table_alone():
    [axes] = plots_on(mini_sheets(section)["waiting"])
    waits = [cell for cell in WAITS if cell.delay_ms]
    assert set(values_on(axes)) == {(cell.throughput_rps,) for cell in waits}
    assert {tuple(x for x, _ in whisker) for whisker in whiskers_on(axes)} == {cell.throughput.ends for cell in waits}
    assert len(table_of(section, CELLS).rows) == len(WAITS)


def test_without_a_delay_there_is_no_chart():
    run = with_summary(cells=tuple(cell for cell in WAITS if not cell.delay_ms))
    assert draw(section, run) == {}
    assert table_of(section, CELLS, run)


@pytest.mark.parametrize(
    ("change", "title"),
    [
        (lambda cell: cell, f"{ASYNC} 637; {MANY} 319; {BLOCKING} 10.0"),
        (lambda cell: None if cell.stack == "fastapi-enrich" else cell, f"{MANY} 319; {FEW} 80; {BLOCKING} 10.0"),
        (lambda cell: cell if cell.stack in ("fastapi-enrich", "flask-enrich-8") else None, f"{ASYNC} 637; {FEW} 80"),
        (lambda cell: unanswered(cell) if cell.stack == "fastapi-enrich-trap" else cell, f"{ASYNC} 637; {MANY} 319; {FEW} 80"),
        (unanswered, "no correct answer"),
    ],
)
def test_the_title_has_the_two_highest_and_the_lowest_under_the_longest_delay(change, title):
    assert draw(section, changed(change))["waiting"].title == f"With a wait of 100 ms, requests per second: {title}"


def test_a_stack_without_a_correct_answer_stands_last_and_says_so():
    texts = texts_on(draw(section, changed(lambda cell: unanswered(cell) if cell.stack == "fastapi-enrich" else cell))["waiting"])
    own = [text for text in texts[: texts.index("The other service answers after 20 ms")] if text]
    assert own[-2:] == [ASYNC, "no correct answer, 40 errors"]


def test_failures_stand_beside_the_throughput():
    run = changed(lambda cell: replace(cell, errors=1, unfinished=2, not_sent=3))
    assert "637 (628 to 648), 1 error, 2 unfinished, 3 not sent" in texts_on(draw(section, run)["waiting"])


@pytest.mark.parametrize(("load", "words"), [("closed-64", "second, 64 users: right"), ("open-500rps", "second: right")])
def test_the_users_that_wait_are_named_where_there_are_any(load, words):
    cells = tuple(replace(cell, load=load) for cell in WAITS)
    assert words in words_on(draw(section, with_summary(cells=cells))["waiting"])


def test_health_checks_have_a_table_of_their_own():
    run = with_summary(cells=())
    assert table_of(section, "Health checks", run).rows == table_of(section, "Health checks").rows != ()
    assert draw(section, run) == {}
    assert section(with_summary(cells=(), probes=())).is_empty
