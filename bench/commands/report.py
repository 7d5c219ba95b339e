"""`python -m bench report`: draw charts and report of a run again."""

import argparse

from bench.commands.arguments import add_price, add_run
from bench.commands.main import terminal_columns
from bench.records.folder import RunFolder
from bench.records.price import make_price, price_from_plan
from bench.show.report import write_report
from bench.show.terminal import terminal_summary


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Take a run, and a price."""
    add_run(command)
    add_price(command)


def run(chosen: argparse.Namespace) -> int:
    """Draw a run again and say what it says."""
    folder = RunFolder.open(chosen.run)
    price = make_price(chosen.core_hour_price, chosen.utilisation, price_from_plan(folder.read_manifest()["plan"]))
    write_report(folder, price)
    print(terminal_summary(folder, price, terminal_columns()))
    return 0
