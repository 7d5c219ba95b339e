"""For reviewers: the run, its plan and what came of it, gates, and the conditions that were read back: tables alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.records import Cell, Gate
from bench.records.names import Stacks, stack_label
from bench.records.numbers import NO_FIGURE, format_number, format_percent
from bench.show.finished import FinishedRun
from bench.show.section import Section, make_block
from bench.show.topics.objections import objections_table
from bench.show.words.plain import plain_text
from bench.show.words.tables import Table

_HOW_IT_RUNS = ("command", "environment", "processes", "serving_processes", "threads", "cores")


def section(run: FinishedRun) -> Section:
    """Return how the run was made: objections answered, gates, plan, and conditions."""
    summary, manifest = run.summary, run.manifest
    environment = tuple((_heading(key), plain_text(value)) for key, value in summary.environment.items())
    read_back = "Conditions, read back under load"
    gates = _gate_table(summary.validity.gates, manifest["plan"]["rules"])
    shown = (gates,) if summary.validity.gates else ()
    blocks = make_block(
        None,
        *shown,
        folded=(
            objections_table(summary, manifest),
            *(() if shown else (gates,)),
            _outcome_table(manifest),
            _facts_table(run),
            _plan_table(manifest["plan"], summary.cells),
            _launch_table(manifest),
            *_condition_tables(read_back, manifest, is_first=True),
            *_condition_tables("Conditions of the other stacks", manifest, is_first=False),
            Table("Environment", ("what", "value"), environment),
        ),
    )
    answers = "objections, gates, plan, conditions"
    return Section("conditions", "How was it measured?", answers, (), blocks, for_reviewers=True)


def _facts_table(run: FinishedRun) -> Table:
    manifest, plan = run.manifest, run.plan
    lags_ms = [cell.send_lag_p99_ms for cell in run.summary.cells if cell.send_lag_p99_ms is not None]
    sittings = [sitting for sitting in manifest.get("sittings", ()) if sitting["launches"]]
    facts = {
        "Command": plain_text(manifest.get("command")),
        "Started, UTC": plain_text(manifest.get("created_utc")),
        "Ended, UTC": plain_text(manifest.get("finished_utc")),
        **(
            {"Sittings": f"measured in {len(sittings)} sittings: {'; '.join(map(_describe_sitting, sittings))}"}
            if len(sittings) > 1
            else {}
        ),
        "Seed": str(plan.get("seed")),
        "Plan, SHA-256": plain_text(manifest.get("plan_sha256")),
        "Version of the bench": plain_text(manifest.get("tool_version")),
        **({"Unequal stacks": "allowed, see the conditions"} if plan.get("allow_unequal") else {}),
        **({"Send lag of the open loops": f"p99 of the worst cell {format_number(max(lags_ms))} ms"} if lags_ms else {}),
    }
    return Table("The run", ("what", "value"), tuple(facts.items()))


def _describe_sitting(sitting: Mapping[str, Any]) -> str:
    """Return which launches of a run that was cut off and taken up again were measured when."""
    first, last = min(sitting["launches"]), max(sitting["launches"])
    which = f"launch {first}" if first == last else f"launches {first} to {last}"
    return f"{which} from {sitting['begin_utc']} to {sitting['end_utc']}"


def _outcome_table(manifest: Mapping[str, Any]) -> Table:
    """Return which parts ended early, as the plan allows them to, and every deviation from it: what was not measured, and why."""
    rows = [("Ended early, as planned", text) for text in manifest["ended"]]
    rows += [("Deviation from the plan", text) for text in manifest["departures"]] or [("Deviations from the plan", "none")]
    return Table("What came of the plan", ("what", "which"), tuple(rows))


def _launch_table(manifest: Mapping[str, Any]) -> Table:
    """Return how many launches of each part were planned, kept and repeated, and how much of their time a stack was under load."""
    rows = []
    for part in manifest["plan"]["parts"]:
        tries = [row for row in manifest["launches"] if row["part"] == part["name"]]
        kept = sum(row["kept"] for row in tries)
        total_s, load_s = (sum(row.get(name, 0.0) for row in tries) for name in ("total_s", "load_s"))
        under_load = format_percent(load_s / total_s) if total_s else NO_FIGURE
        rows.append((part["name"], str(part["launches"]), str(kept), str(len(tries) - kept), f"{total_s / 60:.1f}", under_load))
    columns = ("part", "planned", "kept", "repeated", "minutes", "under load")
    return Table(
        "Launches by part, and how much of their time a stack was under load", columns, tuple(rows), frozenset(range(1, len(columns)))
    )


def _gate_table(gates: Sequence[Gate], rules: Mapping[str, Any]) -> Table:
    """Return every launch that did not hold a condition; where all did, the conditions with their limits."""
    columns = ("launch", "try", "gate", "where it was worst", "value", "limit", "done about it")
    rows = tuple(
        (str(gate.launch), str(gate.attempt), gate.gate, gate.where, f"{gate.value:.3g}", f"{gate.limit:.3g}", gate.action)
        for gate in gates
    )
    if rows:
        return Table("Gates: conditions that did not hold", columns, rows, frozenset({1, 4, 5}))
    limits = tuple((name.replace("_", " "), f"{limit:g}") for name, limit in rules.get("gates", {}).items())
    return Table("Gates: all launches kept these limits", ("gate", "limit"), limits, frozenset({1}))


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
