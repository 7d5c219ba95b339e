"""The bench proves itself: its whole pipeline against servers with a known truth, over real sockets, as one table."""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.checks import CHECKS, Check
from bench.interrupts import stopped_by_signals
from bench.measure.environment import choose_cores
from bench.testbed import Testbed

PIPED_WIDTH = 160


def verify() -> int:
    """Run all checks, print their table and return the exit status: 0 if all passed, 1 if one did not."""
    begin_s = time.monotonic()
    checks: list[Check] = []
    with stopped_by_signals(), tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
        bed = Testbed(Path(folder), choose_cores())
        for name, run_checks in CHECKS.items():
            print(f"Checking {name} ...", file=sys.stderr, flush=True)
            checks += run_checks(bed)
    failed = sum(not check.passed for check in checks)
    console = Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)
    console.print(make_table(checks))
    console.print(f"{len(checks) - failed} of {len(checks)} checks passed, in {time.monotonic() - begin_s:.0f} s.")
    return 1 if failed else 0


def make_table(checks: Sequence[Check]) -> Table:
    """Return the checks as a table."""
    table = Table("", "check", "expected", "measured", "", title="What the bench finds out about servers with a known truth")
    for check in checks:
        table.add_row(str(check.number), check.what, check.expected, check.measured, "pass" if check.passed else "FAIL")
    return table
