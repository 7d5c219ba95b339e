"""Arguments that several commands take."""

import argparse
from pathlib import Path

from bench.records.folder import LATEST, RESULTS
from bench.records.price import Price


def add_run(command: argparse.ArgumentParser) -> None:
    """Take the folder of a finished run."""
    command.add_argument(
        "run", nargs="?", type=Path, default=RESULTS / LATEST, metavar="RUN", help="folder of a run (default: %(default)s)"
    )


def add_price(command: argparse.ArgumentParser) -> None:
    """Take the price for the calculation of money."""
    usual = Price()
    shares = " and ".join(f"{share:g}" for share in usual.utilisations)
    command.add_argument(
        "--core-hour-price", type=float, metavar="MONEY", help=f"price of one core for an hour (default: {usual.per_core_hour:g})"
    )
    command.add_argument("--currency", metavar="NAME", help=f"currency of that price (default: {usual.currency})")
    command.add_argument(
        "--utilisation",
        type=float,
        action="append",
        default=[],
        metavar="SHARE",
        help=f"share of its time in which a paid core works; can be given several times (default: {shares})",
    )
