"""What a run says for a model of the reader's own: throughput, latency, health checks, and what depends on the model at all."""

from collections.abc import Mapping, Sequence

from bench.records import AS_DEPLOYED, NEAR, BreakEven, Interval, Summary
from bench.records.loads import parse_load
from bench.records.names import Stacks, base_label, stack_label
from bench.records.numbers import count_words, format_load, format_number, format_percent, level_words, prose
from bench.show.words.models import model_words, off_words, pair_name, threshold_words
from bench.show.words.selection import UNLOADED, first_part

CHANGES = (
    "With the model change requests per second, latency, CPU time and cost. What stays: the time that each set-up adds to a request, the "
    "code, the packages."
)


def model_lines(summary: Summary, model_ms: float, ratios: Sequence[tuple[BreakEven, Interval]], stacks: Stacks) -> list[str]:
    """Return in lines what to expect of a model that takes `model_ms`; `ratios` are the pairs with what the curve gives there."""
    lines: list[str] = []
    for row, ratio in ratios:
        lines += throughput_lines(row, model_ms, ratio, stacks)
    return [*lines, *_latency_lines(summary, model_ms, stacks), _health_line(summary, model_ms, stacks), CHANGES]


def throughput_lines(row: BreakEven, model_ms: float, ratio: Interval, stacks: Stacks) -> list[str]:
    """Return what the curve says of a pair, both sides by its fit, the nearest model that was measured, and from when on it is near."""
    contender, baseline = stack_label(row.contender, stacks), stack_label(row.baseline, stacks)
    level = f", {level_words(ratio)} interval" if ratio.low is not None else ", no interval"
    terms = f"{row.scenario}, {format_load(row.load)}{level}, {count_words(row.launches, 'launch')}"
    first = f"Throughput, {pair_name(row, stacks)}: with a model of {model_ms:g} ms {contender} answers {prose(ratio)} times as many "
    lines = [f"{first}requests per second as {baseline} ({terms})."]
    took_ms = [model_ms + beside_ms for beside_ms in row.beside_ms(model_ms)]
    if min(took_ms) > 0:
        both = " and ".join(f"{format_number(1e3 / took)} with {name}" for took, name in zip(took_ms, (contender, baseline), strict=True))
        lines.append(f"  By the fit: about {both}, on the cores of this run.")
    nearest = min(row.points, key=lambda point: abs(point.model_ms - model_ms))
    off = f" It lies off the curve: {off_words(row, nearest, stacks)}" if nearest.off_curve else ""
    measured = f"{prose(nearest.interval)} times"
    lines.append(f"  Measured nearest: a model of {format_number(nearest.model_ms)} ms ({nearest.engine}), {measured}.{off}")
    lines.append(f"  Model time from which they are less than {format_percent(NEAR)} apart: {threshold_words(row, row.near)}.")
    return lines


def _latency_lines(summary: Summary, model_ms: float, stacks: Stacks) -> list[str]:
    """Return what one user alone would wait: what was measured with the default model, and the model's time on top."""
    cells = {cell.stack: cell.p50_ms for cell in first_part(summary) if cell.load == UNLOADED} if summary.cells else {}
    known: Mapping[str, float] = {stack: p50 for stack in AS_DEPLOYED if (p50 := cells.get(stack)) is not None}
    if len(known) < len(AS_DEPLOYED):
        return []
    texts = [f"{format_number(p50 + model_ms)} ms with {stack_label(stack, stacks)}" for stack, p50 in known.items()]
    took = " and ".join(format_number(p50) for p50 in known.values())
    return [
        f"Latency, one user alone: about {' and '.join(texts)}. Measured with the default model: {took} ms; your model's time is added."
    ]


def _health_line(summary: Summary, model_ms: float, stacks: Stacks) -> str:
    """Return what became of health checks beside a slow model, and what that says for this one."""
    rows = [row for row in summary.probes if row.late_ratio is not None]
    if not rows:
        return "Health checks beside a slow model: not measured in this run; make bench PROFILE=thorough measures them."
    late = "; ".join(f"{base_label(row.stack, stacks)} {format_percent(row.late_ratio or 0)}" for row in rows[:4])
    users = parse_load(rows[0].load).users or 0
    wait = f" In async def a check waits for every request before it: with {count_words(users, 'user')}, up to {users * model_ms:g} ms."
    engine = stacks.get(rows[0].stack, {}).get("engine", "")
    beside = f"Health checks later than {rows[0].late_ms / 1e3:g} s, measured beside a model of {model_words(engine)}: {late}."
    return beside + (wait if users else "")
