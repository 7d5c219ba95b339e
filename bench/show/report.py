"""From the folder of a run to its report: charts, report.html and report.md.

Reads the run's files, but no samples; computes no figure anew. The same run gives the same bytes.
"""

from collections.abc import Callable, Mapping

from bench.records.folder import RunFolder
from bench.records.price import Price
from bench.show import canvas
from bench.show.answer_chart import answer_sheet
from bench.show.canvas import Paper, Sheet
from bench.show.charts import equal_load_sheet, latency_sheet, ratios_sheet, throughput_sheet
from bench.show.cost_chart import cost_sheet
from bench.show.finished import FinishedRun, fine_print, read_run
from bench.show.five_lines import answer_lines, trust_lines
from bench.show.load_charts import enrich_sheet, offered_sheet, sweep_sheet
from bench.show.markdown import render_markdown
from bench.show.page import Chart, render_page
from bench.show.sections import make_sections
from bench.show.sentences import notices
from bench.show.trust_charts import aa_sheet, drift_sheet
from bench.show.why_charts import break_even_sheet, changes_sheet, ladder_sheet

# In the order of the report; None where a run has nothing for a chart.
SHEETS: Mapping[str, Callable[[FinishedRun, Paper], Sheet | None]] = {
    "answer": answer_sheet,
    "break-even": lambda run, paper: break_even_sheet(run.summary, run.stacks, paper),
    "ladder": lambda run, paper: ladder_sheet(run.summary, run.stacks, paper),
    "changes": lambda run, paper: changes_sheet(run.summary, run.changes, run.stacks, paper),
    "latency": lambda run, paper: latency_sheet(run.summary, run.quantiles, run.stacks, paper),
    "equal-load": lambda run, paper: equal_load_sheet(run.summary, run.quantiles, run.stacks, paper),
    "offered": offered_sheet,
    "throughput": lambda run, paper: throughput_sheet(run.summary, run.stacks, paper),
    "sweep": sweep_sheet,
    "enrich": enrich_sheet,
    "cost": cost_sheet,
    "ratios": lambda run, paper: ratios_sheet(run.summary, run.stacks, paper),
    "aa": aa_sheet,
    "drift": drift_sheet,
}
# It stands beside the text.
WIDTHS: Mapping[str, float] = {"answer": canvas.HALF}


def write_report(folder: RunFolder, price: Price | None = None) -> None:
    """Write charts, report.html and report.md of a run; raise `RunFolderError` if its files cannot be read or written."""
    run = read_run(folder, price)
    charts = draw_charts(run)
    for chart in charts.values():
        folder.write_bytes(f"charts/{chart.name}.svg", chart.svg)
        folder.write_bytes(f"charts/{chart.name}.png", chart.png)
    sections = make_sections(run, charts)
    lines = answer_lines(run.summary, run.stacks, run.price)
    trust = trust_lines(run.summary, run.stacks)
    printed = fine_print(run.name, run.summary, run.manifest)
    folder.write_text("report.html", render_page(run.name, lines, trust, notices(run.summary), sections, charts))
    folder.write_text("report.md", render_markdown([*lines, *trust], notices(run.summary), printed, sections, charts))


def draw_charts(run: FinishedRun) -> dict[str, Chart]:
    """Return the charts of a run by name, in the order of the report."""
    printed = fine_print(run.name, run.summary, run.manifest)
    charts = {}
    with canvas.drawing():
        for name, draw in SHEETS.items():
            wide, narrow = (draw(run, Paper(printed, width)) for width in (WIDTHS.get(name, canvas.WIDE), canvas.NARROW))
            if wide and narrow:
                charts[name] = Chart(name, wide.title, wide.save("svg"), wide.save("png"), narrow.save("svg"))
    return charts
