"""`python -m bench answer`: what a run predicts for the reader's own model, from its break-even curve and related measurements."""

import argparse
from pathlib import Path

from bench.commands.arguments import add_run
from bench.commands.main import terminal_columns
from bench.errors import ConfigError
from bench.judge.break_even import ratio_at
from bench.records.folder import RunFolder
from bench.show.outputs.model_answer import model_lines
from bench.show.outputs.terminal import fold
from bench.show.words.verdicts import notices


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Take a run, and the time that a model takes."""
    command.add_argument("--model-ms", type=float, required=True, metavar="MS", help="how long your model takes for one request, in ms")
    add_run(command)


def run(chosen: argparse.Namespace) -> int:
    """Print the answer."""
    print("\n".join(fold(answer(chosen.run, chosen.model_ms), terminal_columns())))
    return 0


def answer(run: Path, model_ms: float) -> list[str]:
    """Return the lines that say what to expect of a model that takes `model_ms` per request.

    Raises `ConfigError` if the run has no curve, or if `model_ms` lies beyond the measured part of it.
    """
    folder = RunFolder.open(run)
    summary, manifest = folder.read_summary(), folder.read_manifest()
    if not summary.break_even:
        message = f"{run} has no break-even part; run 'make bench' (profile default or thorough) first."
        raise ConfigError(message)
    longest_ms = max(row.longest_ms for row in summary.break_even)
    if not 0 <= model_ms <= longest_ms:
        message = f"--model-ms {model_ms:g} is outside what was measured in {run}: 0 to {longest_ms:.3g} ms."
        raise ConfigError(message)
    ratios = [(row, ratio_at(row, model_ms)) for row in summary.break_even if model_ms <= row.longest_ms]
    return [*notices(summary), *model_lines(summary, model_ms, ratios, manifest["stacks"])]
