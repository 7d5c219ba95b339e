"""`python -m bench judge`: judge a run again from its samples, even if it was cut off."""

import argparse
import shlex

from bench.commands.arguments import add_run
from bench.commands.outcome import tell_status
from bench.judge.judgement import judge
from bench.records.folder import RunFolder

add_arguments = add_run


def run(chosen: argparse.Namespace) -> int:
    """Write the tables of a run anew and say how to draw them."""
    folder = RunFolder.open(chosen.run)
    summary = judge(folder)
    print(f"Judged {len(summary.cells)} cells and {len(summary.comparisons)} comparisons of {chosen.run}.")
    print(f"To draw its report: python -m bench report {shlex.quote(str(chosen.run))}")
    return tell_status(summary)
