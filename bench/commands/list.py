"""`python -m bench list`: stacks, scenarios, profiles and runs, as their files name them; with `--plan`, how long a profile will take."""

import argparse
import contextlib
from pathlib import Path

from bench.errors import RunFolderError
from bench.plan.profiles import profile_purposes
from bench.plan.scenarios import SCENARIOS
from bench.plan.toml import read_toml
from bench.records.folder import REFERENCE, RESULTS, RunFolder, resume_command

STACKS = Path(__file__).parents[1] / "stacks.toml"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Take the folder of the runs, and the profile whose plan is printed."""
    command.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="where the runs are (default: %(default)s)")
    command.add_argument("--plan", choices=profile_purposes(), metavar="PROFILE", help="print how long each part of this profile will take")


def run(chosen: argparse.Namespace) -> int:
    """Print the lists, or the plan of one profile."""
    if chosen.plan:
        from bench.commands.arguments import count_server_cores
        from bench.commands.planned import known_rates, plan_lines
        from bench.plan.places import LoadPlaces
        from bench.plan.plan import make_plan

        print("\n".join(plan_lines(make_plan(chosen.plan, server_cores=count_server_cores(LoadPlaces())), known_rates(REFERENCE))))
        return 0
    return print_lists(chosen.results)


def print_lists(results: Path) -> int:
    """Print all profiles, stacks, scenarios and runs. No stack is checked here: that would take longer than to print it."""
    print("Profiles")
    for name, purpose in profile_purposes().items():
        print(f"  {name:18} {purpose}")
    print("Stacks (NAME@ENGINE for another engine, NAME@N for N workers, NAME-twin for a second copy)")
    for name, stack in read_toml(STACKS).items():
        print(f"  {name:18} {stack['label']}")
    print("Scenarios")
    for name, scenario in SCENARIOS.items():
        print(f"  {name:18} {scenario.method} {scenario.path}, {len(scenario.body)} bytes")
    print("Runs")
    runs = sorted(path.parent for path in results.glob("*/manifest.json") if not path.parent.is_symlink())
    print("\n".join(f"  {run}{describe_state(RunFolder(run))}" for run in runs) or "  none yet: make bench")
    return 0


def describe_state(folder: RunFolder) -> str:
    """Return what is to be said of a run that has not come to its end, and how to go on with it; empty for all others."""
    with contextlib.suppress(RunFolderError):
        manifest = folder.read_manifest()
        if manifest.get("partial"):
            done, planned = sum(row["kept"] for row in manifest["launches"]), sum(part["launches"] for part in manifest["plan"]["parts"])
            state = "being measured now" if folder.is_locked() else f"partial; to go on: {resume_command(folder.path)}"
            return f"   {done} of {planned} launches, {state}"
    return ""
