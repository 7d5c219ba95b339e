"""`python -m bench list`: stacks, scenarios, profiles and runs, as their files name them."""

import argparse
import tomllib
from pathlib import Path

from bench.plan.scenarios import SCENARIOS

BENCH = Path(__file__).parents[1]


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Take the folder of the runs."""
    command.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="where the runs are (default: %(default)s)")


def run(chosen: argparse.Namespace) -> int:
    """Print the lists. Nothing is checked here: that would take longer than to print it."""
    profiles, stacks = (tomllib.loads((BENCH / name).read_text("utf-8")) for name in ("profiles.toml", "stacks.toml"))
    print("Profiles")
    for name, profile in profiles["profiles"].items():
        print(f"  {name:18} {profile['purpose']}")
    print("Stacks (NAME@ENGINE for another engine, NAME-twin for a second copy)")
    for name, stack in stacks.items():
        print(f"  {name:18} {stack['label']}")
    print("Scenarios")
    for name, scenario in SCENARIOS.items():
        print(f"  {name:18} {scenario.method} {scenario.path}, {len(scenario.body)} bytes")
    print("Runs")
    runs = sorted(str(path.parent) for path in chosen.results.glob("*/manifest.json") if not path.parent.is_symlink())
    print("\n".join(f"  {run}" for run in runs or ["none yet: make bench"]))
    return 0
