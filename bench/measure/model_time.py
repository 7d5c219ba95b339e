"""The time of a prediction without a server: in a process of its own, on the servers' core, while the servers are idle."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.errors import StackError
from bench.measure.environment import Cores
from bench.measure.interrupts import shielded
from bench.measure.processes import clean_environment, kill_group, last_lines, start_process
from bench.plan.scenarios import Scenario

MODULE = "shared_model.timing"
TIMEOUT_S = 120


def measure_models(engines: Sequence[str], scenario: Scenario, cores: Cores) -> dict[str, float]:
    """Return the milliseconds of one prediction of the scenario's passengers by each engine; raise `StackError` if that fails."""
    command, pipe = [sys.executable, "-m", MODULE, *engines], subprocess.PIPE
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, contextlib.ExitStack() as exits:
        with shielded():
            process = start_process(command, cores.servers, Path(folder), clean_environment(), stdin=pipe, stdout=pipe, stderr=pipe)
            exits.callback(kill_group, process)
        try:
            out, errors = process.communicate(scenario.body, TIMEOUT_S)
        except subprocess.TimeoutExpired:
            message = f"Timing the engines {', '.join(engines)} took more than {TIMEOUT_S} s."
            raise StackError(message) from None
    if process.returncode:
        tail = "\n".join(last_lines(errors))
        message = f"Timing the engines {', '.join(engines)} failed (exit status {process.returncode}). Its last output:\n{tail}"
        raise StackError(message)
    times: dict[str, float] = json.loads(out)
    return times
