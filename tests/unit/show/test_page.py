"""The page: one file without network or scripts, in the order of a reader's questions, with names for all that is drawn."""

import base64
import hashlib
import re
from collections import Counter

import pytest
from report_pages import page_of, read_text

from bench.show.five_lines import SECTIONS

LINKS = ("src", "href", "xlink:href", "srcset", "action", "poster", "data")


def test_the_page_loads_nothing_runs_nothing_and_is_well_formed(reported):
    html, page = read_text(reported, "report.html"), page_of(reported.path)
    assert (page.open, page.wrong) == ([], [])
    assert not [value for name in LINKS for value in page.values(name) if not value.startswith("#")]
    assert not [name for _, name, _ in page.attributes if name == "style" or name.startswith("on")]
    assert "<script" not in html.lower()
    assert html.count("<style") == 1
    assert not re.search(r"url\((?!#)|@import", html)
    assert len(html.encode()) < 1_000_000


def test_the_policy_of_the_page_allows_its_own_style_and_nothing_else(whole):
    html = read_text(whole, "report.html")
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(value for value in page_of(whole.path).values("content") if "default-src" in value)
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


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


def test_every_chart_is_an_image_with_a_name_in_both_widths_and_its_reading_below(reported):
    html = read_text(reported, "report.html")
    names = {name: " ".join(text.split()) for name, text in re.findall(r'<title id="([^"]+)-title">(.*?)</title>', html, re.DOTALL)}
    images = re.findall(r'<svg [^>]*class="(wide|narrow)" role="img" aria-labelledby="([^"]+)-title"', html)
    charts = re.findall(r"charts/(\S+?)\.png", read_text(reported, "report.md"))
    assert images == [(width, f"{chart}-{width}") for chart in charts for width in ("wide", "narrow")]
    assert all(names[name] for _, name in images)
    assert html.count("<svg") == len(images)
    assert len(re.findall(r"<figure>\s*<svg.*?</svg>\s*<svg.*?</svg>\s*<figcaption>How to read it: [A-Z]", html, re.DOTALL)) == len(charts)


def test_a_line_of_the_answer_leads_to_the_section_that_has_more_on_it(whole):
    html = read_text(whole, "report.html")
    for begin, section in SECTIONS.items():
        assert re.search(rf'<li><a href="#{section}"><strong>{begin}', html)
    assert len(re.findall(r'<li><a href="#\w[^"]*"><strong>', html)) == len(SECTIONS)


SECTION_NAMES = [
    "answer",
    "break-even",
    "ladder",
    "changes",
    "latency",
    "throughput",
    "enrich",
    "cost",
    "complexity",
    "comparisons",
    "trust",
]


def test_a_whole_run_has_every_section_in_the_order_of_a_readers_questions(whole):
    html = read_text(whole, "report.html")
    assert re.findall(r'<section id="([^"]+)"', html) == SECTION_NAMES
    assert re.findall(r'<li><a href="#([^"]+)">(?!<strong>)', html) == SECTION_NAMES


@pytest.mark.parametrize(
    ("name", "sections"),
    [
        ("smoke", ["answer", "latency", "throughput", "cost", "comparisons", "trust"]),
        ("empty", ["answer", "latency", "throughput", "comparisons", "trust"]),  # their charts say that nothing was measured
        ("open", ["answer", "break-even", "ladder", "latency", "throughput", "cost", "comparisons", "trust"]),
        ("user", SECTION_NAMES),
    ],
)
def test_a_run_has_no_section_of_what_it_did_not_measure(name, sections, reports):
    html = read_text(reports.report_of(name).folder, "report.html")
    assert re.findall(r'<section id="([^"]+)"', html) == sections
    assert html.count("<h2>") == len(sections) - 1  # the answer stands below the heading of the page


def test_the_difference_of_the_two_applications_is_folded_text(whole):
    html = read_text(whole, "report.html")
    diff = (whole.path / "adapters.diff").read_text("utf-8")
    assert re.search(r"<details><summary>The difference of the two applications[^<]*</summary>\s*<pre", html)
    assert diff.strip() in page_of(whole.path).text
