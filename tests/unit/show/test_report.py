"""A report as a whole: all outputs say the same of a run, the truth about a bad one first, and the same run gives the same bytes."""

import html
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from report_pages import RUN, page_of, read_text, table_below
from reports import answer_of
from run_variants import MINI_RUN, NO_FINDINGS, copy_run, make_run

from bench.errors import RunFolderError
from bench.plan.described import describe, read_plan
from bench.records import AS_DEPLOYED, Answer, AppCode, Cell, Comparison, Feature, ServerTiming, find_floor
from bench.records.folder import RunFolder
from bench.records.numbers import format_interval, format_number, format_ratio
from bench.records.price import Price
from bench.records.record import adapter
from bench.show.finished import NO_ANSWER, read_run
from bench.show.outputs.terminal import terminal_summary
from bench.show.report import write_report
from bench.show.topics.answer import HOW_TO_READ
from bench.show.words.selection import twins_of
from bench.show.words.verdicts import notices, validity_line

FORMAT_4 = MINI_RUN.parent / "format_4"
DRAW = """
import sys
from pathlib import Path
from bench.records import Answer
from bench.records.folder import RunFolder
from bench.records.record import adapter
from bench.show.drawing.sheet import drawing
from bench.show.finished import read_run
from bench.show.report import write_report
from bench.show.topics.answer import answer_picture

whole, answer, user = sys.argv[1:]
write_report(RunFolder.open(Path(whole)), adapter(Answer).validate_json(answer))
with drawing():
    sheet = answer_picture(read_run(RunFolder.open(Path(user)))).sheet
    sheet.svg(), sheet.png()
"""


def unescaped(markdown):
    """Return what a reader sees of Markdown that is escaped."""
    return html.unescape(re.sub(r"\\(.)", r"\1", markdown))


def beginning(text):
    """Return as much of a text as a comment has of it however long it is, written on one line."""
    return " ".join(text.split())[:150]


def test_the_plan_of_the_miniature_run_is_one_that_this_version_writes():
    assert set(describe(read_plan(RUN.plan))) == set(RUN.plan)


# --- all outputs say the same ---------------------------------------------------------------------------------------


def test_every_output_opens_with_the_same_answer(drawn):
    folder, answer = drawn.folder, drawn.answer
    summary = folder.read_summary()
    lines = [*notices(summary), *(line.text for line in answer.lines if line.topic != "others")]
    page = " ".join(page_of(folder.path).text.split())
    outputs = {
        "page": page[page.index(answer.question, page.index("To the answer")) :],
        "terminal": terminal_summary(folder, answer),
        **{name: " ".join(unescaped(read_text(folder, name)).split()) for name in ("report.md", "comment.md")},
    }
    for name, text in outputs.items():
        places = [text.find(beginning(line)) for line in lines]
        assert -1 not in places, name
        assert places == sorted(places), name
        assert validity_line(summary) in " ".join(text.split()), name
        assert HOW_TO_READ not in text[: places[-1]], name


def test_the_decision_table_is_the_same_in_page_and_markdown(drawn):
    said = (choice for choice in drawn.answer.choices if choice.standing != "not measured")
    choices = [[choice.service, choice.choose, choice.evidence, choice.standing] for choice in said]
    rows = [list(map(beginning, row)) for row in choices]
    page = [list(map(beginning, row)) for row in page_of(drawn.folder.path).rows]
    assert [row for row in rows if row not in page] == []
    for name in ("report.md", "comment.md") if rows else ():
        head, *found = table_below(read_text(drawn.folder, name), "What to choose")
        assert head == ["your service", "choose", "evidence in this run", "standing"]
        assert [[beginning(unescaped(text)) for text in row] for row in found] == rows


FIRST_WORDS = {
    "partial": "Partial run: ",
    "invalid": "Not a valid run: ",
    "smoke": "Nothing is judged in this run: needs 8 launches, has 2.",
    "user": "Nothing is judged",
    "nulls": "Nothing is judged",
    "empty": "Nothing is judged",
    "open": "Nothing is judged",
    "overloaded": "Withheld: 1 of 68 comparisons without verdict; the rows say why.",
}


def test_a_run_that_is_less_than_whole_says_so_first_and_a_whole_one_does_not(drawn):
    folder, words = drawn.folder, FIRST_WORDS.get(drawn.folder.path.name, "")
    page = read_text(folder, "report.html")
    assert terminal_summary(folder, drawn.answer).startswith(words or drawn.answer.lines[0].text)
    assert (f'<li class="notice">{words}' in page.partition("<figure>")[0]) == ('<li class="notice">' in page) == bool(words)
    for name in ("report.md", "comment.md"):
        first = next((unescaped(line) for line in read_text(folder, name).splitlines() if line.startswith("> **")), "")
        assert first.startswith(f"> **{words}") if words else first == ""


def test_no_answer_holds_an_empty_word(drawn):
    answer = drawn.answer
    texts = [answer.question, answer.small_print, *(line.text for line in answer.lines)]
    texts += [text for choice in answer.choices for text in (choice.service, choice.choose, choice.evidence)]
    assert [text for text in texts if re.search(r"None|\bnan\b|\(\)|(^| )-( |$)", text)] == []


def test_every_figure_is_the_same_in_page_markdown_csv_and_summary(whole):
    summary = whole.read_summary()
    page, markdown = page_of(whole.path), read_text(whole, "report.md")
    texts = {text for row in page.rows for text in row}
    for cell in summary.cells:
        assert format_interval(cell.throughput) in texts or cell.stack in twins_of(summary)
    for row in summary.comparisons:
        if row.role != "exploratory":
            assert format_ratio(row) in texts
            assert f"| {format_ratio(row)} |" in markdown
            assert format_ratio(find_floor(row, summary.noise_floor)) in texts
    assert {format_ratio(row) for row in summary.changes} <= texts
    for row in summary.ladder:
        assert (format_interval(row.cpu) in texts) == row.is_resolved
    assert {f"{row.bound} {format_interval(row.capacity)}".strip() for row in summary.capacity} <= texts
    assert {format_interval(point.interval) for row in summary.break_even for point in row.points} <= texts
    assert whole.read_rows("cells.csv", Cell) == list(summary.cells)
    assert whole.read_rows("comparisons.csv", Comparison) == [*summary.comparisons, *summary.noise_floor]
    assert whole.read_rows("server_timing.csv", ServerTiming) == list(summary.server_timing)
    assert whole.read_rows("complexity.csv", AppCode) == list(summary.complexity)
    assert whole.read_rows("features.csv", Feature) == list(summary.features)


def test_labels_of_a_user_are_text_in_the_page(reports):
    folder = reports.report_of("user").folder
    page = page_of(folder.path)
    label = " ".join(RunFolder.open(folder.path).read_manifest()["stacks"]["mine"]["label"].split())
    assert any(label in text for row in page.rows for text in row)
    assert label in page.text
    assert "b" not in {tag for tag, _, _ in page.attributes}


def test_pictures_of_the_markdown_lie_beside_it_and_are_those_of_the_page(drawn):
    markdown = read_text(drawn.folder, "report.md")
    named = re.findall(r"!\[.*?\]\(charts/(\S+)\.png\)", markdown)
    assert named == list(drawn.pictures)
    for kind in ("svg", "png"):
        assert sorted(path.stem for path in (drawn.folder.path / "charts").glob(f"*.{kind}")) == sorted(named)


# --- price and answer -----------------------------------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path):
    """Return a run of two cells at the equal load, which is drawn at once."""

    def change(summary):
        cells, rows = ([row for row in rows if row.load == "busy-40"] for rows in (summary.cells, summary.comparisons))
        pair = [cell for cell in cells if cell.part == "headline" and cell.stack in AS_DEPLOYED]
        return replace(summary, cells=tuple(pair), comparisons=tuple(rows), noise_floor=(), resources=(), **NO_FINDINGS)

    return make_run(tmp_path / "run", change)


def test_answer_and_price_that_are_given_take_the_place_of_those_of_the_run_and_its_figures_stay(bare):
    before = (bare.path / "summary.json").read_bytes()
    price = Price(0.4, (0.5,), "euros")
    asked = replace(RUN.answer, question="Is it worth it?")
    write_report(bare, asked, price)
    markdown = read_text(bare, "report.md")
    head, row, *_ = table_below(markdown, "Per million predictions, at equal rate, baseline 40 % busy; euros at 0.4 per core hour")
    cell = next(cell for cell in bare.read_summary().cells if cell.load == "busy-40")
    assert dict(zip(head, row, strict=True))["cost, cores 50 % used"] == format_number(cell.cpu_us_per_request / 3600 * 0.4 / 0.5)
    assert all("Is it worth it?" in read_text(bare, name) for name in ("report.html", "report.md", "comment.md"))
    assert (bare.path / "summary.json").read_bytes() == before


def test_a_run_has_its_own_answer_and_the_price_of_its_plan_where_no_others_are_given(tmp_path):
    folder = copy_run(tmp_path / "run")
    manifest, summary = folder.read_manifest(), folder.read_summary()
    folder.write_manifest({**manifest, "plan": {**manifest["plan"], "price": {"per_core_hour": 2, "utilisations": [1]}}})
    run = read_run(folder)
    assert (run.price, run.answer) == (Price(2.0, (1.0,)), summary.answer)
    assert read_run(folder, RUN.answer, Price(3.0)).price == Price(3.0)
    folder.write_summary(replace(summary, answer=None))
    assert read_run(folder).answer == NO_ANSWER


# --- files ----------------------------------------------------------------------------------------------------------


def test_charts_that_a_run_no_longer_has_are_removed(bare):
    for name in ("ratios.svg", "ratios.png"):
        bare.write_text(f"charts/{name}", "of another version")
    write_report(bare, answer_of(bare))
    charts = {path.name for path in (bare.path / "charts").iterdir()}
    assert "latency.svg" in charts
    assert not {"ratios.svg", "ratios.png"} & charts


def test_the_report_leaves_the_figures_of_the_run_alone(whole):
    for name in ("manifest.json", "summary.json", "cells.csv", "comparisons.csv", "distributions.csv"):
        assert (whole.path / name).read_bytes() == (MINI_RUN / name).read_bytes()


def test_the_same_run_gives_the_same_bytes_in_another_place_and_process_without_display_or_home_and_without_noise(reports, tmp_path):
    def contents(folder):
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    report = reports.report_of("whole")
    elsewhere = shutil.copytree(report.folder.path, tmp_path / "elsewhere")
    for path in [*elsewhere.glob("charts/*"), *elsewhere.glob("*.md"), elsewhere / "report.html"]:
        path.unlink()
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment = {**kept, "HOME": "/dev/null/none", "MPLBACKEND": "TkAgg", "TMPDIR": str(tmp_path)}
    answer = adapter(Answer).dump_json(report.answer).decode()
    command = [sys.executable, "-W", "error", "-c", DRAW, elsewhere, answer, reports.report_of("user").folder.path]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert contents(elsewhere) == contents(report.folder.path)
    assert not list(tmp_path.glob("matplotlib-*"))  # its cache is removed again


def test_a_picture_carries_run_machine_commit_and_versions_with_it(whole):
    environment = RUN.summary.environment
    assert RUN.fine_print == (
        f"Run {RUN.name}, profile fixture; {environment['cpu']}, 1 server core; commit unknown; CPython 3.11.7, "
        "flask 0.0.2, fastapi 0.0.1, gunicorn 0.0.4, uvicorn 0.0.6, granian 0.0.3, scikit-learn 0.0.5"
    )
    assert RUN.fine_print in page_of(whole.path).text


@pytest.mark.parametrize(
    ("fields", "environment", "words"),
    [
        ({"partial": True}, {}, ", profile fixture, partial run; "),
        ({"validity": replace(RUN.summary.validity, valid=False)}, {}, ", profile fixture, not valid; "),
        ({}, {"server_cores": []}, ", cores not kept apart; "),
        ({}, {"server_cores": [1, 2]}, ", 2 server cores; "),
        ({}, {"commit": "0123456789abcdef+changes"}, "; commit 0123456789ab+changes; "),
    ],
)
def test_the_fine_print_of_a_run_that_is_not_plain_says_so(fields, environment, words):
    summary = replace(RUN.summary, **fields, environment={**RUN.summary.environment, **environment})
    assert words in replace(RUN, summary=summary).fine_print


# --- other runs -----------------------------------------------------------------------------------------------------


def test_a_run_of_format_4_is_drawn_with_all_its_figures(tmp_path):
    folder = RunFolder.open(shutil.copytree(FORMAT_4, tmp_path / "run"))
    write_report(folder, answer_of(folder))
    run, page, markdown = read_run(folder), page_of(folder.path), read_text(folder, "report.md")
    texts = {text for row in page.rows for text in row}
    judged = [row for row in run.summary.comparisons if row.role != "exploratory"]
    assert {format_ratio(row) for row in judged} <= texts
    assert {format_interval(cell.throughput) for cell in run.summary.cells if cell.stack not in twins_of(run.summary)} <= texts
    heads = {text for row in page.rows if row[0] in ("stack", "contender / baseline") for text in row}
    assert "p99 ms" in heads
    assert not {"answered in time", "busy", "of contender, baseline"} & heads  # which that format did not have
    assert "null-" not in page.text + markdown
    assert {"answer", "break-even", "latency"} <= {path.stem for path in (folder.path / "charts").glob("*.svg")}


@pytest.mark.parametrize(
    ("name", "words"),
    [("summary.json", "was cut off before it was judged"), ("manifest.json", "manifest.json cannot be read")],
)
def test_a_run_without_its_files_is_refused_in_a_sentence(name, words, tmp_path):
    folder = copy_run(tmp_path / "run")
    (folder.path / name).unlink()
    with pytest.raises(RunFolderError, match=words):
        write_report(folder)
