"""`python -m bench report`: draw the charts and the report of a run again."""

import argparse

from bench.commands.arguments import add_price, add_run
from bench.commands.main import terminal_columns
from bench.judge.answer import make_answer
from bench.records.folder import RunFolder
from bench.records.price import make_price, price_from_plan
from bench.show.outputs.terminal import terminal_summary
from bench.show.report import write_report


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Take a run, and a price."""
    add_run(command)
    add_price(command)


def run(chosen: argparse.Namespace) -> int:
    """Draw a run again and print its summary."""
    folder = RunFolder.open(chosen.run)
    manifest = folder.read_manifest()
    price = make_price(chosen.core_hour_price, chosen.utilisation, price_from_plan(manifest["plan"]), chosen.currency)
    answer = make_answer(folder.read_summary(), manifest, price)
    write_report(folder, answer, price)
    print(terminal_summary(folder, answer, terminal_columns()))
    return 0
