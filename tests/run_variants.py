"""The miniature run and its variants, as the tests of what is shown need them: each is a folder of its own."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from bench.records import (
    Aa,
    BreakEven,
    BreakEvenPoint,
    Cell,
    Comparison,
    Interval,
    Noise,
    Quantile,
    Resources,
    RunWarning,
    SliceRecord,
    Summary,
    Threshold,
)
from bench.records.folder import RunFolder

MINI_RUN = Path(__file__).parent / "fixtures" / "mini_run"
FIRST_STACKS = ("flask-gthread", "fastapi-uvicorn", "flask-gthread-twin")
OVERLOADED = ("headline", "flask-gthread", "busy-40")
BEHIND = ("headline", "fastapi-def", "busy-40")
UNANSWERED = ("capacity", "fastapi-granian", "own-110")
# What a profile measures beside cells and comparisons; not all do.
FINDINGS = ("changes", "ladder", "break_even", "capacity", "knees", "server_timing", "complexity", "features", "steps", "probes")
OVERHEADS = ("contender_overhead_ms", "baseline_overhead_ms")
SLOPES = ("contender_slope", "baseline_slope")
TIMES = ("p50_ms", "p95_ms", "max_ms")
NO_FINDINGS: Mapping[str, Any] = dict.fromkeys(FINDINGS, ())
NO_AA = Aa("not judged", None)
# Beyond this quantile the requests of the overloaded stack have no answer.
DEEPEST = 0.75
# Letters that end a table cell, a tag, a formula, a line; a word longer than any sheet; a letter that the font lacks.
AWKWARD_LABEL = 'Mine <b>|$x_1$\n"&amp; ' + "W" * 90 + " 漢"


def copy_run(folder: Path) -> RunFolder:
    """Return a copy of the miniature run."""
    shutil.copytree(MINI_RUN, folder)
    return RunFolder.open(folder)


def make_run(folder: Path, change: Callable[[Summary], Summary], manifest: Mapping[str, Any] | None = None) -> RunFolder:
    """Return a copy of the miniature run with another summary; its quantiles keep to the cells that are left."""
    run = copy_run(folder)
    summary = change(run.read_summary())
    run.write_summary(summary)
    cells = {(cell.part, cell.stack, cell.scenario, cell.load): cell for cell in summary.cells}
    points = [
        point for point in run.read_rows("distributions.csv", Quantile) if (point.part, point.stack, point.scenario, point.load) in cells
    ]
    run.write_rows("distributions.csv", points, Quantile)
    run.write_manifest({**run.read_manifest(), "partial": summary.partial, **(manifest or {})})
    return run


def partial_run(folder: Path) -> RunFolder:
    """Stopped by somebody: no end, a departure from the plan."""
    return make_run(
        folder,
        lambda summary: replace(summary, partial=True),
        {"finished_utc": None, "departures": ["headline: 5 of 14 launches were measured"], "ended": []},
    )


def invalid_run(folder: Path) -> RunFolder:
    """The load generator did not have its core: every verdict is withheld."""

    def change(summary: Summary) -> Summary:
        starved = RunWarning("starved-generator", "The load generator had its core for 50%. Rates are lower bounds.", "Run again.")
        validity = replace(summary.validity, valid=False, warnings=(*summary.validity.warnings, starved))
        rows = tuple(
            row if row.role == "exploratory" else replace(row, verdict="withheld", smallest_seen=None, reason="the run is not valid")
            for row in summary.comparisons
        )
        return replace(summary, validity=validity, comparisons=rows)

    return make_run(folder, change)


def smoke_run(folder: Path) -> RunFolder:
    """Two launches of three stacks in one part: no interval, no p99, no open loop, no resources, nothing judged."""
    no_figures = dict.fromkeys(("throughput_ci_low", "throughput_ci_high", "throughput_level", "p99_ms", "p999_ms"))

    def change(summary: Summary) -> Summary:
        cells = tuple(
            replace(cell, launches=2, samples=500, **no_figures)
            for cell in summary.cells
            if cell.stack in FIRST_STACKS and cell.load == "closed-16"
        )
        validity = replace(
            summary.validity, aa=replace(summary.validity.aa, state="not judged", ci_low=None, ci_high=None, resolution=None)
        )
        comparisons, floor = (
            tuple(_unjudged(row) for row in rows if {row.contender, row.baseline} <= {*FIRST_STACKS} and row.load == "closed-16")
            for rows in (summary.comparisons, summary.noise_floor)
        )
        judged = {"comparisons": comparisons, "noise_floor": floor, "validity": validity}
        return replace(summary, profile="smoke", cells=cells, resources=(), **judged, **NO_FINDINGS)

    run = make_run(folder, change)
    plan = run.read_manifest()["plan"]
    part = {**plan["parts"][0], "stacks": list(FIRST_STACKS), "loads": ["closed-16"], "launches": 2, "first_look": None}
    plan = {**plan, "parts": [part], "starts": 0, "changes": []}
    launches = [row for row in run.read_manifest()["launches"] if row["part"] == "headline"][:2]
    run.write_manifest({**run.read_manifest(), "plan": plan, "launches": launches, "departures": [], "ended": []})
    (run.path / "adapters.diff").unlink()
    return run


def _unjudged(row: Comparison) -> Comparison:
    reason = "needs 8 launches, has 2" if row.role != "exploratory" else "exploratory"
    bare = replace(row, ci_low=None, ci_high=None, level=None, smallest_seen=None, aa_state="not judged", aa_low=None, aa_high=None)
    return replace(bare, launches=2, launch_ratios=row.launch_ratios[:2], verdict="not judged", reason=reason)


def user_run(folder: Path) -> RunFolder:
    """Two stacks of a user, without twin, with a load of theirs and labels that test every output's escaping."""
    names = {"flask-gthread": "yours", "fastapi-uvicorn": "mine"}
    waiting, changed = {"flask-enrich-8": "yours", "fastapi-enrich": "mine"}, {"article-gthread": "yours", "flask-gthread": "mine"}

    def change(summary: Summary) -> Summary:
        cells = [replace(cell, load="closed-4") for cell in _renamed(_of_part(summary, "headline"), names) if cell.load == "closed-16"]
        cells += _renamed((*_of_part(summary, "capacity"), *_of_part(summary, "sweep")), names)
        cells += _renamed(_of_part(summary, "enrich"), waiting)
        rows = tuple(
            replace(row, load="closed-4", role="exploratory", verdict="not judged", reason="exploratory")
            for row in _renamed(summary.comparisons, names)
            if row.load == "closed-16"
        )
        validity = replace(summary.validity, aa=NO_AA)
        resources = tuple(replace(row, starts=0, ready_s=None, first_prediction_s=None) for row in _renamed(summary.resources, names))
        findings = {name: _renamed(getattr(summary, name), changed if name == "changes" else names) for name in FINDINGS}
        measured = {"cells": tuple(cells), "comparisons": rows, "noise_floor": (), "resources": resources, "validity": validity}
        return replace(summary, **measured, **findings)

    stack = {"framework": "other", "server": "its own server", "engine": "numpy"}
    stacks = {"mine": {**stack, "label": AWKWARD_LABEL}, "yours": {**stack, "label": "yours"}}
    run = make_run(folder, change, {"stacks": stacks, "conditions": {}})
    plan = {**run.read_manifest()["plan"], "pairs": [["mine", "yours"]], "changes": [[AWKWARD_LABEL, "mine", "yours"]]}
    run.write_manifest({**run.read_manifest(), "plan": plan})
    points = [Quantile("headline", "mine", "predict-1", "closed-4", "service", q, 1.5 + q, 900) for q in (0.0, 0.5, 0.9, 0.99, 1.0)]
    run.write_rows("distributions.csv", points, Quantile)
    return run


def _of_part(summary: Summary, part: str) -> tuple[Cell, ...]:
    return tuple(cell for cell in summary.cells if cell.part == part)


def _renamed(rows: Iterable[Any], names: Mapping[str, str]) -> tuple[Any, ...]:
    """Return the rows of the stacks that have a new name, under it."""
    changed = []
    for row in rows:
        own = {name: getattr(row, name) for name in ("stack", "contender", "baseline") if hasattr(row, name)}
        if set(own.values()) <= set(names):
            changed.append(replace(row, **{field: names[stack] for field, stack in own.items()}))
    return tuple(changed)


def null_run(folder: Path) -> RunFolder:
    """Every figure that may be missing is missing: no answer was correct."""
    no_figures = dict.fromkeys(
        (
            "offered_rps",
            "throughput_rps",
            "throughput_ci_low",
            "throughput_ci_high",
            "throughput_level",
            "p50_ms",
            "p95_ms",
            "p99_ms",
            "p999_ms",
            "max_ms",
            "service_p50_ms",
            "service_p95_ms",
            "service_p99_ms",
            "send_lag_p99_ms",
            "cpu_us_per_request",
            "cpu_ci_low",
            "cpu_ci_high",
            "cpu_level",
            "kernel_ratio",
            "achieved_ratio",
            "busy_share",
        )
    )
    no_ratio = dict.fromkeys(
        ("ratio", "ci_low", "ci_high", "level", "smallest_seen", "contender_value", "baseline_value", "aa_low", "aa_high")
    )
    nothing = {
        name: 0 if name in ("starts", "launches") else None for name in (field.name for field in fields(Resources)) if name != "stack"
    }

    nothing_judged: dict[str, Any] = {"launches": 0, "launch_ratios": (), "verdict": "not judged", "reason": "", "aa_state": "not judged"}

    def change(summary: Summary) -> Summary:
        rows, floor, changes = (
            tuple(replace(row, **no_ratio, **nothing_judged) for row in rows)
            for rows in (summary.comparisons, summary.noise_floor, summary.changes)
        )
        no_interval = dict.fromkeys(("ci_low", "ci_high", "level"))
        ladder = tuple(replace(row, **no_interval, cpu_us=None, launches=0) for row in summary.ladder)
        capacity = tuple(replace(row, **no_interval, capacity_rps=None) for row in summary.capacity)
        break_even = tuple(map(_without_intervals, summary.break_even))
        findings = {"changes": changes, "ladder": ladder, "break_even": break_even, "capacity": capacity, "knees": ()}
        findings["probes"] = tuple(replace(row, probes=0, **dict.fromkeys(("late_ratio", *TIMES))) for row in summary.probes)
        failed = {"samples": 0, "errors": 40, "unfinished": 0, "not_sent": 0, "launches": 0}
        cells = tuple(replace(cell, **no_figures, **failed) for cell in summary.cells)
        resources = tuple(replace(row, **nothing) for row in summary.resources)
        validity = replace(summary.validity, aa=NO_AA, gates=(), warnings=(), noise=Noise())
        environment = {**summary.environment, "server_cores": [], "packages": {}}
        measured = {"cells": cells, "comparisons": rows, "noise_floor": floor, "resources": resources, "validity": validity}
        return replace(summary, profile="smoke", environment=environment, **measured, **findings)

    run = make_run(folder, change, {"finished_utc": None})
    run.write_rows("distributions.csv", [], Quantile)
    return run


def _without_intervals(row: BreakEven) -> BreakEven:
    """Return a break-even row as of a single launch."""
    bare = dict.fromkeys(("ci_low", "ci_high", "level"))
    points = tuple(
        replace(
            point,
            **bare,
            model_ms_low=None,
            model_ms_high=None,
            off_curve=False,
            is_drawn=True,
            **_bare_intervals(point, *OVERHEADS, "off"),
        )
        for point in row.points
    )
    curve = tuple(replace(point, ci_low=None, ci_high=None) for point in row.curve)
    thresholds = tuple(replace(threshold, **bare, **_bare_intervals(threshold, "multiple")) for threshold in row.thresholds)
    return replace(row, launches=1, points=points, curve=curve, thresholds=thresholds, **_bare_intervals(row, *OVERHEADS, *SLOPES))


def _bare_intervals(row: BreakEven | BreakEvenPoint | Threshold, *names: str) -> dict[str, Interval]:
    return {name: replace(getattr(row, name), low=None, high=None, level=None) for name in names}


def empty_run(folder: Path) -> RunFolder:
    """Nothing was measured at all."""
    nothing = {"cells": (), "comparisons": (), "noise_floor": (), "resources": (), **NO_FINDINGS}
    return make_run(folder, lambda summary: replace(summary, **nothing), {"conditions": {}, "launches": []})


def open_run(folder: Path) -> RunFolder:
    """One part, one open loop, no second copy: nothing has a throughput of its own."""

    def change(summary: Summary) -> Summary:
        cells = tuple(cell for cell in summary.cells if cell.part == "ladder")
        rows = tuple(row for row in summary.comparisons if row.part == "ladder")
        validity = replace(summary.validity, aa=NO_AA)
        findings = {**NO_FINDINGS, "ladder": summary.ladder, "break_even": summary.break_even}
        return replace(summary, cells=cells, comparisons=rows, noise_floor=(), validity=validity, **findings)

    return make_run(folder, change)


def overloaded_run(folder: Path) -> RunFolder:
    """Two stacks of the headline did not carry the offered load: one fell behind, one left requests unanswered.

    Their latencies have no ratio then. Another one left requests unanswered at a rate of its own.
    """

    def change(summary: Summary) -> Summary:
        late: dict[str, Any] = {**dict.fromkeys(("p95_ms", "p99_ms", "p999_ms")), "unfinished": 1700, "achieved_ratio": 0.855}
        became = {
            OVERLOADED: late | {"carried": False},
            UNANSWERED: late,
            BEHIND: {"achieved_ratio": 0.974, "busy_share": 0.96, "carried": False},
        }
        cells = tuple(replace(cell, **became.get((cell.part, cell.stack, cell.load), {})) for cell in summary.cells)
        rows, floor = (tuple(map(_without_overloaded, rows)) for rows in (summary.comparisons, summary.noise_floor))
        return replace(summary, cells=cells, comparisons=rows, noise_floor=floor)

    run = make_run(folder, change)
    points = [
        point
        for point in run.read_rows("distributions.csv", Quantile)
        if (point.part, point.stack, point.load) != OVERLOADED or point.quantile <= DEEPEST
    ]
    run.write_rows("distributions.csv", points, Quantile)
    return run


def _without_overloaded(row: Comparison) -> Comparison:
    """Return a row without ratio where it is of latency, and one of its stacks did not carry the load."""
    lost = [
        stack
        for part, stack, load in (OVERLOADED, BEHIND)
        if (part, load) == (row.part, row.load) and stack in (row.contender, row.baseline)
    ]
    if not lost or not row.metric.endswith("_ms"):
        return row
    reason = f"{lost[0]} did not carry this load: it answered {85.5 if lost[0] == OVERLOADED[1] else 97.4}% of what was offered"
    bare = replace(row, interval=None, launch_ratios=(), smallest_seen=None, reason=reason)
    return bare if row.role == "exploratory" else replace(bare, verdict="withheld")


def large_run(folder: Path) -> RunFolder:
    """As much as the longest profile measures, and twelve stacks with more and more users, one of which outruns the generator."""

    def change(summary: Summary) -> Summary:
        first, *_ = summary.cells
        cells = [
            replace(first, stack=f"stack-{number}", scenario=scenario, throughput_rps=100.0 + 900 * number, generator_limited=number > 9)
            for scenario in ("predict-1", "predict-100")
            for number in range(12)
        ]
        swept = [cell for cell in _of_part(summary, "sweep") if cell.stack == first.stack]
        cells += [
            replace(cell, stack=f"stack-{number}", throughput_rps=(cell.throughput_rps or 0) * (1 + number / 10))
            for cell in swept
            for number in range(12)
        ]
        others = [replace(cell, part=f"part-{number}") for number in range(4) for cell in _of_part(summary, "capacity")]
        rows, floor = (
            tuple(replace(row, part=part, launch_ratios=row.launch_ratios * 2) for part in parts for row in rows)
            for rows, parts in (
                (summary.comparisons, ("headline", *(f"part-{number}" for number in range(6)))),
                (summary.noise_floor, ("headline", "part-0", "part-1")),
            )
        )
        return replace(summary, cells=(*cells, *others), comparisons=rows, noise_floor=floor)

    run = make_run(folder, change)
    slices = [record for record in run.read_rows("slices.csv", SliceRecord) if record.load == "closed-16" and not record.warm_up]
    run.write_rows("slices.csv", [replace(record, launch=record.launch + 40 * turn) for turn in range(8) for record in slices], SliceRecord)
    conditions = run.read_manifest()["conditions"]
    many = {f"{name}@{number}": row for name, row in conditions.items() for number in range(4)}
    run.write_manifest({**run.read_manifest(), "conditions": many})
    run.write_text("adapters.diff", "+    return service.predict(passengers) if passengers else None\n" * 400)
    points = [
        Quantile("headline", f"stack-{number}", "predict-1", "closed-16", "service", q, 1.2 + number / 50 + q, 900)
        for number in range(12)
        for q in (0.0, 0.5, 0.9)
    ]
    run.write_rows("distributions.csv", points, Quantile)
    return run


VARIANTS: Mapping[str, Callable[[Path], RunFolder]] = {
    "whole": copy_run,
    "partial": partial_run,
    "invalid": invalid_run,
    "smoke": smoke_run,
    "user": user_run,
    "nulls": null_run,
    "empty": empty_run,
    "large": large_run,
    "open": open_run,
    "overloaded": overloaded_run,
}
