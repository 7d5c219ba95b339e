"""How far to trust a run, as tables: warnings, what came of the plan, launches, gates, plan, calibration, conditions, environment.

Takes the summary and the manifest, gives `Table`s; those without a row are left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.records import Cell, Gate, Summary
from bench.show.numbers import NO_FIGURE, format_number, format_percent
from bench.show.objections import objections_table
from bench.show.sentences import Stacks, stack_label
from bench.show.tables import Table

_HOW_IT_RUNS = ("command", "environment", "processes", "serving_processes", "threads", "cores")


def trust_tables(summary: Summary, manifest: Mapping[str, Any]) -> list[Table]:
    """Return what shows how far to trust a run."""
    warnings = tuple((warning.code, warning.text, warning.next_step) for warning in summary.validity.warnings)
    environment = tuple((_heading(key), plain_text(value)) for key, value in summary.environment.items())
    tables = [
        Table("Warnings, each with its next step", ("code", "warning", "next step"), warnings),
        _outcome_table(manifest),
        _launch_table(manifest),
        _gate_table(summary.validity.gates),
        _plan_table(manifest["plan"], summary.cells),
        objections_table(summary, manifest),
        *_condition_tables("Conditions of each stack, read back from the live servers under load", manifest, is_first=True),
        Table("Environment", ("what", "value"), environment),
    ]
    return [table for table in tables if table.rows]


def other_conditions(manifest: Mapping[str, Any]) -> list[Table]:
    """Return the conditions of the stacks that have no place in the answer."""
    return _condition_tables("Conditions of the other stacks", manifest, is_first=False)


def plain_text(value: object) -> str:
    """Return a value of the manifest as a reader would write it."""
    if value is None or value in ("", [], {}):
        return NO_FIGURE
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain_text(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.12g}" if isinstance(value, int | float) else str(value)


def _outcome_table(manifest: Mapping[str, Any]) -> Table:
    """Return which parts ended early, as the plan allows them to, and every departure from it: what was not measured, and why."""
    rows = [("Ended early, as planned", text) for text in manifest["ended"]]
    rows += [("Departure from the plan", text) for text in manifest["departures"]] or [("Departures from the plan", "none")]
    return Table("What came of the plan", ("what", "which"), tuple(rows))


def _launch_table(manifest: Mapping[str, Any]) -> Table:
    """Return how many launches of each part were planned, kept and repeated, and how much of their time a stack was under load."""
    rows = []
    for part in manifest["plan"]["parts"]:
        tries = [row for row in manifest["launches"] if row["part"] == part["name"]]
        kept = sum(row["kept"] for row in tries)
        total_s, load_s = (sum(row[name] for row in tries) for name in ("total_s", "load_s"))
        under_load = format_percent(load_s / total_s) if total_s else NO_FIGURE
        rows.append((part["name"], str(part["launches"]), str(kept), str(len(tries) - kept), f"{total_s / 60:.1f}", under_load))
    columns = ("part", "planned", "kept", "repeated", "minutes", "under load")
    return Table(
        "Launches by part, and how much of their time a stack was under load", columns, tuple(rows), frozenset(range(1, len(columns)))
    )


def _gate_table(gates: Sequence[Gate]) -> Table:
    rows = tuple(
        (str(gate.launch), str(gate.attempt), gate.gate, gate.where, f"{gate.value:.3g}", f"{gate.limit:.3g}", gate.action)
        for gate in gates
    )
    columns = ("launch", "try", "gate", "where it was worst", "value", "limit", "done about it")
    return Table("Gates: conditions that did not hold", columns, rows, frozenset({1, 4, 5}))


def _plan_table(plan: Mapping[str, Any], cells: Sequence[Cell]) -> Table:
    rows = tuple(
        (
            *(plain_text(part[key]) for key in ("name", "stacks", "scenarios")),
            _loads_words(part),
            _offered_words(cells, part),
            *(plain_text(part[key]) for key in ("launches", "first_look")),
            _blocks_words(part),
        )
        for part in plan["parts"]
    )
    columns = ("part", "stacks", "scenarios", "loads", "offered, req/s", "launches", "may end from", "blocks per launch")
    return Table("Plan", columns, rows, frozenset({5, 6, 7}))


def _loads_words(part: Mapping[str, Any]) -> str:
    """Return the loads of a part, each with how many of the stacks are under it where these are not all."""
    counts = {load: len(stacks) for load, stacks in part.get("stacks_by_load", {}).items() if len(stacks) < len(part["stacks"])}
    return plain_text([f"{load} on {counts[load]} of {len(part['stacks'])}" if load in counts else load for load in part["loads"]])


def _blocks_words(part: Mapping[str, Any]) -> str:
    more = [f"{load}: {blocks}" for load, blocks in part["more_blocks"].items()]
    return ", ".join([str(part["blocks"]), *more, *([] if part["mirrored"] else ["not mirrored"])])


def _offered_words(cells: Sequence[Cell], part: Mapping[str, Any]) -> str:
    """Return the rates of a part's open loops, medians of launches: one for all stacks, or from the lowest to the highest."""
    texts = []
    for load in part["loads"]:
        own = [cell for cell in cells if (cell.part, cell.load) == (part["name"], load)]
        rates = {cell.offered_rps for cell in own if cell.offered_rps is not None}
        ends = [format_number(rate) for rate in (min(rates), max(rates))] if rates else []
        texts += [f"{load}: {' to '.join(dict.fromkeys(ends))}"] if ends else []
    return plain_text(texts)


def _condition_tables(title: str, manifest: Mapping[str, Any], *, is_first: bool) -> list[Table]:
    """Return the conditions of the stacks of the first part, or of all others: on paper one table would be too wide for them."""
    stacks: Stacks = manifest["stacks"]
    first = set(manifest["plan"]["parts"][0]["stacks"])
    conditions = {name: row for name, row in manifest["conditions"].items() if (name in first) == is_first}
    keys = list(dict.fromkeys(key for row in conditions.values() for key in row))
    halves = {
        "how it runs": [key for key in keys if key in _HOW_IT_RUNS],
        "what it loaded, and what an answer took": [key for key in keys if key not in _HOW_IT_RUNS],
    }
    return [
        Table(
            f"{title}: {what}",
            ("stack", "engine", *(_heading(key) for key in own)),
            tuple(
                (stack_label(name, stacks), stacks.get(name, {}).get("engine", ""), *(plain_text(row.get(key)) for key in own))
                for name, row in conditions.items()
            ),
        )
        for what, own in halves.items()
    ]


def _heading(key: str) -> str:
    """Return a key of the manifest as a heading: `start_s` as `start, s`."""
    name, _, unit = key.rpartition("_")
    return f"{name.replace('_', ' ')}, {unit}" if unit in ("s", "bytes") else key.replace("_", " ")
