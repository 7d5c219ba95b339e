"""The page: one file without network or scripts, in the order of a reader's questions, with names for all that is drawn."""

import base64
import hashlib
import re
from collections import Counter
from html import unescape

import pytest
from report_pages import page_of, read_text

from bench.show.outputs.choices import choice_table
from bench.show.words.verdicts import notices

LINKS = ("src", "href", "xlink:href", "srcset", "action", "poster", "data")
# The topics of a whole run in the order of a reader's questions; the last two are for reviewers.
TOPICS = ["code", "break-even", "changes", "waiting", "ladder", "latency", "stacks", "cost", "trust", "comparisons", "conditions"]
STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def sections_of(html):
    return re.findall(r'<section id="([^"]+)"', html)


def test_the_page_loads_nothing_runs_nothing_and_is_well_formed(reported):
    html, page = read_text(reported, "report.html"), page_of(reported.path)
    assert (page.open, page.wrong) == ([], [])
    assert not [value for name in LINKS for value in page.values(name) if not value.startswith("#")]
    assert not [name for _, name, _ in page.attributes if name == "style" or name.startswith("on")]
    assert "<script" not in html.lower()
    assert html.count("<style") == 1
    assert not re.search(r"url\((?!#)|@import", html)
    assert len(html.encode()) < 500_000


def test_the_policy_of_the_page_allows_its_own_style_and_nothing_else(whole):
    (style,) = STYLE.findall(read_text(whole, "report.html"))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(value for value in page_of(whole.path).values("content") if "default-src" in value)
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_nothing_but_the_style_sheet_refers_to_its_variables(reported):
    """A host may refuse the style; an attribute with a variable in it would be black then."""
    assert "var(--" not in STYLE.sub("", read_text(reported, "report.html"))


def test_a_reader_of_the_page_finds_headings_captions_and_names(reported):
    html, page = read_text(reported, "report.html"), page_of(reported.path)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(deeper <= above + 1 for above, deeper in zip(page.headings, page.headings[1:], strict=False))
    ids = page.values("id")
    assert not [name for name, count in Counter(ids).items() if count > 1]
    assert {f"#{name}" for name in ids} >= set(page.values("href"))
    scopes = [value for tag, name, value in page.attributes if (tag, name) == ("th", "scope")]
    assert set(scopes) <= {"col", "row"}
    assert len(re.findall(r"<th[ >]", html)) == len(scopes)
    assert html.count("<table>") == html.count("<caption>")


def test_every_chart_is_an_image_with_a_name_once_and_how_to_read_it_below(drawn):
    html = read_text(drawn.folder, "report.html")
    assert re.findall(r'<svg [^>]*role="img" aria-labelledby="([^"]+)-title"', html) == list(drawn.pictures)
    assert html.count("<svg") == len(drawn.pictures)
    assert len(re.findall(r"<figure>\s*<svg.*?</svg>\s*<figcaption>[A-Z]", html, re.DOTALL)) == len(drawn.pictures)


def test_notices_short_answer_and_decision_table_come_first_in_this_order(drawn):
    html = read_text(drawn.folder, "report.html")
    (answer,) = re.findall(r'<ul class="answer">(.*?)</ul>', html, re.DOTALL)
    assert "<figure>" not in html[: html.index(answer)]
    lines = [unescape(text) for text in re.findall(r"<li[^>]*>(.*?)</li>", answer, re.DOTALL)]
    assert lines == [*notices(drawn.folder.read_summary()), *(line.text for line in drawn.answer.lines)]
    choices = choice_table(drawn.answer)
    assert sections_of(html)[:2] == (["answer", "choices"] if choices.rows else ["answer", "code"])
    table = [choices.columns, *choices.rows] if choices.rows else []
    assert page_of(drawn.folder.path).rows[: len(table)] == [list(row) for row in table]


def test_the_first_line_and_what_was_only_seen_are_marked_as_such(reports):
    report = reports.report_of("whole")
    top, _, _ = read_text(report.folder, "report.html").partition("<figure>")
    marked = [line.standing.replace(" ", "-") for line in report.answer.lines]
    marked[0] += " first"
    assert re.findall(r'<li class="([^"]+)"', top) == marked
    assert {"judged", "seen"} <= set(marked)


def test_the_index_names_every_section_in_its_order_and_what_it_answers(reported):
    html = read_text(reported, "report.html")
    (index,) = re.findall(r"<nav.*?</nav>", html, re.DOTALL)
    (_, *rows) = re.findall(r"<li>(.*?)</li>", index)
    found = [re.fullmatch(r'<a href="#([^"]+)">([^<]+)</a> <span>([^<]+)</span>', row) for row in rows]
    assert [match[1] for match in found] == [name for name in sections_of(html) if name not in ("answer", "choices")]
    assert [match[2] for match in found] == re.findall(r"<h2>([^<]+)</h2>", html)
    assert len({match[3] for match in found}) == len(found)


@pytest.mark.parametrize(
    ("name", "topics"),
    [
        ("whole", TOPICS),
        ("smoke", ["stacks", "cost", "trust", "comparisons", "conditions"]),
        ("empty", ["code", "trust", "conditions"]),
        ("open", ["code", "break-even", "ladder", "latency", "stacks", "cost", "trust", "conditions"]),
        ("user", [name for name in TOPICS if name != "comparisons"]),
    ],
)
def test_a_run_has_a_section_of_what_it_measured_and_of_nothing_else(name, topics, reports):
    html = read_text(reports.report_of(name).folder, "report.html")
    assert [section for section in sections_of(html) if section not in ("answer", "choices")] == topics


def test_what_is_for_reviewers_stands_below_a_line(reported):
    above, line, below = read_text(reported, "report.html").partition('<hr>\n<p class="part">For reviewers</p>')
    assert line
    assert set(sections_of(below)) <= {"comparisons", "conditions"}
    assert set(sections_of(above)).isdisjoint({"comparisons", "conditions"})


def test_the_difference_of_the_two_applications_is_folded_text(whole):
    html = read_text(whole, "report.html")
    diff = (whole.path / "adapters.diff").read_text("utf-8")
    assert re.search(r"<details><summary>The difference of the two applications[^<]*</summary>\s*<pre", html)
    assert diff.strip() in page_of(whole.path).text
