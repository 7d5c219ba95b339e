"""Arguments that several commands take."""

import argparse
from pathlib import Path

from bench.plan.places import LOOPBACK, LoadPlaces
from bench.records.folder import LATEST, RESULTS
from bench.records.price import Price


def add_run(command: argparse.ArgumentParser) -> None:
    """Take the folder of a finished run."""
    command.add_argument(
        "run", nargs="?", type=Path, default=RESULTS / LATEST, metavar="RUN", help="folder of a run (default: %(default)s)"
    )


def add_load(command: argparse.ArgumentParser) -> None:
    """Take the processes that make the load."""
    command.add_argument(
        "--load-processes", type=int, metavar="N", help="make the load with N processes, each on a core of its own if there are so many"
    )
    command.add_argument(
        "--load-from",
        action="append",
        default=[],
        metavar="TEMPLATE",
        help="make the load on another machine, too, which this command reaches, such as 'ssh host'; can be given several times",
    )
    command.add_argument(
        "--load-bind",
        default=LOOPBACK,
        metavar="ADDRESS",
        help="where load processes find the bench: an address of this machine, and :PORT if it must be one (default: %(default)s)",
    )


def count_server_cores(load: LoadPlaces) -> int:
    """Return how many cores of this machine servers may have beside the load."""
    from bench.measure.environment import choose_cores

    return max(1, len(choose_cores(load_processes=load.count_here()).of_servers))


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
