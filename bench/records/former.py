"""Runs of an older results format in today's form: names are mapped, missing figures are null, dropped figures are left out."""

import re
from collections.abc import Mapping
from typing import Any

from bench.records.comparisons import AaState, far_end

OLDEST_SCHEMA = 4
# Format 4 called a bare server null, and its A/A passed or failed.
_BARE = re.compile(r"\bnull-(?=(?:wsgi|asgi)-)")
EQUAL_WITHIN = 0.03
_GONE = {"cells": ("p99_upper_ms", "p999_upper_ms"), "ladder": ("kernel_us",)}


def modern_names(value: Any) -> Any:
    """Return plain data of format 4 with today's names of stacks."""
    if isinstance(value, str):
        return _BARE.sub("bare-", value)
    if isinstance(value, Mapping):
        return {modern_names(key): modern_names(item) for key, item in value.items()}
    return [modern_names(item) for item in value] if isinstance(value, list) else value


def modern_manifest(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest.json of format 4 with today's names, and with `aa_equal`, the one rule that `show` reads."""
    manifest: dict[str, Any] = modern_names(document)
    plan = manifest.get("plan", {})
    return {**manifest, "plan": {**plan, "rules": {"aa_equal": EQUAL_WITHIN, **plan.get("rules", {})}}}


def modern_summary(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a summary.json of format 4 in today's form."""
    summary: dict[str, Any] = modern_names(document)
    for table, keys in _GONE.items():
        summary[table] = [{key: value for key, value in row.items() if key not in keys} for row in summary[table]]
    # In format 4 half of the runs would have found that difference, not four of five as today.
    summary["comparisons"] = [{**row, "smallest_seen": None} for row in summary["comparisons"]]
    aa = summary["validity"]["aa"]
    low, high = aa["ci_low"], aa["ci_high"]
    resolution = None if low is None or high is None else far_end(low, high)
    state = _state_of(aa.pop("verdict"), resolution)
    return {**summary, "validity": {**summary["validity"], "aa": {**aa, "state": state, "resolution": resolution}}}


def _state_of(verdict: str, resolution: float | None) -> AaState:
    if verdict == "fail":
        return "unequal"
    if verdict != "pass" or resolution is None:
        return "not judged"
    return "equal" if resolution <= EQUAL_WITHIN else "coarse"
