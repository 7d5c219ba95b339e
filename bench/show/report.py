"""From the folder of a run to its report: charts, report.html, report.md, and the summary for the terminal.

Reads manifest.json, summary.json and distributions.csv; computes no figure anew. The same run gives the same bytes.
"""

import base64
import hashlib
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.records import Quantile
from bench.run_folder import RunFolder, Summary
from bench.show.charts import Chart, draw_charts
from bench.show.figures import count_words, format_number, is_open
from bench.show.markdown import render_markdown
from bench.show.selection import first_part, headline_cells
from bench.show.sentences import Stacks, headline_lines, noise_floor_row, notices
from bench.show.tables import Table, cell_table, comparison_table, noise_floor_table, resource_table, terminal_table
from bench.show.trust import plain_text, trust_tables
from bench.show.why_words import break_even_line, break_even_table, change_table, ladder_table, threshold_table

TEMPLATES = Path(__file__).parent / "templates"
FINE_PRINT_PACKAGES = ("flask", "fastapi", "gunicorn", "uvicorn", "granian", "scikit-learn")
MAX_TERMINAL_LINES = 20
MAX_TERMINAL_CELLS = 6

HOW_TO_READ: Mapping[str, str] = {
    "ratios": (
        "Right of 1x the contender has more than the baseline, left of it less. A whisker inside the hatched band is a difference too "
        "small to matter; one that crosses an edge of the band leaves that open. Where a stack has a second copy, the baseline of a ratio "
        "is the mean of both copies, so the A/A rows share data with the ratios."
    ),
    "break-even": (
        "Find the time that one prediction of your model takes on the x axis. Where a line has come inside the hatched band, the framework "
        "no longer moves throughput by more than that. Do not read on beyond the slowest engine that was measured."
    ),
    "ladder": (
        "Differences of stacks that serve the same requests at one equal rate; each has its interval in the table. The kernel's work for "
        "the loopback connection is part of the server's step. A step within its noise may come out below zero: then it has no bar."
    ),
    "changes": (
        "What a user of the article's application would get from one change at a time. Compare the lengths: where another change buys more "
        "than the framework, begin there."
    ),
    "throughput": "Each dot is a stack's throughput over all launches, its whisker the interval; hollow dots are second copies of a stack.",
    "cells": (
        "Percentiles are of all settled requests of all launches together: of the service time in closed loops (users that wait for their "
        "answers), of the response time where a rate is offered (from when a request was due; one that was never answered counts as "
        "longer than any other). The bound in brackets is exceeded by the true percentile with a chance of 5 %, if requests are "
        "independent. 'too few' stands where there are too few samples for a percentile, 'unanswered' where it falls among requests "
        "without an answer. CPU us is CPU time of the server's processes per request, with the kernel's share of it."
    ),
    "latency": (
        "A point says within how many milliseconds that share of the answers came; a line ends where its samples no longer support a "
        "percentile. At saturation the median only restates users / throughput: for what one user waits, read the panel with 1 user."
    ),
    "offered": (
        "At the same offered load requests come when they are due, whether earlier ones have been answered or not: each stack has the same "
        "work, and one that is late makes its requests wait."
    ),
    "resources": (
        "Seconds are from the start of a stack's process, alone on the machine. Memory is that of its processes, at rest after such a "
        "start, and after the last load of a launch: RSS counts shared pages in every process that has them, PSS shares them out among "
        "all processes of the machine, after load those of other stacks too."
    ),
}


def write_report(folder: RunFolder) -> None:
    """Write charts, report.html and report.md of a run; raise `RunFolderError` if its files cannot be read or written."""
    summary, manifest = folder.read_summary(), folder.read_manifest()
    quantiles = folder.read_rows("distributions.csv", Quantile)
    charts = draw_charts(
        summary, quantiles, manifest["stacks"], manifest["plan"].get("changes", ()), fine_print(folder.path.name, summary, manifest)
    )
    for chart in charts:
        folder.write_bytes(f"charts/{chart.name}.svg", chart.svg)
        folder.write_bytes(f"charts/{chart.name}.png", chart.png)
    content = _content(folder.path.name, summary, manifest)
    folder.write_text("report.html", _render_html(content, {chart.name: chart for chart in charts}))
    comparisons = content["judged"] if content["judged"].rows else content["others"]
    how_to_read = content["how_to_read"]
    below = {
        "ratios": (how_to_read["ratios"], [comparisons]),
        "break-even": (how_to_read["break-even"], [content["break_even"], content["thresholds"]]),
        "changes": (how_to_read["changes"], [content["changes"]]),
        "ladder": (how_to_read["ladder"], [content["ladder"]]),
        "throughput": (f"{how_to_read['throughput']} {how_to_read['cells']}", [content["cells"]]),
        "latency": (how_to_read["latency"], content["load_cells"]),
    }
    trust = (content["judged_floor"], content["facts"], *content["trust_tables"])
    folder.write_text(
        "report.md",
        render_markdown(
            content["lines"],
            content["notices"],
            content["fine_print"],
            [(chart, *below[chart.name]) for chart in charts],
            [
                ("Start-up and memory", how_to_read["resources"], (content["resources"],)),
                ("How far to trust this", "", trust),
            ],
        ),
    )


def terminal_summary(folder: RunFolder) -> str:
    """Return the end of a run for the terminal: the answer, at most six cells, and where the rest is; ASCII, 20 lines at most."""
    summary, manifest = folder.read_summary(), folder.read_manifest()
    path = _short_path(folder.path)
    answer = headline_lines(summary, manifest["stacks"])
    places = {
        "again": f"python -m bench report {shlex.quote(str(path))}",
        "figures": path / "summary.json",
        "markdown": path / "report.md",
        "report": path / "report.html",  # last: it is what most readers want next
    }
    ends = [f"{name + ':':10}{place}" for name, place in places.items()]
    room = MAX_TERMINAL_LINES - len(answer) - len(ends) - 2  # two blank lines
    lines = [*notices(summary)[:room], *answer]
    room -= len(lines) - len(answer) + 2  # two headings of the table
    cells = headline_cells(summary)[: max(0, min(MAX_TERMINAL_CELLS, room))]
    return "\n".join([*lines, "", *([*terminal_table(cells), ""] if cells else []), *ends])


def fine_print(run: str, summary: Summary, manifest: Mapping[str, Any]) -> str:
    """Return what a picture must carry with it: versions, machine, commit, date and run."""
    environment = summary.environment
    packages = environment.get("packages") or {}
    versions = [f"{name} {packages[name]}" for name in FINE_PRINT_PACKAGES if name in packages]
    cores = environment.get("server_cores") or ()
    commit = str(environment.get("commit") or "unknown")
    state = ["partial run"] if summary.partial else []
    state += [] if summary.validity.valid else ["not valid"]
    parts = [
        ", ".join([plain_text(environment.get("python")), *versions]),
        f"{plain_text(environment.get('cpu'))}, {count_words(len(cores), 'server core') if cores else 'cores not kept apart'}",
        f"commit {commit[:12]}{'+changes' if commit.endswith('+changes') else ''}",
        plain_text(manifest.get("created_utc")),
        ", ".join([f"run {run}, profile {summary.profile}", *state]),
    ]
    return "; ".join(parts)


def _content(run: str, summary: Summary, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that the templates print, as text and tables."""
    stacks = manifest["stacks"]
    judged = [row for row in summary.comparisons if row.role != "exploratory"]
    others = [row for row in summary.comparisons if row.role == "exploratory"]
    floors = [noise_floor_row(row, summary.noise_floor) for row in judged]
    headline, first = headline_cells(summary), first_part(summary)
    parts = [part for part in dict.fromkeys(cell.part for cell in summary.cells) if part != first[0].part]
    loads = [load for load in dict.fromkeys(cell.load for cell in first) if load != headline[0].load]
    offered = any(is_open(cell.load) for cell in first)
    lags_ms = [cell.send_lag_p99_ms for cell in summary.cells if cell.send_lag_p99_ms is not None]
    plan = manifest["plan"]
    facts = {
        "Command": plain_text(manifest.get("command")),
        "Started, UTC": plain_text(manifest.get("created_utc")),
        "Ended, UTC": plain_text(manifest.get("finished_utc")),
        "Seed": str(plan.get("seed")),
        "Plan, SHA-256": plain_text(manifest.get("plan_sha256")),
        "Version of the bench": plain_text(manifest.get("tool_version")),
        **({"Unequal stacks": "allowed, see the conditions"} if plan.get("allow_unequal") else {}),
        **({"Send lag of the open loops": f"p99 of the worst cell {format_number(max(lags_ms))} ms"} if lags_ms else {}),
    }
    return {
        "run": run,
        "profile": summary.profile,
        "lines": headline_lines(summary, stacks),
        "notices": notices(summary),
        "how_to_read": {**HOW_TO_READ, "latency": " ".join([HOW_TO_READ["latency"], *[HOW_TO_READ["offered"]] * offered])},
        "fine_print": fine_print(run, summary, manifest),
        "judged": comparison_table("Primary and secondary comparisons", judged, stacks),
        "others": comparison_table("Exploratory comparisons, without verdict", others, stacks),
        "break_even_lines": [break_even_line(row, stacks) for row in summary.break_even],
        "break_even": break_even_table(summary.break_even, stacks),
        "thresholds": threshold_table(summary.break_even, stacks),
        "changes": change_table(summary.changes, plan.get("changes", ()), stacks),
        "ladder": ladder_table(summary.ladder, stacks),
        "cells": cell_table("Cells of the answer", headline, stacks),
        "load_cells": [cell_table("Cells", [cell for cell in first if cell.load == load], stacks) for load in loads],
        "part_cells": [
            cell_table(f"Cells of part {part}", [cell for cell in summary.cells if cell.part == part], stacks) for part in parts
        ],
        **_resource_tables(summary, stacks),
        "noise_floor": noise_floor_table("A/A: all rows", summary.noise_floor, stacks),
        "judged_floor": noise_floor_table("A/A: two copies of one stack", list(dict.fromkeys(filter(None, floors))), stacks),
        "facts": Table("The run", ("what", "value"), tuple(facts.items())),
        "trust_tables": trust_tables(summary, manifest),
    }


def _resource_tables(summary: Summary, stacks: Stacks) -> dict[str, Table]:
    """Return what the stacks of the first part need, second copies left out, and what all the others do."""
    twins = {row.contender for row in summary.noise_floor}
    first = {cell.stack for cell in first_part(summary)} - twins
    shown = [row for row in summary.resources if row.stack in first]
    others = [row for row in summary.resources if row.stack not in first | twins]
    return {
        "resources": resource_table("Start-up and memory: medians", shown, stacks),
        "other_resources": resource_table("Start-up and memory of the other stacks: medians", others, stacks),
    }


def _render_html(content: Mapping[str, Any], charts: Mapping[str, Chart]) -> str:
    """Return report.html: one file, no script, and nothing that a browser may fetch."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = (TEMPLATES / "report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    images = {name: f"data:image/svg+xml;base64,{base64.b64encode(chart.svg).decode()}" for name, chart in charts.items()}
    return environment.get_template("report.html").render(content, charts=charts, images=images, style=style, style_hash=digest)


def _short_path(path: Path) -> Path:
    """Return a path as the reader would type it: relative where it lies below the working folder."""
    here = Path(os.path.realpath(Path.cwd()))
    return path.relative_to(here) if path.is_relative_to(here) else path
