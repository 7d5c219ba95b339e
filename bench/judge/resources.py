"""What a stack needs beside CPU time per request: medians over its starts and launches. Pure."""

from collections.abc import Iterable, Sequence
from statistics import median

from bench.records import Memory, Resources, StartUp


def summarise_resources(starts: Sequence[StartUp], memory: Sequence[Memory]) -> list[Resources]:
    """Return one row per stack, in the order in which they were first measured."""
    rows = []
    for stack in dict.fromkeys([*(start.stack for start in starts), *(row.stack for row in memory)]):
        own = [start for start in starts if start.stack == stack]
        launches = [row for row in memory if row.stack == stack]
        rows.append(
            Resources(
                stack=stack,
                starts=len(own),
                ready_s=_median(start.ready_s for start in own),
                first_prediction_s=_median(start.first_prediction_s for start in own),
                launches=len(launches),
                rest_rss_bytes=_median_bytes(start.rss_bytes for start in own),
                rest_pss_bytes=_median_bytes(start.pss_bytes for start in own),
                loaded_rss_bytes=_median_bytes(row.loaded_rss_bytes for row in launches),
                loaded_pss_bytes=_median_bytes(row.loaded_pss_bytes for row in launches),
            )
        )
    return rows


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None


def _median_bytes(values: Iterable[int]) -> int | None:
    found = _median(values)
    return None if found is None else round(found)
