"""Health checks beside a slow model: does a stack that is busy still say that it is alive? Pure."""

from bench.judge.requests import Times
from bench.plan.profiles import Part
from bench.plan.rules import Rules
from bench.records import Cell, Probe


def judge_probe(part: Part, cell: Cell, times: Times, rules: Rules) -> Probe:
    """Return what became of the probes of a stack, beside the one load of a part; `cell` is theirs, all launches together."""
    count = len(times.response_ms)
    return Probe(
        part=part.name,
        stack=cell.stack,
        scenario=part.scenarios[0],
        load=part.loads[0],
        probe_load=cell.load,
        probes=count,
        late_ms=rules.late_probe_ms,
        late_ratio=times.response_ms.count_beyond(rules.late_probe_ms) / count if count else None,
        p50_ms=cell.p50_ms,
        p95_ms=cell.p95_ms,
        max_ms=cell.max_ms,
        launches=cell.launches,
    )
