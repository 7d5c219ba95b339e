"""Reports: one file without network, the same figures everywhere, and the truth about a bad run on top."""

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from run_variants import AWKWARD_LABEL, MINI_RUN, VARIANTS, copy_run, read_json

from bench.errors import RunFolderError
from bench.findings import AppCode, Feature, ServerTiming
from bench.price import Price
from bench.records import Cell, Comparison, RunWarning
from bench.show.figures import format_interval, format_number, format_ratio
from bench.show.five_lines import SECTIONS, answer_lines, trust_lines
from bench.show.report import SHEETS, terminal_summary, write_report
from bench.show.sentences import notices

# Tags without an end tag.
VOID = {"meta", "br", "link"}


class Page(HTMLParser):
    """What a page holds: its text, attributes, tables, open tags; and every tag that is closed out of order."""

    def __init__(self, text):
        super().__init__()
        self.text, self.attributes, self.rows, self.open, self.wrong, self.headings = "", [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            return
        self.text += data
        if self.open and self.open[-1] in {"td", "th"}:
            self.rows[-1][-1] += data

    def values(self, attribute):
        return [value for _, name, value in self.attributes if name == attribute]


def read_text(folder, name):
    return (folder.path / name).read_text("utf-8")


@pytest.fixture(params=VARIANTS, scope="module")
def run(request, tmp_path_factory):
    folder = VARIANTS[request.param](tmp_path_factory.mktemp("run") / request.param)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the miniature run with its report; a test may read it, and change nothing in it."""
    folder = copy_run(tmp_path_factory.mktemp("whole") / "run")
    write_report(folder)
    return folder


LINKS = ("src", "href", "xlink:href", "srcset", "action", "poster", "data")


def test_the_page_loads_nothing_runs_nothing_and_is_well_formed(run):
    html = read_text(run, "report.html")
    page = Page(html)
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
    policy = next(value for value in Page(html).values("content") if "default-src" in value)
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_a_reader_of_the_page_finds_headings_captions_and_names(run):
    page = Page(read_text(run, "report.html"))
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(deeper <= above + 1 for above, deeper in zip(page.headings, page.headings[1:], strict=False))
    ids = page.values("id")
    assert not [name for name, count in Counter(ids).items() if count > 1]
    assert {f"#{name}" for name in ids} >= set(page.values("href"))
    scopes = [value for tag, name, value in page.attributes if (tag, name) == ("th", "scope")]
    assert set(scopes) <= {"col", "row"}
    html = read_text(run, "report.html")
    assert len(re.findall(r"<th[ >]", html)) == len(scopes)
    assert html.count("<table>") == html.count("<caption>")


def test_every_chart_is_an_image_with_a_name_in_both_widths_and_its_reading_below(run):
    html = read_text(run, "report.html")
    names = {name: " ".join(text.split()) for name, text in re.findall(r'<title id="([^"]+)-title">(.*?)</title>', html, re.DOTALL)}
    images = re.findall(r'<svg [^>]*class="(wide|narrow)" role="img" aria-labelledby="([^"]+)-title"', html)
    charts = re.findall(r"charts/(\S+?)\.png", read_text(run, "report.md"))
    assert images == [(width, f"{chart}-{width}") for chart in charts for width in ("wide", "narrow")]
    assert all(names[name] for _, name in images)
    assert html.count("<svg") == len(images)
    assert len(re.findall(r"<figure>\s*<svg.*?</svg>\s*<svg.*?</svg>\s*<figcaption>How to read it: [A-Z]", html, re.DOTALL)) == len(charts)


def test_a_line_of_the_answer_leads_to_the_section_that_has_more_on_it(whole):
    html = read_text(whole, "report.html")
    for begin, section in SECTIONS.items():
        assert re.search(rf'<li><a href="#{section}"><strong>{begin}', html)
    assert len(re.findall(r'<li><a href="#\w[^"]*"><strong>', html)) == len(SECTIONS)


def test_every_output_opens_with_the_same_lines(run):
    summary, stacks = run.read_summary(), run.read_manifest()["stacks"]
    lines = [*notices(summary), *answer_lines(summary, stacks, Price()), *trust_lines(summary, stacks)]
    page = " ".join(Page(read_text(run, "report.html")).text.split())
    assert " ".join(lines) in page
    assert "How to read it" not in page[: page.index(" ".join(lines))]
    assert terminal_summary(run).startswith("\n".join(lines))
    markdown = re.sub(r"\\(.)", r"\1", read_text(run, "report.md")).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    places = [markdown.index(line) for line in lines]
    assert places == sorted(places)
    assert "How to read it" not in markdown[: places[-1]]


FIRST_WORDS = {
    "partial": "Partial run: ",
    "invalid": "Not a valid run: ",
    "smoke": "Nothing is judged in this run: 2 launches; verdicts need 8.",
    "user": "Nothing is judged",
    "nulls": "Nothing is judged",
    "empty": "Nothing is judged",
    "open": "Nothing is judged",
}


def test_a_run_that_is_less_than_whole_says_so_first_and_a_whole_one_does_not(run):
    html, markdown = read_text(run, "report.html"), read_text(run, "report.md")
    words = FIRST_WORDS.get(run.path.name)
    if words:
        assert terminal_summary(run).startswith(words)
        assert f'<li class="notice">{words}' in html.partition("<figure>")[0]
        assert re.search(rf"^> \*\*{re.escape(words)}", markdown, re.MULTILINE)
    else:
        assert terminal_summary(run).startswith("Better, as usually deployed: ")
        assert '<li class="notice">' not in html
        assert "> **" not in markdown


def test_every_figure_is_the_same_in_page_markdown_terminal_csv_and_summary(whole):
    summary = whole.read_summary()
    page = Page(read_text(whole, "report.html"))
    markdown, terminal = read_text(whole, "report.md"), terminal_summary(whole)
    texts = [text for row in page.rows for text in row]
    for cell in summary.cells:
        figure = format_interval(cell.throughput_rps, cell.throughput_ci_low, cell.throughput_ci_high)
        assert figure in texts
        if cell.part in ("headline", "enrich"):
            assert f"| {figure} |" in markdown
        if (cell.part, cell.load) == ("headline", "closed-16"):
            assert figure in terminal or cell.stack.endswith("-twin")  # the terminal has five
    for row in (*summary.comparisons, *summary.noise_floor):
        assert format_ratio(row) in texts
        if row.role != "exploratory":
            assert f"| {format_ratio(row)} |" in markdown
    for row in summary.changes:
        assert format_ratio(row) in texts
        assert f"| {format_ratio(row)} |" in markdown
    for row in summary.ladder:
        assert format_interval(row.cpu_us, row.ci_low, row.ci_high) in texts
    for row in summary.capacity:
        assert f"{row.bound} {format_interval(row.capacity_rps, row.ci_low, row.ci_high)}".strip() in texts
    assert whole.read_rows("cells.csv", Cell) == list(summary.cells)
    assert whole.read_rows("comparisons.csv", Comparison) == [*summary.comparisons, *summary.noise_floor]
    assert whole.read_rows("server_timing.csv", ServerTiming) == list(summary.server_timing)
    assert whole.read_rows("complexity.csv", AppCode) == list(summary.complexity)
    assert whole.read_rows("features.csv", Feature) == list(summary.features)


SECTION_NAMES = ["answer", "break-even", "ladder", "changes", "latency", "throughput", "enrich", "cost", "complexity", "trust"]


def test_a_whole_run_has_every_section_in_the_order_of_a_readers_questions(whole):
    html = read_text(whole, "report.html")
    assert re.findall(r'<section id="([^"]+)"', html) == SECTION_NAMES
    assert re.findall(r'<li><a href="#([^"]+)">(?!<strong>)', html) == SECTION_NAMES


@pytest.mark.parametrize(
    ("name", "sections"),
    [
        ("smoke", ["answer", "latency", "throughput", "cost", "trust"]),
        ("empty", ["answer", "latency", "throughput", "trust"]),  # their charts say that nothing was measured
        ("open", ["answer", "break-even", "ladder", "latency", "throughput", "cost", "trust"]),
        ("user", SECTION_NAMES),
    ],
)
def test_a_run_has_no_section_of_what_it_did_not_measure(name, sections, tmp_path):
    folder = VARIANTS[name](tmp_path / name)
    write_report(folder)
    html = read_text(folder, "report.html")
    assert re.findall(r'<section id="([^"]+)"', html) == sections
    assert html.count("<h2>") == len(sections) - 1  # the answer stands below the heading of the page


def test_the_difference_of_the_two_applications_is_folded_text(whole):
    html = read_text(whole, "report.html")
    diff = (whole.path / "adapters.diff").read_text("utf-8")
    assert re.search(r"<details><summary>The difference of the two applications[^<]*</summary>\s*<pre", html)
    assert diff.strip() in Page(html).text


def test_money_follows_the_price_that_is_asked_for(whole, tmp_path):
    assert "Per million predictions; money at a price of 0.04 per core hour, of which 30 % or 70 % is used" in read_text(whole, "report.md")
    folder = copy_run(tmp_path / "run")
    write_report(folder, Price(0.4, (0.5,)))
    markdown = read_text(folder, "report.md")
    head, row, *_ = table_below(markdown, "Per million predictions; money at a price of 0.4 per core hour, of which 50 % is used")
    cell = next(cell for cell in whole.read_summary().cells if cell.load == "open-60")
    assert dict(zip(head, row, strict=True))["money, 50 % used"] == format_number(cell.cpu_us_per_request / 3600 * 0.4 / 0.5)
    assert "0.4 per core hour, 50 % used" in markdown
    assert "0.4 per core hour, 50 % used" in terminal_summary(folder, Price(0.4, (0.5,)))
    assert (folder.path / "summary.json").read_bytes() == (MINI_RUN / "summary.json").read_bytes()


def test_the_price_of_the_plan_counts_where_no_other_is_asked_for(tmp_path):
    folder = copy_run(tmp_path / "run")
    manifest = folder.read_manifest()
    manifest["plan"]["price"] = {"per_core_hour": 2, "utilisations": [1]}
    folder.write_manifest(manifest)
    write_report(folder)
    assert "money at a price of 2 per core hour, of which 100 % is used" in read_text(folder, "report.md")


def test_the_page_says_how_far_to_trust_it(whole):
    text, manifest = Page(read_text(whole, "report.html")).text, whole.read_manifest()
    environment = manifest["environment"]
    expected = [manifest["plan_sha256"], manifest["command"], str(manifest["plan"]["seed"]), environment["cpu"], environment["kernel"]]
    expected += [text for warning in manifest["warnings"] for text in warning.values()]
    expected += [row["command"] for row in manifest["conditions"].values()]
    expected += [*manifest["ended"], *manifest["departures"], "scikit-learn 0.0.5", "p99 of the worst cell 0.109 ms"]
    assert not [words for words in expected if words not in text]


def test_every_gate_stands_there_with_try_place_and_what_was_done(whole):
    page, markdown = Page(read_text(whole, "report.html")), read_text(whole, "report.md")
    gates = whole.read_summary().validity.gates
    assert len(gates) == 4
    for gate in gates:
        row = [str(gate.launch), str(gate.attempt), gate.gate, gate.where, f"{gate.value:.3g}", f"{gate.limit:.3g}", gate.action]
        assert row in page.rows
        assert f"| {' | '.join(row)} |".replace("_", r"\_") in markdown


def test_launches_are_counted_by_part_with_their_repeats_and_the_plan_with_what_came_of_it(whole):
    rows = Page(read_text(whole, "report.html")).rows
    assert ["headline", "14", "12", "2", "4.5", "65 %"] in rows
    assert ["ladder", "8", "8", "1", "2.1", "50 %"] in rows
    assert ["Ended early, as planned", "headline was precise enough after 12 of 14 launches"] in rows
    left_out = "ladder: open-60 is 3,030 req/s; flask-gthread@pandas was found to carry 398, so it is not measured"
    assert ["Departure from the plan", left_out] in rows
    assert any(row[:1] == ["headline"] and row[4:] == ["open-60: 3,030", "14", "12", "1"] for row in rows)
    assert ["Flask on gunicorn gthread, engine pandas", "398"] in rows


def test_a_run_without_departures_says_so(tmp_path):
    folder = VARIANTS["smoke"](tmp_path / "run")
    write_report(folder)
    page = Page(read_text(folder, "report.html"))
    assert ["Departures from the plan", "none"] in page.rows
    assert "Ended early" not in page.text
    assert ["headline", "2", "2", "0", "0.6", "65 %"] in page.rows


def test_rates_that_differ_from_stack_to_stack_are_told_from_the_lowest_to_the_highest(tmp_path):
    folder = copy_run(tmp_path / "run")
    manifest = folder.read_manifest()
    manifest["plan"]["offered_rps"][0]["rps"] = 2000
    folder.write_manifest(manifest)
    write_report(folder)
    assert "| open-60: 2,000 to 3,030 |" in read_text(folder, "report.md")


@pytest.mark.parametrize("allowed", [True, False])
def test_a_run_that_was_allowed_to_compare_unequal_stacks_says_so(allowed, tmp_path):
    folder = copy_run(tmp_path / "run")
    manifest = folder.read_manifest()
    manifest["plan"]["allow_unequal"] = allowed
    folder.write_manifest(manifest)
    write_report(folder)
    assert ("| Unequal stacks | allowed, see the conditions |" in read_text(folder, "report.md")) == allowed


def test_a_part_whose_blocks_are_not_mirrored_is_called_so(tmp_path):
    folder = copy_run(tmp_path / "run")
    manifest = folder.read_manifest()
    manifest["plan"]["parts"][0]["more_blocks"] = {"closed-16": 3}
    manifest["plan"]["parts"][1]["mirrored"] = False
    folder.write_manifest(manifest)
    write_report(folder)
    rows = {row[0]: row for row in Page(read_text(folder, "report.html")).rows if len(row) == 8}
    assert [rows[name][-1] for name in ("headline", "ladder")] == ["1, closed-16: 3", "1, not mirrored"]


def test_resources_have_a_table_with_start_up_and_memory_and_none_where_they_were_not_measured(whole, tmp_path):
    for text in (read_text(whole, "report.html"), read_text(whole, "report.md")):
        assert "Start-up and memory" in text
    rows = Page(read_text(whole, "report.html")).rows
    assert ["Flask on gunicorn gthread", "0.624", "0.655", "5", "62.8 (61.0)", "105.1 (53.2)", "20"] in rows
    assert ["Nothing on uvicorn", "29.4 (23.8)", "8"] in rows  # the floors are not started alone
    html = read_text(whole, "report.html")
    assert "second copy" not in html[html.index('<section id="cost">') : html.index('<section id="complexity">')]
    smoke = VARIANTS["smoke"](tmp_path / "smoke")
    write_report(smoke)
    assert "Start-up and memory" not in read_text(smoke, "report.html") + read_text(smoke, "report.md")


def test_memory_alone_has_no_columns_of_starts(tmp_path):
    folder = VARIANTS["user"](tmp_path / "run")
    write_report(folder)
    assert "| stack | RSS (PSS) after load, MB | launches |" in read_text(folder, "report.md")


def table_below(markdown, caption):
    """Return the cells of the table of the Markdown under a caption, the headings first."""
    lines = markdown[markdown.index(f"**{caption}") :].splitlines()[2:]
    table = lines[: lines.index("")]
    return [[text.strip() for text in line.strip("|").split(" | ")] for line in table if "---" not in line]


def test_cells_of_an_open_loop_show_the_offered_rate_and_every_kind_of_failure(whole):
    head, *rows = table_below(
        read_text(whole, "report.md"), "Cells: predict-1, equal rate, 60 % of saturation, 3,030 req/s; response times"
    )
    assert head[-4:] == ["samples", "errors", "unfinished", "not sent"]
    assert [row[-3:] for row in rows] == [["0", "0", "0"]] * 4 + [["0", "4", "11"]] + [["0", "0", "0"]] * 2


def test_cells_without_failures_of_a_kind_have_no_column_for_it(whole):
    head, *_ = table_below(read_text(whole, "report.md"), "Cells of the answer: predict-1, 16 users; service times; 12 launches")
    assert head[-2:] == ["samples", "errors"]


def test_cells_of_several_loads_have_columns_for_load_and_offered_rate(tmp_path):
    folder = copy_run(tmp_path / "run")
    summary = read_json(folder.path / "summary.json")
    for number, cell in enumerate(summary["cells"]):
        if cell["part"] == "ladder" and number % 2:
            cell.update(load="closed-16", offered_rps=None, launches=7, throughput_level=0.9)
    folder.write_text("summary.json", json.dumps(summary))
    write_report(folder)
    rows = Page(read_text(folder, "report.html")).rows
    [head] = [row for row in rows if row[:5] == ["stack", "load", "offered req/s", "requests per second", "level"]]
    assert head[-1] == "launches"
    offered = {(row[1], row[2]) for row in rows if len(row) == len(head)}
    assert {("predict-1, 16 users", "-"), ("predict-1, equal rate, 60 % of saturation", "3,030")} <= offered


def test_tail_percentiles_stand_with_their_upper_bounds(whole):
    cell = whole.read_summary().cells[0]
    head, row, *_ = table_below(read_text(whole, "report.md"), "Cells of the answer")
    figures = dict(zip(head, row, strict=True))
    assert figures["p99 ms (bound)"] == f"{format_number(cell.p99_ms)} ({format_number(cell.p99_upper_ms)})"
    assert figures["p99.9 ms (bound)"] == f"{format_number(cell.p999_ms)} ({format_number(cell.p999_upper_ms)})"
    assert figures["CPU us (kernel)"] == "191 (24 %)"


def test_a_percentile_among_requests_without_an_answer_is_called_so(tmp_path):
    folder = VARIANTS["overloaded"](tmp_path / "run")
    write_report(folder)
    head, row, *_ = table_below(read_text(folder, "report.md"), "Cells: predict-1, equal rate")
    figures = dict(zip(head, row, strict=True))
    assert figures["p50 ms"] == "0.359"
    assert [figures[name] for name in ("p95 ms", "p99 ms (bound)", "p99.9 ms (bound)")] == ["unanswered"] * 3
    assert figures["unfinished"] == "1,700"


def test_the_latency_section_explains_the_offered_load_only_where_there_is_one(whole, tmp_path):
    smoke = VARIANTS["smoke"](tmp_path / "smoke")
    write_report(smoke)
    for name in ("report.html", "report.md"):
        assert "At the same offered load requests come when they are due" in read_text(whole, name)
        assert "At the same offered load" not in read_text(smoke, name)


def test_rows_of_several_parts_say_of_which_part_they_are(whole):
    rows = Page(read_text(whole, "report.html")).rows
    heads = [row for row in rows if row[:2] == ["contender / baseline", "verdict"]]
    assert ["part" in head for head in heads] == [False, True]  # judged rows are all of one part
    assert any(row[2:3] == ["ladder"] and "p95 response time" in row for row in rows)


def test_labels_of_a_user_are_text_in_every_output(tmp_path):
    folder = VARIANTS["user"](tmp_path / "run")
    write_report(folder)
    label = " ".join(AWKWARD_LABEL.split())
    assert label in Page(read_text(folder, "report.html")).text
    markdown = read_text(folder, "report.md")
    assert "<b>" not in markdown
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    columns = [len(re.findall(r"(?<!\\)\|", line)) for line in tables]
    rules = [place for place, line in enumerate(tables) if set(line) <= set("|-: ")]
    assert rules
    assert all(columns[place - 1] == columns[place] == columns[place + 1] for place in rules)


def test_the_terminal_gets_twenty_lines_of_plain_text(run):
    text = terminal_summary(run)
    assert len(text.splitlines()) <= 20
    if run.path.name != "user":
        assert text.isascii()
    ends = text.splitlines()[-4:]
    assert [line.split()[-1].rpartition("/")[2] for line in ends] == [run.path.name, "summary.json", "report.md", "report.html"]
    assert ends[0].split()[1:5] == ["python", "-m", "bench", "report"]
    assert all((run.path / name).is_file() for name in ("report.html", "report.md", "summary.json"))


def test_the_terminal_shows_at_most_six_cells_under_the_load_of_the_answer(whole, monkeypatch):
    monkeypatch.chdir(whole.path.parent)
    lines = terminal_summary(whole).splitlines()
    heading = lines.index("predict-1, 16 users:")
    assert lines[heading + 1].split() == ["stack", "req/s", "p50", "ms", "p99", "ms", "CPU", "us", "errors"]
    shown = lines[heading + 2 : lines.index("", heading)]
    assert len(lines) == 20
    assert [line.split()[0] for line in shown] == list(whole.read_manifest()["stacks"])[:5]  # twenty lines leave room for five
    assert lines[-1] == "report:   run/report.html"


def test_the_terminal_shows_six_cells_where_there_is_room(tmp_path):
    folder = copy_run(tmp_path / "run")
    folder.write_summary(replace(folder.read_summary(), break_even=(), complexity=()))
    lines = terminal_summary(folder).splitlines()
    heading = lines.index("predict-1, 16 users:")
    assert len(lines[heading + 2 : lines.index("", heading)]) == 6


def test_cells_of_two_scenarios_get_a_column_for_them(tmp_path):
    folder = copy_run(tmp_path / "run")
    summary = read_json(folder.path / "summary.json")
    summary["cells"][1]["scenario"] = "invalid"
    folder.write_text("summary.json", json.dumps(summary))
    lines = terminal_summary(folder).splitlines()
    head = next(line for line in lines if line.startswith("stack"))
    assert head.split()[1] == "load"
    assert any(line.startswith("fastapi-uvicorn") and "invalid, 16 users" in line for line in lines)


def test_the_same_run_gives_the_same_bytes(whole):
    def contents():
        return {path.relative_to(whole.path): path.read_bytes() for path in whole.path.rglob("*") if path.is_file()}

    before = contents()
    write_report(whole)
    assert contents() == before
    assert {path.name for path in before} >= {f"{name}.{kind}" for name in SHEETS for kind in ("svg", "png")}


@pytest.mark.parametrize("warnings", range(14))
def test_the_terminal_keeps_to_twenty_lines_however_many_warnings_a_bad_run_has(warnings, tmp_path):
    folder = copy_run(tmp_path / "run")
    summary = folder.read_summary()
    listed = tuple(RunWarning(f"code-{number}", "Text.", "Step.") for number in range(warnings))
    folder.write_summary(replace(summary, partial=True, validity=replace(summary.validity, valid=False, warnings=listed)))
    lines = terminal_summary(folder).splitlines()
    assert len(lines) <= 20
    assert [line.partition(":")[0] for line in lines[:2]] == ["Partial run", "Not a valid run"]
    assert "\n\n\n" not in terminal_summary(folder)
    assert sum(line.startswith("A/A pass: ") for line in lines) == 1


def test_a_figure_that_is_missing_has_its_reason(tmp_path):
    assert "too few" in terminal_summary(VARIANTS["smoke"](tmp_path / "smoke"))
    assert "none" in terminal_summary(VARIANTS["nulls"](tmp_path / "nulls"))
    large = VARIANTS["large"](tmp_path / "large")
    write_report(large)
    assert "at least 9,100" in read_text(large, "report.md")


def test_a_pull_request_shows_exploratory_comparisons_where_there_are_no_others(tmp_path):
    folder = VARIANTS["user"](tmp_path / "run")
    write_report(folder)
    assert "**Exploratory comparisons, without verdict**" in read_text(folder, "report.md")
    assert "| 2.008 (1.990 to 2.026) |" in read_text(folder, "report.md")


def test_the_command_that_draws_again_can_be_pasted(tmp_path):
    folder = copy_run(tmp_path / "my run")
    assert f"python -m bench report '{folder.path}'" in terminal_summary(folder).splitlines()[-4]


def test_pictures_of_the_markdown_lie_beside_it(run):
    pictures = re.findall(r"!\[.*?\]\((\S+)\)", read_text(run, "report.md"))
    assert {"charts/ratios.png", "charts/throughput.png", "charts/latency.png"} <= set(pictures)
    assert sorted(pictures) == sorted(f"charts/{path.name}" for path in (run.path / "charts").glob("*.png"))
    assert {path.stem for path in (run.path / "charts").glob("*.svg")} == {path.stem for path in (run.path / "charts").glob("*.png")}
    assert len(read_text(run, "report.md")) < 65_536


def test_the_report_leaves_the_figures_of_the_run_alone(whole):
    for name in ("manifest.json", "summary.json", "cells.csv", "comparisons.csv", "distributions.csv"):
        assert (whole.path / name).read_bytes() == (MINI_RUN / name).read_bytes()


@pytest.mark.parametrize("name", ["summary.json", "manifest.json", "distributions.csv"])
def test_a_run_without_its_files_is_refused_in_a_sentence(name, tmp_path):
    folder = copy_run(tmp_path / "run")
    (folder.path / name).unlink()
    with pytest.raises(RunFolderError, match=f"{name} cannot be read"):
        write_report(folder)
