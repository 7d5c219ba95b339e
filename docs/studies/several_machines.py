"""The same comparison on one machine, and with servers and load on machines of their own: three network namespaces on this one.

`PYTHONPATH=tests python docs/studies/several_machines.py` runs the profile quick on both, in about seven minutes, and writes
several_machines.csv. It needs root. What machines of their own would add in speed it cannot show: all of them have the cores of this one.
"""

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import namespaces

HERE = Path(__file__).parent
LAUNCHES = "8"


def run(options: list[str]) -> dict[str, object]:
    """Return the summary of a run of the profile quick with these options."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench", "run", "--profile", "quick", "--launches", LAUNCHES, "--results", folder, *options]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        summary: dict[str, object] = json.loads((Path(folder) / "latest" / "summary.json").read_text("utf-8"))
        return summary


def far_options(hosts: list[namespaces.Host]) -> list[str]:
    """Return the options for servers on the first host and load from the others. One core is the servers', one that of the load."""
    servers, *load = hosts
    options = ["--servers-from", f"taskset -c 0 {servers.template}", "--servers-at", servers.address, "--load-bind", namespaces.BENCH]
    return options + [word for host in load for word in ("--load-from", f"taskset -c 1 {host.template}")]


def measure() -> Iterator[tuple[object, ...]]:
    """Yield one row per run and pair."""
    with namespaces.hosts(2) as hosts:
        for place, options in (("one machine", []), ("three namespaces", far_options(hosts))):
            for row in run(options)["comparisons"]:  # type: ignore[attr-defined]
                if row["metric"] == "throughput_rps":
                    yield place, row["pair"], row["ratio"], row["ci_low"], row["ci_high"], row["verdict"]


if __name__ == "__main__":
    with (HERE / "several_machines.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("place", "pair", "ratio", "low", "high", "verdict"))
        for values in measure():
            writer.writerow(values)
            print(*values, flush=True)
