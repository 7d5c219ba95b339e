"""Tests of the whole pipeline of the bench against servers with known behaviour, over real sockets, as one table."""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from rich.console import Console
from rich.table import Table

from bench.errors import NothingVerifiedError
from bench.measure.environment import choose_cores
from bench.measure.interrupts import stopped_by_signals
from bench.plan.rules import GateRules
from bench.proof.checks import CHECKS, Check
from bench.proof.testbed import Testbed, make_plan

PIPED_WIDTH = 160


def verify() -> int:
    """Run all checks, print their table and return the exit status: 0 if all passed, 1 if one did not.

    Raises `NothingVerifiedError` if the generator has no core of its own: the checks would say nothing about the bench then.
    """
    begin_s = time.monotonic()
    checks: list[Check] = []
    with stopped_by_signals(), tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
        bed = Testbed(Path(folder), choose_cores())
        refuse_busy_core(bed)
        for name, run_checks in CHECKS.items():
            print(f"Checking {name} ...", file=sys.stderr, flush=True)
            checks += run_checks(bed)
        failed = sum(not check.passed for check in checks)
        if failed:
            refuse_busy_core(bed)
    console = Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)
    console.print(make_table(checks))
    console.print(f"{len(checks) - failed} of {len(checks)} checks passed, in {time.monotonic() - begin_s:.0f} s.")
    return 1 if failed else 0


def refuse_busy_core(bed: Testbed) -> None:
    """Raise `NothingVerifiedError` if the generator waits for its core by more than its own gate allows."""
    if not bed.cores.generator:
        message = "Servers and load generator cannot be kept on cores of their own here, so nothing can be verified."
        raise NothingVerifiedError(message)
    limit = GateRules().slice_wait_ratio
    slices = bed.launch(make_plan(bed.stub("quiet"), load="closed-4", slice_ms=1000)).slices
    waited = mean(record.generator_wait_ratio for record in slices if not record.warm_up)
    if waited > limit:
        message = (
            f"The load generator waited for its core for {waited:.0%} of the time, over {limit:.0%}, "
            f"so nothing can be verified. Stop other programs on core {bed.cores.generator[0]} and try again."
        )
        raise NothingVerifiedError(message)


def make_table(checks: Sequence[Check]) -> Table:
    """Return the checks as a table."""
    table = Table("", "check", "expected", "measured", "", title="What the bench finds out about servers with known behaviour")
    for check in checks:
        table.add_row(str(check.number), check.what, check.expected, check.measured, "pass" if check.passed else "FAIL")
    return table
