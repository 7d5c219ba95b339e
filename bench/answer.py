"""What the switch would buy for a model of the reader's own: the break-even curve of a finished run, read at one time."""

from pathlib import Path

from bench.errors import ConfigError
from bench.judge.break_even import ratio_at
from bench.run_folder import RunFolder
from bench.show.sentences import notices
from bench.show.why_words import answer_lines


def answer(run: Path, model_ms: float) -> list[str]:
    """Return in lines the ratio of each pair for a model that takes `model_ms` per request.

    Raises `ConfigError` where the run has no curve, or none as far as that: it is not read beyond what was measured.
    """
    folder = RunFolder.open(run)
    summary, stacks = folder.read_summary(), folder.read_manifest()["stacks"]
    if not summary.break_even:
        message = f"{run} has no break-even part; run 'make bench' (profile default or thorough) first."
        raise ConfigError(message)
    longest_ms = max(row.longest_ms for row in summary.break_even)
    if not 0 <= model_ms <= longest_ms:
        message = f"--model-ms {model_ms:g} is outside what was measured in {run}: 0 to {longest_ms:.3g} ms."
        raise ConfigError(message)
    lines = notices(summary)
    for row in summary.break_even:
        ratio = ratio_at(row.contender_launches_ms, row.baseline_launches_ms, model_ms)
        if ratio and model_ms <= row.longest_ms:
            lines += answer_lines(row, model_ms, ratio, stacks)
    return lines
