"""The miniature run and its variants, as the tests of what is shown need them: each is a folder of its own."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.records import Comparison, Quantile
from bench.run_folder import RunFolder, Summary

MINI_RUN = Path(__file__).parents[2] / "fixtures" / "mini_run"
FIRST_STACKS = ("flask-gthread", "fastapi-uvicorn", "flask-gthread-twin")
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
        folder, lambda summary: replace(summary, partial=True), {"finished_utc": None, "departures": ["5 of 12 launches were measured"]}
    )


def invalid_run(folder: Path) -> RunFolder:
    """A/A has failed: every verdict is withheld."""

    def change(summary: Summary) -> Summary:
        validity = replace(summary.validity, valid=False, aa="fail")
        rows = tuple(
            row if row.role == "exploratory" else replace(row, verdict="withheld", smallest_seen=None, reason="the run is not valid")
            for row in summary.comparisons
        )
        return replace(summary, validity=validity, comparisons=rows)

    return make_run(folder, change)


def smoke_run(folder: Path) -> RunFolder:
    """Two launches of three stacks: no interval, no p99, nothing judged."""

    def change(summary: Summary) -> Summary:
        cells = tuple(
            replace(cell, launches=2, samples=500, throughput_ci_low=None, throughput_ci_high=None, p99_ms=None)
            for cell in summary.cells
            if cell.stack in FIRST_STACKS and cell.load == "closed-16"
        )
        validity = replace(summary.validity, aa="not judged", aa_ci_low=None, aa_ci_high=None)
        comparisons, floor = (tuple(map(_unjudged, rows)) for rows in (summary.comparisons, summary.noise_floor))
        return replace(summary, profile="smoke", cells=cells, comparisons=comparisons, noise_floor=floor, validity=validity)

    return make_run(folder, change)


def _unjudged(row: Comparison) -> Comparison:
    reason = "2 launches; verdicts need 8" if row.role != "exploratory" else "exploratory"
    bare = replace(row, ci_low=None, ci_high=None, level=None, smallest_seen=None)
    return replace(bare, launches=2, launch_ratios=row.launch_ratios[:2], verdict="not judged", reason=reason)


def user_run(folder: Path) -> RunFolder:
    """Two stacks of a user, without twin, with a load of theirs and labels that test every output's escaping."""
    names = {"flask-gthread": "yours", "fastapi-uvicorn": "mine"}

    def change(summary: Summary) -> Summary:
        cells = tuple(
            replace(cell, stack=names[cell.stack], load="closed-4")
            for cell in summary.cells
            if cell.stack in names and cell.load == "closed-16"
        )
        rows = tuple(
            replace(
                row, contender="mine", baseline="yours", load="closed-4", role="exploratory", verdict="not judged", reason="exploratory"
            )
            for row in summary.comparisons
            if row.contender == "fastapi-uvicorn" and row.load == "closed-16"
        )
        validity = replace(summary.validity, aa="not judged", aa_estimate=None, aa_ci_low=None, aa_ci_high=None)
        return replace(summary, cells=cells, comparisons=rows, noise_floor=(), validity=validity)

    stack = {"framework": "other", "server": "its own server", "engine": "numpy"}
    stacks = {"mine": {**stack, "label": AWKWARD_LABEL}, "yours": {**stack, "label": "yours"}}
    run = make_run(folder, change, {"stacks": stacks, "conditions": {}})
    points = [Quantile("headline", "mine", "predict-1", "closed-4", q, 1.5 + q, 900) for q in (0.0, 0.5, 0.9, 0.99, 1.0)]
    run.write_rows("distributions.csv", points, Quantile)
    return run


def null_run(folder: Path) -> RunFolder:
    """Every figure that may be missing is missing: no answer was correct."""
    no_figures = dict.fromkeys(
        (
            "offered_rps",
            "throughput_rps",
            "throughput_ci_low",
            "throughput_ci_high",
            "p50_ms",
            "p95_ms",
            "p99_ms",
            "max_ms",
            "cpu_us_per_request",
        )
    )
    no_ratio = dict.fromkeys(("ratio", "ci_low", "ci_high", "level", "smallest_seen"))

    def change(summary: Summary) -> Summary:
        rows, floor = (
            tuple(replace(row, **no_ratio, launches=0, launch_ratios=(), verdict="not judged", reason="") for row in rows)
            for rows in (summary.comparisons, summary.noise_floor)
        )
        cells = tuple(replace(cell, **no_figures, samples=0, errors=40, launches=0) for cell in summary.cells)
        validity = replace(summary.validity, aa="not judged", aa_estimate=None, aa_ci_low=None, aa_ci_high=None, gates=(), warnings=())
        environment = {**summary.environment, "server_cores": [], "packages": {}}
        return Summary("smoke", False, environment, validity, cells, rows, floor)  # noqa: FBT003 - not partial

    run = make_run(folder, change, {"finished_utc": None})
    run.write_rows("distributions.csv", [], Quantile)
    return run


def empty_run(folder: Path) -> RunFolder:
    """Nothing was measured at all."""
    return make_run(folder, lambda summary: replace(summary, cells=(), comparisons=(), noise_floor=()), {"conditions": {}})


def large_run(folder: Path) -> RunFolder:
    """Twelve stacks in two scenarios, among them a server that outruns the generator."""

    def change(summary: Summary) -> Summary:
        first, *_ = summary.cells
        cells = [
            replace(first, stack=f"stack-{number}", scenario=scenario, throughput_rps=100.0 + 900 * number, generator_limited=number > 9)
            for scenario in ("predict-1", "predict-100")
            for number in range(12)
        ]
        return replace(summary, cells=tuple(cells))

    run = make_run(folder, change)
    points = [
        Quantile("headline", f"stack-{number}", "predict-1", "closed-16", q, 1.2 + number / 50 + q, 900)
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
}


def read_json(path: Path) -> Any:
    """Return a JSON file."""
    return json.loads(path.read_text("utf-8"))
