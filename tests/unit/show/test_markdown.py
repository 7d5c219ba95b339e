"""report.md and comment.md: text that no Markdown reader takes for markup, and as much of the report as a code host shows well."""

import re
from dataclasses import replace

import pytest
from report_pages import RUN, read_text, table_below, texts_of
from run_variants import AWKWARD_LABEL
from sheets import with_summary

from bench.judge.answer import make_answer
from bench.records import AnswerLine, Choice, RunWarning
from bench.records.numbers import format_ratio
from bench.show.drawing.sheet import drawing
from bench.show.outputs.comment import render_comment
from bench.show.outputs.markdown import MAX_ROWS, SOME_ROWS, answer_lines, cut, escape, render_markdown, table_lines
from bench.show.report import make_sections
from bench.show.section import Block, Listing, Section, make_block
from bench.show.words.tables import Table

# What a comment on a pull request may have.
MOST_CHARACTERS = 65_536


def rows_of(count):
    return Table("A table", ("name", "figure"), tuple((f"row {number}", "1") for number in range(count)), frozenset({1}))


def columns_of(line):
    return len(re.findall(r"(?<!\\)\|", line))


# --- text and tables ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", r"a\|b"),
        ("<b>*bold*</b> _x_", r"&lt;b&gt;\*bold\*&lt;/b&gt; \_x\_"),
        ("[a](b) `c`", r"\[a\](b) \`c\`"),
        ("AT&amp;T", "AT&amp;amp;T"),
        ("\\", "\\\\"),
        ("two\nlines\r\n and  spaces", "two lines and spaces"),
    ],
)
def test_text_is_no_markup(text, written):
    assert escape(text) == written


def test_a_table_has_its_caption_and_numbers_at_the_right():
    assert table_lines(rows_of(1)) == ["", "**A table**", "", "| name | figure |", "| --- | --: |", "| row 0 | 1 |"]
    assert table_lines(rows_of(1), has_caption=False)[:2] == ["", "| name | figure |"]


@pytest.mark.parametrize(("count", "hidden"), [(MAX_ROWS, 0), (MAX_ROWS + 1, 1), (MAX_ROWS + 70, 70)])
def test_rows_beyond_the_most_are_counted(count, hidden):
    lines = table_lines(rows_of(count))
    assert len([line for line in lines if line.startswith("| row")]) == min(count, MAX_ROWS)
    assert lines[-1] == (f"{hidden} more in the run's files." if hidden else f"| row {MAX_ROWS - 1} | 1 |")


@pytest.mark.parametrize(("count", "is_folded"), [(SOME_ROWS, False), (SOME_ROWS + 1, True)])
def test_a_long_table_is_folded_below_its_caption(count, is_folded):
    section = Section("name", "Heading", "answers", (), make_block(None, rows_of(count)))
    text = render_markdown(RUN, None, [section])
    assert ("<details><summary>A table</summary>" in text) == is_folded
    assert ("**A table**" in text) != is_folded
    assert text.count("</details>") == is_folded


def test_a_listing_is_code_whatever_it_holds():
    section = Section("name", "Heading", "answers", (), (Block(listings=(Listing("Flask", 'x = "```<b>"'),)),))
    lines = render_markdown(RUN, None, [section]).splitlines()
    assert lines[lines.index("Flask:") + 2 :][:3] == ["````python", 'x = "```<b>"', "````"]


# --- report.md ------------------------------------------------------------------------------------------------------


def test_tables_to_open_are_left_to_the_page(whole):
    with drawing():
        blocks = [block for section in make_sections(RUN) for block in section.blocks]
    shown, folded = ({escape(table.caption) for block in blocks for table in getattr(block, name)} for name in ("tables", "folded"))
    markdown, page = read_text(whole, "report.md"), read_text(whole, "report.html")
    assert shown
    assert folded
    assert [caption for caption in shown if caption not in markdown] == []
    assert [caption for caption in folded if f"**{caption}**" in markdown or f">{caption}<" in markdown] == []
    assert page.count("<details>") > markdown.count("<details>")


def test_sections_stand_below_the_answer_with_those_for_reviewers_last(whole):
    headings = re.findall(r"^#+ .*", read_text(whole, "report.md"), re.MULTILINE)
    with drawing():
        sections = make_sections(RUN)
    ours, theirs = ([f"## {one.heading}" for one in sections if one.for_reviewers == is_theirs] for is_theirs in (False, True))
    assert headings == [f"# {RUN.answer.question}", *ours, "# For reviewers", *theirs]


def test_the_difference_of_the_applications_is_a_link(whole):
    link = r"(adapters.diff)"
    assert link in read_text(whole, "report.md")
    assert (whole.path / "adapters.diff").exists()
    assert link not in texts_of(replace(RUN, diff=""))[1]


def test_labels_of_a_user_are_text_in_every_output(reports):
    folder = reports.report_of("user").folder
    label = " ".join(AWKWARD_LABEL.split())
    for name in ("report.md", "comment.md"):
        markdown = read_text(folder, name)
        assert escape(label) in markdown
        prose = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)
        assert not re.search(r"<(?!/?(details|summary)>)", prose)
        tables = [line for line in markdown.splitlines() if line.startswith("|")]
        rules = [place for place, line in enumerate(tables) if set(line) <= set("|-: ")]
        assert rules
        assert all(columns_of(tables[place - 1]) == columns_of(tables[place]) == columns_of(tables[place + 1]) for place in rules)


# --- comment.md -----------------------------------------------------------------------------------------------------


def test_a_comment_has_answer_choices_judged_rows_and_validity_and_no_picture_and_no_explored_row(whole):
    comment = read_text(whole, "comment.md")
    judged = [row for row in RUN.summary.comparisons if row.role != "exploratory"]
    assert comment.startswith(f"# {RUN.answer.question}\n")
    assert len(table_below(comment, "What to choose")) == 1 + len(RUN.answer.choices)
    head, *rows = table_below(comment, "Judged rows")
    assert head == ["contender / baseline", "metric", "ratio", "verdict"]
    assert rows[0] == ["FastAPI on uvicorn / Flask on gunicorn gthread", "requests per second", "2.01 (1.99 to 2.03)", "▲ better"]
    assert len(rows) == len(judged)
    assert "![" not in comment
    assert escape(RUN.fine_print) in comment


def test_a_run_that_judges_nothing_has_no_table_of_judged_rows():
    rows = tuple(replace(row, role="exploratory") for row in RUN.summary.comparisons)
    assert "Judged rows" not in render_comment(with_summary(comparisons=rows))


@pytest.mark.parametrize("name", ["W" * 300, "&" * 300, "<|" * 150, "long name " * 30], ids=lambda name: name[:2])
def test_a_comment_fits_in_a_pull_request_however_many_stacks_and_however_long_their_names(name):
    """Each of 60 stacks is compared with the next one in three metrics, judged, and warned of."""
    names = [f"{number} {name}" for number in range(60)]
    row = next(row for row in RUN.summary.comparisons if row.role == "primary")
    reason = f"did not carry this load: {name}"
    rows = tuple(
        replace(row, contender=one, baseline=other, metric=metric, verdict="withheld", reason=reason)
        for one, other in zip(names[1:], names, strict=False)
        for metric in ("throughput_rps", "p95_ms", "cpu_us_per_request")
    )
    warnings = tuple(RunWarning(f"warning {number}", f"{one} is bad.", "Mend it.") for number, one in enumerate(names))
    validity = replace(RUN.summary.validity, valid=False, warnings=warnings)
    stacks = {one: {"label": one, "framework": "other", "server": one, "engine": one} for one in names}
    run = replace(with_summary(comparisons=rows, validity=validity), manifest={**RUN.manifest, "stacks": stacks})
    choices = tuple(Choice("waiting", "seen", name, name, name) for _ in range(8))
    own = make_answer(run.summary, run.manifest, run.price)
    comment = render_comment(replace(run, answer=replace(own, lines=own.lines * 2, choices=choices)))
    assert len(comment) < MOST_CHARACTERS
    assert len(table_below(comment, "Judged rows")) == 1 + MAX_ROWS
    assert f"{len(rows) - MAX_ROWS} more in the run's files." in comment
    pair = table_below(comment, "Judged rows")[1][0]
    assert re.fullmatch(r"1 .+\.\.\. / 0 .+\.\.\.", pair)  # of each name its beginning


@pytest.mark.parametrize(
    ("text", "longest", "whole"),
    [("abc", 3, True), ("abcd", 3, False), ("a_c", 4, True), ("a_c", 3, False), ("&" * 300, 1500, True), ("&" * 300, 1499, False)],
)
def test_a_text_is_cut_where_it_would_be_too_long_once_it_is_escaped(text, longest, whole):
    beginning = cut(text, longest)
    assert (beginning == text) == whole
    assert len(escape(beginning.removesuffix("..."))) <= longest
    assert text.startswith(beginning.removesuffix("..."))


def test_what_the_decision_table_says_anyway_is_no_line_of_the_answer():
    lines = (AnswerLine("others", "seen", "Of the table."), AnswerLine("trust", "judged", "Of the answer."))
    assert [line for line in answer_lines(replace(RUN, answer=replace(RUN.answer, lines=lines))) if line.startswith("- ")] == [
        "- Of the answer."
    ]


def test_warnings_beyond_the_most_are_counted():
    warnings = tuple(RunWarning(f"code {number}", f"Text {number}.", "Step.") for number in range(MAX_ROWS + 9))
    run = with_summary(validity=replace(RUN.summary.validity, valid=False, warnings=warnings))
    told = [line for line in answer_lines(run) if line.startswith("> **")]
    assert len(told) == MAX_ROWS + 1
    assert told[-1] == "> **10 more in the run's files.**"  # with the line that it is not valid


def test_a_judged_ratio_has_all_its_digits_in_the_report_and_fewer_in_the_comment(whole):
    row = next(row for row in RUN.summary.comparisons if row.role == "primary")
    assert format_ratio(row) in read_text(whole, "report.md")
    assert format_ratio(row) not in read_text(whole, "comment.md")
