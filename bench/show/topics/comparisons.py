"""For reviewers: every judged row with its A/A, and whether the ratio depends on how fast the machine was."""

from collections.abc import Sequence

from bench.records import Comparison, find_floor
from bench.records.names import row_labels
from bench.records.numbers import format_load, format_percent
from bench.show.drawing.lines import Line, Panel, Point, Scale, draw_lines
from bench.show.drawing.looks import look_of
from bench.show.drawing.sheet import Sheet
from bench.show.finished import FinishedRun
from bench.show.section import Picture, Section, make_block
from bench.show.words.tables import comparison_table, noise_floor_table
from bench.show.words.verdicts import state_words

SPEED_READING = "One mark per launch. A flat cloud: the ratio does not depend on how fast the machine happens to be."
AA = (
    "A/A: the ratio of two copies of the baseline. Equal: its interval lies within {equal} of 1, or the margin if that is more. Unequal: "
    "it excludes 1 and is off by more than {tolerance}. Coarse: neither. Better and worse must clear its far end."
)
LEAST_LAUNCHES = 4


def section(run: FinishedRun) -> Section:
    """Return every judged comparison with its A/A, and whether the ratio depends on the speed of the machine."""
    summary = run.summary
    judged = [row for row in summary.comparisons if row.role != "exploratory"]
    floors = list(dict.fromkeys(filter(None, (find_floor(row, summary.noise_floor) for row in judged))))
    others = len(summary.comparisons) - len(judged)
    speed = _speed_picture(run)
    judged_table = comparison_table("Judged comparisons", judged, run.stacks)
    floor_table = noise_floor_table("A/A of these rows: the same code twice", floors, run.stacks)
    blocks = (*make_block(None, judged_table, folded=(floor_table,)), *make_block(speed))
    rules = run.plan["rules"]
    note = AA.format(tolerance=format_percent(rules["aa_tolerance"]), equal=format_percent(rules["aa_equal"]))
    note += f" comparisons.csv has {others} exploratory comparisons more, and {len(summary.noise_floor)} rows of A/A."
    heading = "Every judged ratio against the noise"
    return Section("comparisons", heading, "verdicts, A/A, levels", (), blocks, note if blocks else "", for_reviewers=True)


def _speed_picture(run: FinishedRun) -> Picture | None:
    row = next((row for row in run.summary.comparisons if row.role == "primary"), None)
    speeds = run.summary.validity.noise.launch_speeds
    if not row or len(speeds) != len(row.launch_ratios) or len(speeds) < LEAST_LAUNCHES:
        return None
    return Picture("speed", _draw_speed(row, speeds, run), SPEED_READING)


def _draw_speed(row: Comparison, speeds: Sequence[float], run: FinishedRun) -> Sheet:
    contender, baseline = row_labels(row, run.stacks)
    look = look_of(row.contender, run.stacks)
    points = [Point(speed, ratio) for speed, ratio in zip(speeds, row.launch_ratios, strict=True)]
    line = Line(f"{contender} / {baseline}", points, look.colour, look.marker, "")
    ratios = row.launch_ratios
    y = Scale("ratio of requests per second", from_zero=False)
    panel = Panel(f"{row.scenario}, {format_load(row.load)}", [line], y)
    title = (
        f"Launches were {min(speeds):.2f} to {max(speeds):.2f} times as fast as usual; the ratio was {min(ratios):.2f} to {max(ratios):.2f}"
    )
    subtitle = "Speed: of all stacks of the part together."
    x = Scale("speed of the machine, usual = 1", from_zero=False)
    return draw_lines(state_words(run.summary) + title, subtitle, x, [panel], run.fine_print)
