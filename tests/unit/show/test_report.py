"""Reports: the same figures everywhere, and the truth about a bad run on top."""

import copy
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from report_pages import RUN, Page, page_of, read_text, table_below, texts_of
from run_variants import AWKWARD_LABEL, FIRST_STACKS, MINI_RUN, NO_FINDINGS, copy_run, make_run

from bench.errors import RunFolderError
from bench.plan.described import describe, read_plan
from bench.records import AS_DEPLOYED, AppCode, Cell, Comparison, Feature, ServerTiming
from bench.records.folder import RunFolder
from bench.records.price import Price
from bench.show.finished import read_run
from bench.show.five_lines import answer_lines, trust_lines
from bench.show.numbers import format_interval, format_number, format_ratio
from bench.show.report import SHEETS, write_report
from bench.show.sentences import comparison_line, notices
from bench.show.tables import comparison_table, noise_floor_table
from bench.show.terminal import terminal_summary

FORMAT_4 = MINI_RUN.parent / "format_4"
DRAW = """
import sys
from pathlib import Path
from bench.records.folder import RunFolder
from bench.show import canvas
from bench.show.finished import read_run
from bench.show.report import SHEETS, write_report

whole, user = (RunFolder.open(Path(path)) for path in sys.argv[1:])
write_report(whole)
with canvas.drawing():
    sheet = SHEETS["throughput"](read_run(user), canvas.Paper("fine print"))
    sheet.save("svg"), sheet.save("png")
"""


def with_plan(change):
    """Return the miniature run after a change of the plan in its manifest."""
    manifest = copy.deepcopy(RUN.manifest)
    change(manifest["plan"])
    return replace(RUN, manifest=manifest)


def test_the_plan_of_the_miniature_run_is_one_that_this_version_writes():
    assert set(describe(read_plan(RUN.plan))) == set(RUN.plan)


def test_every_output_opens_with_the_same_lines(reported):
    summary, stacks = reported.read_summary(), reported.read_manifest()["stacks"]
    lines = [*notices(summary), *answer_lines(summary, stacks, Price()), *trust_lines(summary, stacks)]
    page = " ".join(page_of(reported.path).text.split())
    assert " ".join(lines) in page
    assert "How to read it" not in page[: page.index(" ".join(lines))]
    assert terminal_summary(reported).startswith("\n".join(lines))
    markdown = re.sub(r"\\(.)", r"\1", read_text(reported, "report.md")).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    places = [markdown.index(line) for line in lines]
    assert places == sorted(places)
    assert "How to read it" not in markdown[: places[-1]]


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


def test_a_run_that_is_less_than_whole_says_so_first_and_a_whole_one_does_not(reported):
    html, markdown = read_text(reported, "report.html"), read_text(reported, "report.md")
    words = FIRST_WORDS.get(reported.path.name)
    if words:
        assert terminal_summary(reported).startswith(words)
        assert f'<li class="notice">{words}' in html.partition("<figure>")[0]
        assert re.search(rf"^> \*\*{re.escape(words)}", markdown, re.MULTILINE)
    else:
        assert terminal_summary(reported).startswith("Better, as usually deployed: ")
        assert '<li class="notice">' not in html
        assert "> **" not in markdown


def test_every_figure_is_the_same_in_page_markdown_terminal_csv_and_summary(whole):
    summary = whole.read_summary()
    page = page_of(whole.path)
    markdown, terminal = read_text(whole, "report.md"), terminal_summary(whole)
    texts = [text for row in page.rows for text in row]
    for cell in summary.cells:
        figure = format_interval(cell.throughput)
        assert figure in texts
        if cell.part in ("headline", "enrich"):
            assert f"| {figure} |" in markdown
        if (cell.part, cell.load) == ("headline", "closed-16") and cell.stack in FIRST_STACKS[:2]:
            assert figure in terminal
    for row in (*summary.comparisons, *summary.noise_floor):
        assert format_ratio(row) in texts
        if row.role != "exploratory":
            assert f"| {format_ratio(row)} |" in markdown
    for row in summary.changes:
        assert format_ratio(row) in texts
        assert f"| {format_ratio(row)} |" in markdown
    for row in summary.ladder:
        assert (format_interval(row.cpu) in texts) == row.is_resolved
    for row in summary.capacity:
        assert f"{row.bound} {format_interval(row.capacity)}".strip() in texts
    assert whole.read_rows("cells.csv", Cell) == list(summary.cells)
    assert whole.read_rows("comparisons.csv", Comparison) == [*summary.comparisons, *summary.noise_floor]
    assert whole.read_rows("server_timing.csv", ServerTiming) == list(summary.server_timing)
    assert whole.read_rows("complexity.csv", AppCode) == list(summary.complexity)
    assert whole.read_rows("features.csv", Feature) == list(summary.features)


def test_cpu_seconds_at_saturation_are_those_of_the_answer(whole):
    head, *rows = table_below(read_text(whole, "report.md"), "Per million predictions")
    answer = {cell.stack: cell for cell in whole.read_summary().cells if (cell.part, cell.load) == ("headline", "closed-16")}
    assert rows[0][head.index("CPU seconds at saturation")] == format_interval(answer["flask-gthread"].cpu)


def test_money_follows_the_price_that_is_asked_for(whole, tmp_path):
    assert "Per million predictions; money at a price of 0.04 per core hour, of which 30 % or 70 % is used" in read_text(whole, "report.md")

    def change(summary):
        cells, rows = ([row for row in rows if row.load == "busy-40"] for rows in (summary.cells, summary.comparisons))
        pair = [cell for cell in cells if cell.part == "headline" and cell.stack in AS_DEPLOYED]
        return replace(summary, cells=tuple(pair), comparisons=tuple(rows), noise_floor=(), **NO_FINDINGS)

    folder, price = make_run(tmp_path / "run", change), Price(0.4, (0.5,))
    before = (folder.path / "summary.json").read_bytes()
    write_report(folder, price)
    markdown = read_text(folder, "report.md")
    head, row, *_ = table_below(markdown, "Per million predictions; money at a price of 0.4 per core hour, of which 50 % is used")
    cell = next(cell for cell in folder.read_summary().cells if cell.load == "busy-40")
    assert dict(zip(head, row, strict=True))["money, 50 % used"] == format_number(cell.cpu_us_per_request / 3600 * 0.4 / 0.5)
    assert "0.4 per core hour, 50 % used" in markdown
    assert "0.4 per core hour, 50 % used" in terminal_summary(folder, price)
    assert (folder.path / "summary.json").read_bytes() == before


def test_the_price_of_the_plan_counts_where_no_other_is_asked_for(tmp_path):
    folder = copy_run(tmp_path / "run")
    manifest = folder.read_manifest()
    manifest["plan"]["price"] = {"per_core_hour": 2, "utilisations": [1]}
    folder.write_manifest(manifest)
    _, markdown = texts_of(read_run(folder))
    assert "money at a price of 2 per core hour, of which 100 % is used" in markdown


def test_the_page_says_how_far_to_trust_it(whole):
    text, manifest = page_of(whole.path).text, whole.read_manifest()
    environment = manifest["environment"]
    expected = [manifest["plan_sha256"], manifest["command"], str(manifest["plan"]["seed"]), environment["cpu"], environment["kernel"]]
    expected += [text for warning in manifest["warnings"] for text in warning.values()]
    expected += [row["command"] for row in manifest["conditions"].values()]
    expected += [*manifest["ended"], *manifest["departures"], "scikit-learn 0.0.5", "p99 of the worst cell 0.109 ms"]
    assert not [words for words in expected if words not in text]


def test_the_conditions_of_a_stack_are_two_tables_how_it_runs_and_what_it_loaded(whole):
    """One would be wider than paper."""
    title = "Conditions of each stack, read back from the live servers under load"
    head, first, *_ = table_below(read_text(whole, "report.md"), f"{title}: how it runs")
    assert head == ["stack", "engine", "command", "environment", "processes", "serving processes", "threads", "cores"]
    assert first[3:] == [r"SERVE\_ENGINE numpy", "2", "1", "9", "1"]
    head, _, second, *_ = table_below(read_text(whole, "report.md"), f"{title}: what it loaded, and what an answer took")
    assert head[2:6] == ["uvloop", "httptools", "http parser", "json library"]
    assert head[6:] == ["ready beside others, s", "connections per 1000 answers", "bytes per answer", "log bytes per answer"]
    assert second[2:] == ["yes", "yes", "httptools", r"pydantic\_core, Python's own", "1.24", "0.6", "152", "0"]
    others = {row[0] for row in page_of(whole.path).rows if row[1:2] == ["constant"]}
    assert "Flask on granian, engine constant" in others


def test_every_gate_stands_there_with_try_place_and_what_was_done(whole):
    page, markdown = page_of(whole.path), read_text(whole, "report.md")
    gates = whole.read_summary().validity.gates
    assert len(gates) == 4
    for gate in gates:
        row = [str(gate.launch), str(gate.attempt), gate.gate, gate.where, f"{gate.value:.3g}", f"{gate.limit:.3g}", gate.action]
        assert row in page.rows
        assert f"| {' | '.join(row)} |".replace("_", r"\_") in markdown


def test_launches_are_counted_by_part_with_their_repeats_and_the_plan_with_what_came_of_it(whole):
    rows = page_of(whole.path).rows
    assert ["headline", "14", "12", "2", "4.5", "65 %"] in rows
    assert ["ladder", "9", "8", "1", "2.1", "50 %"] in rows
    assert ["Ended early, as planned", "headline was precise enough after 12 of 14 launches"] in rows
    gave_way = "ladder: 8 of 9 launches were measured, so that the run ends within 570 s"
    assert ["Departure from the plan", gave_way] in rows
    assert any(row[:1] == ["headline"] and row[4:] == ["busy-40: 1,820", "14", "12", "1"] for row in rows)
    assert any(row[:1] == ["probes"] and row[3:] == ["closed-4", "-", "4", "-", "1, not mirrored"] for row in rows)


def test_a_run_without_departures_says_so(reports):
    page = page_of(reports.report_of("smoke").folder.path)
    assert ["Departures from the plan", "none"] in page.rows
    assert "Ended early" not in page.text
    assert ["headline", "2", "2", "0", "0.6", "65 %"] in page.rows


def test_rates_that_differ_from_stack_to_stack_are_told_from_the_lowest_to_the_highest():
    lower = next(cell for cell in RUN.summary.cells if (cell.part, cell.load) == ("headline", "busy-40"))
    cells = tuple(replace(cell, offered_rps=1400.0) if cell is lower else cell for cell in RUN.summary.cells)
    _, markdown = texts_of(replace(RUN, summary=replace(RUN.summary, cells=cells)))
    assert markdown.count("| busy-40: 1,400 to 1,820 |") == 1  # the other part has that load, too


@pytest.mark.parametrize("allowed", [True, False])
def test_a_run_that_was_allowed_to_compare_unequal_stacks_says_so(allowed):
    _, markdown = texts_of(with_plan(lambda plan: plan.update(allow_unequal=allowed)))
    assert ("| Unequal stacks | allowed, see the conditions |" in markdown) == allowed


def test_a_part_whose_blocks_are_not_mirrored_is_called_so():
    def change(plan):
        plan["parts"][0]["more_blocks"] = {"closed-16": 3}
        plan["parts"][1]["mirrored"] = False

    html, _ = texts_of(with_plan(change))
    rows = {row[0]: row for row in Page(html).rows if len(row) == 8}
    assert [rows[name][-1] for name in ("headline", "ladder")] == ["1, closed-16: 3", "1, not mirrored"]


def test_a_load_that_some_stacks_of_a_part_are_under_says_how_many():
    part = RUN.plan["parts"][0]
    load = part["loads"][0]
    stacks_by_load = {**dict.fromkeys(part["loads"], part["stacks"]), load: part["stacks"][:2]}
    html, _ = texts_of(with_plan(lambda plan: plan["parts"][0].update(stacks_by_load=stacks_by_load)))
    [row] = [row for row in Page(html).rows if len(row) == 8 and row[0] == "headline"]
    assert row[3].split(", ") == [f"{load} on 2 of {len(part['stacks'])}", *part["loads"][1:]]


def test_resources_have_a_table_with_start_up_and_memory_and_none_where_they_were_not_measured(whole, reports):
    for text in (read_text(whole, "report.html"), read_text(whole, "report.md")):
        assert "Start-up and memory" in text
    rows = page_of(whole.path).rows
    assert ["Flask on gunicorn gthread", "0.624", "0.655", "5", "62.8 (61.0)", "105.1 (53.2)", "20"] in rows
    assert ["Nothing on uvicorn", "29.4 (23.8)", "8"] in rows  # the floors are not started alone
    html = read_text(whole, "report.html")
    assert "second copy" not in html[html.index('<section id="cost">') : html.index('<section id="complexity">')]
    smoke = reports.report_of("smoke").folder
    assert "Start-up and memory" not in read_text(smoke, "report.html") + read_text(smoke, "report.md")


def test_memory_alone_has_no_columns_of_starts(reports):
    assert "| stack | RSS (PSS) after load, MB | launches |" in read_text(reports.report_of("user").folder, "report.md")


def test_health_checks_beside_a_slow_model_have_a_table_with_how_many_were_late(whole, reports):
    caption = "Health checks (GET /livez), 10 req/s offered, evenly spaced, while 4 users ask the model"
    head, *rows = table_below(read_text(whole, "report.md"), caption)
    assert head == ["stack", "later than 1 s", "p50 ms", "p95 ms", "slowest, ms", "checks", "launches"]
    assert rows[:2] == [
        ["Flask on gunicorn gthread, engine spin-100ms", "0 %", "163", "415", "632", "160", "4"],
        ["FastAPI on uvicorn, engine spin-100ms", "3.8 %", "352", "904", "1,310", "160", "4"],
    ]
    nulls = table_below(read_text(reports.report_of("nulls").folder, "report.md"), "Health checks (GET /livez)")
    assert nulls[1][1:] == ["-", "-", "-", "-", "0", "4"]
    assert "Health checks" not in read_text(reports.report_of("smoke").folder, "report.md")


def test_a_capacity_beyond_the_rates_offered_is_a_bound_without_level(whole):
    head, *rows = table_below(read_text(whole, "report.md"), "Capacity: the highest offered rate within the limit of 10 ms on p99")
    assert head == ["stack", "requests per second", "level", "rates offered", "launches"]
    assert rows[1:3] == [
        ["FastAPI on uvicorn", "9,264 (9,205 to 9,331)", "96.1 %", "5,030 to 11,200", "8"],
        ["Flask on granian", "above 9,990", "-", "4,490 to 10,100", "8"],
    ]


def test_cells_of_an_open_loop_show_the_offered_rate_and_every_kind_of_failure(whole):
    head, *rows = table_below(
        read_text(whole, "report.md"), "Cells: predict-1, equal rate, baseline 40 % busy, 1,820 req/s; response times"
    )
    assert head[-4:] == ["samples", "errors", "unfinished", "not sent"]
    assert [row[-3:] for row in rows] == [["0", "0", "0"]] * 4 + [["0", "4", "11"]] + [["0", "0", "0"]] * 2


def test_cells_without_failures_of_a_kind_have_no_column_for_it(whole):
    head, *_ = table_below(read_text(whole, "report.md"), "Cells of the answer: predict-1, 16 users; service times; 12 launches")
    assert head[-2:] == ["samples", "errors"]


def test_cells_of_several_loads_have_columns_for_load_and_offered_rate():
    other = {"load": "closed-16", "offered_rps": None, "launches": 7, "throughput_level": 0.9}
    cells = tuple(replace(cell, **other) if cell.part == "ladder" and number % 2 else cell for number, cell in enumerate(RUN.summary.cells))
    html, _ = texts_of(replace(RUN, summary=replace(RUN.summary, cells=cells)))
    rows = Page(html).rows
    head = next(row for row in rows if row[:5] == ["stack", "load", "offered req/s", "requests per second", "level"])
    assert head[-1] == "launches"
    offered = {(row[1], row[2]) for row in rows if len(row) == len(head)}
    assert {("predict-1, 16 users", "-"), ("predict-1, equal rate, baseline 40 % busy", "1,820")} <= offered


def test_tail_percentiles_stand_alone_and_cpu_time_with_the_share_of_the_kernel(whole):
    cell = whole.read_summary().cells[0]
    head, row, *_ = table_below(read_text(whole, "report.md"), "Cells of the answer")
    figures = dict(zip(head, row, strict=True))
    assert figures["p99 ms"] == format_number(cell.p99_ms)
    assert figures["p99.9 ms"] == format_number(cell.p999_ms)
    assert figures["CPU us (kernel)"] == "191 (24 %)"


def test_no_table_has_a_bound_of_a_percentile_or_the_microseconds_of_the_kernel(whole):
    texts = {text for row in page_of(whole.path).rows for text in row}
    assert {"p99 ms", "CPU us"} <= texts
    assert {text for text in texts if "bound)" in text or ("kernel" in text and text.endswith("us"))} == set()


def test_cells_of_an_open_loop_show_how_much_of_what_was_due_was_answered_and_no_interval_of_what_was_offered():
    def change(cell):
        return replace(cell, achieved_ratio=0.8744) if (cell.stack, cell.load) == (AS_DEPLOYED[1], "busy-40") else cell

    _, markdown = texts_of(replace(RUN, summary=replace(RUN.summary, cells=tuple(map(change, RUN.summary.cells)))))
    head, row, *_ = table_below(markdown, "Cells: predict-1, equal rate, baseline 40 % busy, 1,820 req/s; response times")
    figures = dict(zip(head, row, strict=True))
    assert (figures["requests per second"], figures["achieved of due"]) == ("1,820", "87.4 %")
    assert "achieved of due" not in table_below(markdown, "Cells of the answer")[0]


def test_cells_show_how_busy_the_cores_of_the_server_were(whole):
    head, row, *_ = table_below(read_text(whole, "report.md"), "Cells of the answer")
    assert row[head.index("busy")] == "96.5 %"


def test_the_table_of_two_copies_says_the_state_of_each_and_has_no_column_of_it_where_nothing_is_judged():
    states = ("equal", "coarse", "unequal", "not judged")
    table = noise_floor_table("", [replace(RUN.summary.noise_floor[0], aa_state=state) for state in states], RUN.stacks)
    place = table.columns.index("A/A")
    assert tuple(row[place] for row in table.rows) == states
    assert "A/A" not in noise_floor_table("", [replace(RUN.summary.noise_floor[0], aa_state="not judged")], RUN.stacks).columns


def test_the_limits_of_two_copies_are_those_of_the_rules_of_the_run():
    _, markdown = texts_of(with_plan(lambda plan: plan["rules"].update(aa_equal=0.055, aa_tolerance=0.025)))
    assert "lies within 5.5 % of 1" in markdown
    assert "off by more than 2.5 %" in markdown


def test_a_percentile_among_requests_without_an_answer_is_called_so(reports):
    overloaded = reports.report_of("overloaded").folder
    head, row, *_ = table_below(read_text(overloaded, "report.md"), "Cells: predict-1, equal rate")
    figures = dict(zip(head, row, strict=True))
    assert figures["p50 ms"] == "0.358"
    assert [figures[name] for name in ("p95 ms", "p99 ms", "p99.9 ms")] == ["unanswered"] * 3
    assert figures["unfinished"] == "1,700"


def test_the_latency_section_explains_the_offered_load_only_where_there_is_one(whole, reports):
    smoke = reports.report_of("smoke").folder
    for name in ("report.html", "report.md"):
        assert "At the same offered load requests come when they are due" in read_text(whole, name)
        assert "At the same offered load" not in read_text(smoke, name)


def test_rows_of_several_parts_say_of_which_part_they_are(whole):
    rows = page_of(whole.path).rows
    heads = [row for row in rows if row[:1] == ["contender / baseline"]]
    assert ["part" in head for head in heads] == [False, True]  # judged rows are all of one part
    place = heads[1].index("part")
    assert any(row[place : place + 1] == ["ladder"] and "p95 response time" in row for row in rows)


def test_rows_that_are_all_exploratory_have_no_columns_of_margin_and_role_and_a_verdict_only_with_a_reason(whole):
    rows = page_of(whole.path).rows
    judged, exploratory = (row for row in rows if row[:1] == ["contender / baseline"])
    assert {"verdict", "margin", "role"} <= set(judged)
    assert "verdict" in exploratory
    assert not {"margin", "role"} & set(exploratory)
    plain = [row for row in whole.read_summary().comparisons if row.role == "exploratory" and row.reason in ("", "exploratory")]
    assert "verdict" not in comparison_table("", plain, {}).columns


def test_labels_of_a_user_are_text_in_every_output(reports):
    folder = reports.report_of("user").folder
    label = " ".join(AWKWARD_LABEL.split())
    assert label in page_of(folder.path).text
    markdown = read_text(folder, "report.md")
    assert "<b>" not in markdown
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    columns = [len(re.findall(r"(?<!\\)\|", line)) for line in tables]
    rules = [place for place, line in enumerate(tables) if set(line) <= set("|-: ")]
    assert rules
    assert all(columns[place - 1] == columns[place] == columns[place + 1] for place in rules)


def test_the_same_run_gives_the_same_bytes_in_another_place_and_process_without_display_or_home_and_without_noise(whole, reports, tmp_path):
    def contents(folder):
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    elsewhere = shutil.copytree(whole.path, tmp_path / "elsewhere")
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment = {**kept, "HOME": "/dev/null/none", "MPLBACKEND": "TkAgg", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", DRAW, elsewhere, reports.report_of("user").folder.path]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert contents(elsewhere) == contents(whole.path)
    assert {path.name for path in contents(elsewhere)} >= {f"{name}.{kind}" for name in SHEETS for kind in ("svg", "png")}
    assert not list(tmp_path.glob("matplotlib-*"))  # its cache is removed again


def test_a_figure_that_is_missing_has_its_reason(reports):
    assert "too few" in terminal_summary(reports.report_of("smoke").folder)
    assert "none" in terminal_summary(reports.report_of("nulls").folder)
    assert "at least 9,100" in read_text(reports.report_of("large").folder, "report.md")


def test_a_pull_request_shows_exploratory_comparisons_where_there_are_no_others(reports):
    markdown = read_text(reports.report_of("user").folder, "report.md")
    assert "**Exploratory comparisons, without verdict**" in markdown
    assert "| 2.008 (1.990 to 2.026) |" in markdown


def test_pictures_of_the_markdown_lie_beside_it(reported):
    pictures = re.findall(r"!\[.*?\]\((\S+)\)", read_text(reported, "report.md"))
    assert {"charts/ratios.png", "charts/throughput.png"} <= set(pictures)
    assert {"charts/latency.png", "charts/equal-load.png"} & set(pictures)
    names = sorted(picture.removesuffix(".png") for picture in pictures)
    for kind in ("svg", "png"):
        assert sorted(f"charts/{path.stem}" for path in (reported.path / "charts").glob(f"*.{kind}")) == names
    assert len(read_text(reported, "report.md")) < 65_536


def test_the_report_leaves_the_figures_of_the_run_alone(whole):
    for name in ("manifest.json", "summary.json", "cells.csv", "comparisons.csv", "distributions.csv"):
        assert (whole.path / name).read_bytes() == (MINI_RUN / name).read_bytes()


def test_a_run_of_format_4_is_drawn_with_all_its_figures(tmp_path):
    folder = RunFolder.open(shutil.copytree(FORMAT_4, tmp_path / "run"))
    write_report(folder)
    run, page, markdown = read_run(folder), page_of(folder.path), read_text(folder, "report.md")
    texts = {text for row in page.rows for text in row}
    assert {format_ratio(row) for row in (*run.summary.comparisons, *run.summary.noise_floor)} <= texts
    assert {format_interval(cell.throughput) for cell in run.summary.cells} <= texts
    assert "A/A equal: " in markdown
    assert {"achieved of due", "busy"} & set(table_below(markdown, "Cells of the answer")[0]) == set()
    assert "null-" not in page.text + markdown
    drawn = {path.stem for path in (folder.path / "charts").glob("*.svg")}
    assert drawn == {chart for chart in SHEETS if f"charts/{chart}.png" in markdown} >= {"answer", "ratios", "aa", "break-even", "latency"}


def test_an_undecided_row_of_format_4_does_not_say_what_four_runs_of_five_would_find():
    """It had the difference that half of the runs would find."""
    folder = RunFolder.open(FORMAT_4)
    [row] = [row for row in folder.read_summary().comparisons if row.verdict == "undecided"]
    assert comparison_line(row, (), {}).endswith(" predict-1, equal rate, 60 % of saturation.")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("summary.json", "was cut off before it was judged"),
        ("manifest.json", "manifest.json cannot be read"),
        ("distributions.csv", "distributions.csv cannot be read"),
    ],
)
def test_a_run_without_its_files_is_refused_in_a_sentence(name, words, tmp_path):
    folder = copy_run(tmp_path / "run")
    (folder.path / name).unlink()
    with pytest.raises(RunFolderError, match=words):
        write_report(folder)
