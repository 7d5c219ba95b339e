"""How long a plan will take, as lines: part by part, with the time of each load's stacks."""

from pathlib import Path

from bench.errors import RunFolderError
from bench.plan.plan import Plan
from bench.plan.seconds import Rates, alone_s, conclusion_s, plan_seconds, total_s
from bench.records.folder import RunFolder


def plan_lines(plan: Plan, rates: Rates) -> list[str]:
    """Return lines with the time of each part of a plan in seconds, and with the time of the stacks under each load."""
    lines = [f"Profile {plan.profile}: {plan.purpose}"]
    for part in plan_seconds(plan, rates):
        lines.append(f"  {part.part:18} {part.total_s:5.0f} s   {part.launches} launches, {part.load_s:.0f} s under load")
        for load in dict.fromkeys(key.load for key in part.cells_s):
            own = {key.stack: seconds for key, seconds in part.cells_s.items() if key.load == load}
            longest, shortest = max(own.values()), min(own.values())
            times = f"{longest:.0f} s" if longest - shortest < 1 else f"{shortest:.0f} to {longest:.0f} s"
            lines.append(f"    {load:16}          {len(own)} stacks, {times} each")
    lines += [f"  {name:18} left out: {why}" for name, why in plan.left_out.items()]
    lines += [f"  {'single stacks':18} {alone_s(plan):5.0f} s"] * bool(alone_s(plan))
    lines.append(f"  {'judging, drawing':18} {conclusion_s(plan):5.0f} s")
    lines.append(f"  {'in all':18} {total_s(plan, rates):5.0f} s   of {plan.limit_s} s")
    return lines


def known_rates(path: Path) -> dict[tuple[str, str, str], float]:
    """Return the throughput (req/s) of each cell of a run, which decides the length of slow slices; empty if there is no such run."""
    try:
        cells = RunFolder.open(path).read_summary().cells
    except RunFolderError:
        return {}
    return {(cell.stack, cell.scenario, cell.load): cell.throughput_rps for cell in cells if cell.throughput_rps}
