"""How late does the load generator send? gevent's backends, with the kernel's usual timer slack and without it, under load.

The generator chooses `select` without slack; the others are forced here by its environment and a patched start.
"""

import contextlib
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
from study import keep_table, make_plan

from bench.measure import launches
from bench.measure.environment import choose_cores
from bench.measure.processes import clean_environment
from bench.plan.profiles import Part
from bench.plan.schedule import Turn, plan_launch
from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from bench.records.samples import Floats, SampleFile, percentile, settled_requests

BACKENDS = ("epoll", "poll", "select")
RATES_RPS = (200, 1000, 2600)
LAUNCHES = 3


@contextlib.contextmanager
def generator_with(variables: dict[str, str]) -> Iterator[None]:
    """Start the generator with these variables beside its own."""
    with mock.patch.object(launches, "clean_environment", return_value={**clean_environment(), **variables}):
        yield


def main() -> None:
    """Measure and keep the table `send_lag`."""
    cores = choose_cores()
    stack = load_stacks(BUNDLED_STACKS)["fastapi-uvicorn"]
    part = Part("headline", (stack.name,), ("predict-1",), tuple(f"open-{rate}rps" for rate in RATES_RPS), LAUNCHES, blocks=2)
    plan = make_plan("send-lag", part, {stack.name: stack}, slice_ms=500, warm_up_ms=100)
    lags: dict[tuple[str, str, str], list[Floats]] = {}
    cpu: dict[tuple[str, str, str], list[float]] = {}
    for ordinal in range(1, LAUNCHES + 1):
        for backend in BACKENDS:
            for slack in ("50000", "1"):
                with generator_with({"GEVENT_BACKEND": backend, "BENCH_TIMER_SLACK_NS": slack}), tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / "samples.parquet"
                    slices = launches.measure_launch(plan_launch(plan, Turn(ordinal, part, ordinal)), cores, path, lambda _: None).slices
                    file = SampleFile(path)
                    for record in (record for record in slices if not record.warm_up):
                        key = (backend, slack, record.load)
                        settled = settled_requests(file.read(record.slice), record.settled_ns, record.end_ns)
                        lags.setdefault(key, []).append(settled.send_lag_ms)
                        cpu.setdefault(key, []).append(record.generator_cpu_ns / (record.drained_ns - record.start_ns))
    rows = []
    for (backend, slack, load), parts in sorted(lags.items()):
        lag_us = np.concatenate(parts) * 1e3
        figures = {f"lag_p{q}_us": percentile(lag_us, q / 100) for q in (50, 95, 99)}
        ratio = statistics.median(cpu[backend, slack, load])
        names = {"backend": backend, "timer_slack_ns": slack, "load": load, "requests": len(lag_us)}
        rows.append({**names, **figures, "generator_cpu_ratio": ratio})
    keep_table("send_lag", rows)


if __name__ == "__main__":
    main()
