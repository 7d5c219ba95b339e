"""What a run is made of, as records: written by one room, read by the next. `folder` keeps them on disk."""

from bench.records.cells import Cell, Quantile, TimeKind, WarmUpPoint
from bench.records.code import AppCode, Feature
from bench.records.comparisons import AS_DEPLOYED, HIGHER_IS_BETTER, METRICS, SAME_SERVER, Comparison, Metric, Role, Verdict
from bench.records.findings import (
    NO_MODEL,
    Bound,
    BreakEven,
    BreakEvenPoint,
    Capacity,
    CurvePoint,
    Knee,
    LadderRow,
    OfferedPoint,
    Step,
    Threshold,
)
from bench.records.record import Interval
from bench.records.resources import Memory, ModelTime, Resources, ServerTiming, StartUp
from bench.records.slices import CellKey, SliceRecord
from bench.records.summary import RESULTS_SCHEMA, Aa, Gate, RunWarning, Summary, Validity

__all__ = [
    "AS_DEPLOYED",
    "HIGHER_IS_BETTER",
    "METRICS",
    "NO_MODEL",
    "RESULTS_SCHEMA",
    "SAME_SERVER",
    "Aa",
    "AppCode",
    "Bound",
    "BreakEven",
    "BreakEvenPoint",
    "Capacity",
    "Cell",
    "CellKey",
    "Comparison",
    "CurvePoint",
    "Feature",
    "Gate",
    "Interval",
    "Knee",
    "LadderRow",
    "Memory",
    "Metric",
    "ModelTime",
    "OfferedPoint",
    "Quantile",
    "Resources",
    "Role",
    "RunWarning",
    "ServerTiming",
    "SliceRecord",
    "StartUp",
    "Step",
    "Summary",
    "Threshold",
    "TimeKind",
    "Validity",
    "Verdict",
    "WarmUpPoint",
]
