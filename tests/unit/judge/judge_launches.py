"""Launches of servers of known speed, as the generator would record them, and runs of them as they lie on disk."""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from sample_rows import columns, sample_rows

from bench.judge.judgement import judge
from bench.measure.slices import describe_slices
from bench.plan.described import describe
from bench.plan.schedule import schedule_slices
from bench.records import Quantile, ServerTiming, SliceRecord, Summary, WarmUpPoint
from bench.records.folder import RunFolder
from bench.records.record import adapter
from bench.records.samples import SAMPLE_COLUMNS, settled_requests, write_samples

MS = 1_000_000
SETTLE_NS, LENGTH_NS, GAP_NS = 40 * MS, 250 * MS, 300 * MS
USERS = 16
# How many requests per second each stack answers to 16 users, how long it takes for one of an open loop, how much CPU for any.
RATES_RPS = {"flask-gthread": 5000.0, "fastapi-uvicorn": 10_000.0, "flask-gthread-twin": 5000.0}
SERVICE_NS = {"flask-gthread": 400_000, "fastapi-uvicorn": 200_000, "flask-gthread-twin": 400_000}
CPU_NS = {"flask-gthread": 190_000, "fastapi-uvicorn": 95_000, "flask-gthread-twin": 190_000}
OTHER_CPU_NS, OTHER_SERVICE_NS = 150_000, 400_000
KERNEL_SHARE = 0.25
SEND_LAG_NS = 20_000
# At this rate the core of the first pair's baseline is 40 % busy.
BUSY_40_RPS = 0.4e9 / CPU_NS["flask-gthread"]
COLUMN = {name: place for place, name in enumerate(SAMPLE_COLUMNS)}


def simulate_launch(config, launch, spoil=None, rates=RATES_RPS, busier=1.0):
    """Return planned slices, facts and samples of a launch.

    `spoil` may change the samples of a slice. Service times vary by a tenth from request to request. A slice that is beside another has its
    time, and no CPU time of its own. Rates at a busy share are `busier` times what they should be.
    """
    rng = np.random.default_rng(launch)
    planned = schedule_slices(config, config.parts[0], launch)
    facts, samples = [], []
    for place in planned:
        start_ns = (place.index + 1 - place.beside) * GAP_NS
        offered_rps = offered(place, rates, busier)
        own = open_rows(place, offered_rps, start_ns, rng) if offered_rps else closed_rows(place, start_ns, rates[place.stack], rng)
        if spoil:
            own = spoil(place, own)
        own = own[np.argsort(own[:, COLUMN["done_ns"]], kind="stable")]
        samples.append(own)
        cpu_ns = None if place.beside else CPU_NS.get(place.stack, OTHER_CPU_NS) * int(own[:, COLUMN["correct"]].sum())
        facts.append(
            {
                "slice": place.index,
                "offered_rps": offered_rps,
                "connections": 0,
                "received_bytes": 200 * len(own),
                "start_ns": start_ns,
                "settled_ns": start_ns + SETTLE_NS,
                "end_ns": start_ns + LENGTH_NS,
                "drained_ns": max(start_ns + LENGTH_NS, own[-1, COLUMN["done_ns"]].item() if len(own) else 0),
                "server_cpu_ns": cpu_ns,
                "server_user_ns": None if cpu_ns is None else round(cpu_ns * (1 - KERNEL_SHARE)),
                "server_kernel_ns": None if cpu_ns is None else round(cpu_ns * KERNEL_SHARE),
                "generator_cpu_ns": 0 if place.beside else LENGTH_NS // 5,
                "generator_wait_ratio": 0.0,
                "steal_ratio": 0.0,
                "pressure_ratio": 0.0,
            }
        )
    return planned, facts, np.concatenate(samples)


def offered(place, rates, busier):
    """Return the rate of a slice of an open loop, as a launch finds it where all is known; None of a closed one."""
    arrivals = place.arrivals
    if arrivals is None:
        return None
    if arrivals.own_share:
        return arrivals.own_share * rates[place.stack]
    return arrivals.rate_rps or arrivals.busy_share * busier * 1e9 / CPU_NS["flask-gthread"]


def closed_rows(place, start_ns, rate_rps, rng):
    """Return the requests of users that ask again as soon as they are answered, until the end of the slice."""
    mean_ns = USERS / rate_rps * 1e9
    service = rng.uniform(0.9, 1.1, (USERS, int(1.1 * LENGTH_NS / mean_ns) + 2)) * mean_ns
    sent = start_ns + np.cumsum(service, axis=1) - service
    users, _ = is_sent = np.nonzero(sent < start_ns + LENGTH_NS)
    return sample_rows(place.index, sent[is_sent], service[is_sent], connections=users)


def open_rows(place, rate_rps, start_ns, rng):
    due = start_ns + np.array(place.arrivals.draw(rate_rps, LENGTH_NS / MS))
    service = rng.uniform(0.9, 1.1, len(due)) * SERVICE_NS.get(place.stack, OTHER_SERVICE_NS)
    return sample_rows(place.index, due + SEND_LAG_NS, service, intended_ns=due)


def read(config, launch, **options):
    """Return the slices of a launch, and the settled requests of each."""
    planned, facts, samples = simulate_launch(config, launch, **options)
    slices = describe_slices(launch, planned, facts, samples)
    rows = (samples[samples[:, COLUMN["slice"]] == record.slice] for record in slices)
    return slices, [settled_requests(columns(own), record.settled_ns, record.end_ns) for own, record in zip(rows, slices, strict=True)]


def write_run(
    path, config, *, launches=None, spoil=None, rates=RATES_RPS, busier=None, gates=(), warnings=(), partial=False, cores=(0,), timing=()
):
    """Write the files that measuring leaves behind; `spoil` may be a function, or one by launch as `busier` is; the server has `cores`."""
    folder = RunFolder(path)
    (path / "samples").mkdir(parents=True)
    count = config.parts[0].launches if launches is None else launches
    slices = []
    for launch in range(1, count + 1):
        own = spoil.get(launch) if isinstance(spoil, dict) else spoil
        planned, facts, samples = simulate_launch(config, launch, spoil=own, rates=rates, busier=(busier or {}).get(launch, 1.0))
        write_samples(folder.samples_path(launch), samples)
        slices += describe_slices(launch, planned, facts, samples)
    folder.write_rows("slices.csv", slices, SliceRecord)
    folder.write_rows("server_timing.csv", timing, ServerTiming)
    folder.write_manifest(
        {
            "plan": describe(config),
            "partial": partial,
            "environment": {"server_cores": list(cores)},
            "stacks": {name: {"label": stack.label, "framework": stack.framework} for name, stack in config.stacks.items()},
            "gates": [vars(gate) for gate in gates],
            "warnings": [vars(warning) for warning in warnings],
            "launches": [{"launch": launch, "part": config.parts[0].name, "kept": True} for launch in range(1, count + 1)],
        }
    )
    return folder


def judged(config, **options):
    """Return the summary of a run, as it is judged from its files, with `quantiles` and `warm_up` as in its tables."""
    with tempfile.TemporaryDirectory() as path:
        folder = write_run(Path(path) / "run", config, **options)
        summary = judge(folder)
        written = adapter(Summary).dump_python
        assert written(folder.read_summary()) == written(summary)
        quantiles, warm_up = folder.read_rows("distributions.csv", Quantile), folder.read_rows("warm_up.csv", WarmUpPoint)
    return SimpleNamespace(**vars(summary), quantiles=tuple(quantiles), warm_up=tuple(warm_up))


def cells_of(judgement, load="closed-16"):
    """Return the cells of a load by stack."""
    return {cell.stack: cell for cell in judgement.cells if cell.load == load}
