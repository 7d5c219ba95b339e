"""Rows for the tests of judging: complete records of which a test names only what it is about."""

import math

import numpy as np

from bench.plan.config import MARGINS, BenchConfig, Part, make_config
from bench.records import SAMPLE_COLUMNS, CellKey, Comparison, SliceRecord

KEY = CellKey("headline", "flask-gthread", "predict-1", "closed-16")


def make_slice(**fields):
    """Return a slice of 200 ms with 1,000 answers of 100 us CPU each."""
    defaults = {
        "launch": 1,
        "slice": 0,
        "part": KEY.part,
        "block": 0,
        "stack": KEY.stack,
        "scenario": KEY.scenario,
        "load": KEY.load,
        "warm_up": False,
        "start_ns": 0,
        "settled_ns": 40_000_000,
        "end_ns": 200_000_000,
        "drained_ns": 200_000_000,
        "answers": 1000,
        "settled_answers": 800,
        "errors": 0,
        "throughput_rps": 5000.0,
        "server_cpu_ns": 100_000_000,
        "generator_cpu_ns": 20_000_000,
        "steal_ratio": 0.0,
    }
    return SliceRecord(**{**defaults, **fields})


def make_row(**fields):
    """Return a primary throughput row over 12 launches whose interval is 1.10 to 1.12."""
    metric = fields.get("metric", "throughput_rps")
    defaults = {
        "part": KEY.part,
        "contender": "fastapi-uvicorn",
        "baseline": "flask-gthread",
        "scenario": KEY.scenario,
        "load": KEY.load,
        "metric": metric,
        "ratio": 1.11,
        "ci_low": 1.10,
        "ci_high": 1.12,
        "level": 0.9575,
        "margin": MARGINS[metric],
        "smallest_seen": None,
        "launches": 12,
        "launch_ratios": (),
        "role": "primary",
        "verdict": "not judged",
        "reason": "",
    }
    return Comparison(**{**defaults, **fields})


def make_floor(ratio=1.0, width=0.005, **fields):
    """Return a noise-floor row whose interval reaches `width` to both sides of `ratio` on the log scale."""
    interval = {"ratio": ratio, "ci_low": ratio * math.exp(-width), "ci_high": ratio * math.exp(width)}
    return make_row(**{"contender": "flask-gthread-twin", "role": "exploratory", **interval, **fields})


def small_config(launches=12, scenarios=("predict-1",), loads=("closed-16",), blocks=2) -> BenchConfig:
    """Return a plan with the as-deployed pair and the twin of its baseline."""
    part = Part("headline", ("flask-gthread", "fastapi-uvicorn", "flask-gthread-twin"), scenarios, loads, blocks)
    smoke = make_config("smoke")
    return BenchConfig(**{**vars(smoke), "launches": launches, "parts": (part,)})


def sample_rows(index, sent_ns, service_ns, *, connections=1, correct=True, status=200):
    """Return samples in the order of `records.SAMPLE_COLUMNS`; `sent_ns` and `service_ns` have one entry per request."""
    sent = np.asarray(sent_ns, dtype=np.int64)
    rows = np.empty((len(sent), len(SAMPLE_COLUMNS)), dtype=np.int64)
    done = sent + np.asarray(service_ns, dtype=np.int64)
    for place, column in enumerate((index, connections, sent, sent, done, done, status, correct)):
        rows[:, place] = column
    return rows
