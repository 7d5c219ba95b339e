"""Rows for the tests of judging: complete records of which a test names only what it is about."""

import math

import numpy as np

from bench.judge.cells import CellTimes
from bench.plan.plan import Plan, make_plan
from bench.plan.profiles import Part
from bench.plan.rules import MARGINS
from bench.records import CellKey, Comparison, SliceRecord
from bench.records.samples import SAMPLE_COLUMNS, Settled

KEY = CellKey("headline", "flask-gthread", "predict-1", "closed-16")
OPEN_KEY = CellKey("headline", "flask-gthread", "predict-1", "open-60")
# What each stack was found to carry; open-60 is then 3,000 requests per second.
SATURATION_RPS = {"flask-gthread": 5000.0, "fastapi-uvicorn": 10_000.0}


def make_slice(**fields):
    """Return a slice of 200 ms with 1,000 answers of 100 us CPU each, a tenth of it the kernel's."""
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
        "throughput_rps": 5000.0,
        "send_lag_p99_ms": None,
        "server_cpu_ns": 100_000_000,
        "server_user_ns": 90_000_000,
        "server_kernel_ns": 10_000_000,
        "generator_cpu_ns": 20_000_000,
        "generator_wait_ratio": 0.0,
        "steal_ratio": 0.0,
        "pressure_ratio": 0.0,
    }
    return SliceRecord(**{**defaults, **fields})


def make_settled(response_ms=(), service_ms=None, send_lag_ms=()):
    """Return settled requests of these times; without service times they are the response times, as in a closed loop."""
    response, lag = (np.array(values, dtype=float) for values in (response_ms, send_lag_ms))
    service = response if service_ms is None else np.array(service_ms, dtype=float)
    answered = int(np.isfinite(response).sum())
    return Settled(np.zeros(answered, dtype=np.int64), np.arange(answered), response, service, lag)


def make_times(response_ms=(), service_ms=None, send_lag_ms=()):
    """Return all settled requests of a cell, as `make_settled` does those of a slice."""
    settled = make_settled(response_ms, service_ms, send_lag_ms)
    return CellTimes(settled.response_ms, settled.service_ms, settled.send_lag_ms)


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


def small_config(launches=12, scenarios=("predict-1",), loads=("closed-16",), blocks=2) -> Plan:
    """Return a calibrated plan with the as-deployed pair and the twin of its baseline."""
    stacks = ("flask-gthread", "fastapi-uvicorn", "flask-gthread-twin")
    part = Part("headline", stacks, scenarios, loads, launches=launches, blocks=blocks)
    smoke = make_plan("smoke")
    return Plan(**{**vars(smoke), "parts": (part,), "saturation_rps": SATURATION_RPS})


def sample_rows(index, sent_ns, service_ns, *, intended_ns=None, connections=1, correct=True, status=200):
    """Return samples in the order of `records.SAMPLE_COLUMNS`; `sent_ns` and `service_ns` have one entry per request.

    Without `intended_ns` requests are due when they are sent, as in a closed loop.
    """
    sent = np.asarray(sent_ns, dtype=np.int64)
    intended = sent if intended_ns is None else np.asarray(intended_ns, dtype=np.int64)
    rows = np.empty((len(sent), len(SAMPLE_COLUMNS)), dtype=np.int64)
    done = sent + np.asarray(service_ns, dtype=np.int64)
    for place, column in enumerate((index, connections, intended, sent, done, done, status, correct)):
        rows[:, place] = column
    return rows


def unfinished_rows(index, sent_ns, *, intended_ns=None):
    """Return samples of requests that were sent and still unfinished when waiting for them ended."""
    rows = sample_rows(index, sent_ns, [0] * len(sent_ns), intended_ns=intended_ns, correct=False, status=0)
    rows[:, [SAMPLE_COLUMNS.index("first_byte_ns"), SAMPLE_COLUMNS.index("done_ns")]] = 0
    return rows


def not_sent_rows(index, intended_ns):
    """Return samples of requests that were not sent, since too many were under way."""
    rows = unfinished_rows(index, intended_ns)
    rows[:, SAMPLE_COLUMNS.index("sent_ns")] = 0
    rows[:, SAMPLE_COLUMNS.index("connection")] = -1
    return rows


def columns(rows):
    """Return samples as `cells.settled_requests` takes them: by the name of their column."""
    return {name: rows[:, place] for place, name in enumerate(SAMPLE_COLUMNS)}
