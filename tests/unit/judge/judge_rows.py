"""Rows for the tests of judging: complete records of which a test names only what it is about."""

import math
from dataclasses import replace

import numpy as np

from bench.judge.cells import make_cell
from bench.judge.comparisons import state_of
from bench.judge.ordered import Ordered
from bench.judge.requests import Times
from bench.plan.plan import Plan, make_plan
from bench.plan.profiles import Part
from bench.plan.rules import Rules
from bench.records import CellKey, Comparison, SliceRecord, rate_of

KEY = CellKey("headline", "flask-gthread", "predict-1", "closed-16")
OPEN_KEY = CellKey("headline", "flask-gthread", "predict-1", "busy-40")


def make_slice(**fields):
    """Return a slice of 200 ms with 1,000 answers of 100 us CPU each, a tenth of it the kernel's; 800 came in its settled 160 ms.

    Of `throughput_rps` and `settled_answers` each follows from the other.
    """
    defaults = {
        "launch": 1,
        "slice": 0,
        "part": KEY.part,
        "block": 0,
        "stack": KEY.stack,
        "scenario": KEY.scenario,
        "load": KEY.load,
        "warm_up": False,
        "offered_rps": None,
        "start_ns": 0,
        "settled_ns": 40_000_000,
        "end_ns": 200_000_000,
        "drained_ns": 200_000_000,
        "answers": 1000,
        "settled_answers": 800,
        "errors": 0,
        "unfinished": 0,
        "not_sent": 0,
        "send_lag_p99_ms": None,
        "server_cpu_ns": 100_000_000,
        "server_user_ns": 90_000_000,
        "server_kernel_ns": 10_000_000,
        "generator_cpu_ns": 20_000_000,
        "generator_wait_ratio": 0.0,
        "steal_ratio": 0.0,
        "pressure_ratio": 0.0,
    }
    given = {**defaults, **fields}
    length_ns = given["end_ns"] - given["settled_ns"]
    if "throughput_rps" not in fields:
        given["throughput_rps"] = rate_of(given["settled_answers"], length_ns)
    elif "settled_answers" not in fields:
        given["settled_answers"] = round((given["throughput_rps"] or 0) * length_ns / 1e9)
    return SliceRecord(**given)


def make_times(response_ms=(), service_ms=None, send_lag_ms=()):
    """Return all settled requests of a cell; without service times they are the response times, as in a closed loop."""
    times = (response_ms, response_ms if service_ms is None else service_ms, send_lag_ms)
    return Times(len(response_ms), *(Ordered([np.sort(np.array(values, dtype=float))]) for values in times))


def make_row(aa=None, **fields):
    """Return a primary throughput row over 12 launches whose interval is 1.10 to 1.12, with the A/A of a noise-floor row, if one is given.

    Else its two copies are equal to half a per cent.
    """
    metric = fields.get("metric", "throughput_rps")
    low, high = (aa.ends or (None, None)) if aa else (1 / 1.005, 1.005)
    defaults = {
        "part": KEY.part,
        "contender": "fastapi-uvicorn",
        "baseline": "flask-gthread",
        "scenario": KEY.scenario,
        "load": KEY.load,
        "metric": metric,
        **({} if "interval" in fields else {"ratio": 1.11, "ci_low": 1.10, "ci_high": 1.12, "level": 0.9575}),
        "margin": Rules().margins[metric],
        "smallest_seen": None,
        "launches": 12,
        "launch_ratios": (),
        "role": "primary",
        "verdict": "not judged",
        "reason": "",
        "aa_state": state_of(aa, Rules()) if aa else "equal",
        "aa_low": low,
        "aa_high": high,
    }
    return Comparison(**{**defaults, **fields})


def make_floor(ratio=1.0, width=0.005, **fields):
    """Return a noise-floor row whose interval reaches `width` to both sides of `ratio` on the log scale."""
    ends = {"ci_low": ratio * math.exp(-width), "ci_high": ratio * math.exp(width)}
    interval = {} if "interval" in fields else {"ratio": ratio, **ends}
    return make_row(**{"contender": "flask-gthread-twin", "role": "exploratory", **interval, **fields})


def small_config(launches=12, scenarios=("predict-1",), loads=("closed-16",), blocks=2) -> Plan:
    """Return a plan with the as-deployed pair and the twin of its baseline."""
    stacks = ("flask-gthread", "fastapi-uvicorn", "flask-gthread-twin")
    part = Part("headline", stacks, scenarios, loads, launches=launches, blocks=blocks)
    return replace(make_plan("smoke"), parts=(part,))


def by_cell(values):
    """Return {(launch, cell): values} as the values of launches stand: by cell, then by launch."""
    found = {}
    for (launch, key), own in values.items():
        found.setdefault(key, {})[launch] = own
    return found


def make_cell_of(key=KEY, **fields):
    """Return the cell of a key of which nothing was measured, with these fields."""
    cell = make_cell(key, [], {}, make_times(), Rules(), 1)
    return replace(cell, **fields)
