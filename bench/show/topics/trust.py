"""How sure the answer is: validity, noise, warnings, and what was not measured."""

from bench.show.finished import FinishedRun
from bench.show.section import Section, make_block
from bench.show.words.selection import WORKERS_PART
from bench.show.words.tables import Table
from bench.show.words.verdicts import noise_line, validity_line

LIMITS = "TLS, HTTP/2, real networks, databases, requests larger than those of the scenarios, memory over days."


def section(run: FinishedRun) -> Section:
    """Return how sure this is and what was not measured."""
    summary = run.summary
    warnings = tuple((warning.code, warning.text, warning.next_step) for warning in summary.validity.warnings)
    table = Table("Warnings, each with its next step", ("code", "warning", "next step"), warnings)
    scale = [] if any(cell.part == WORKERS_PART for cell in summary.cells) else ["more than one core per server"]
    scale += [] if "load_places" in summary.environment else ["more than one machine"]
    limits = f"Not measured: {', '.join([*scale, LIMITS])}"
    left_out = [f"Not measured here, {part}: {why}" for part, why in run.plan.get("left_out", {}).items()]
    lines = (validity_line(summary), *filter(None, [noise_line(summary)]), limits, *left_out)
    return Section("trust", "How sure is this, and what was not measured?", "validity, noise, limits", lines, make_block(None, table))
