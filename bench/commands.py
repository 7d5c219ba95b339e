"""The commands: from flags to one call each. `main` turns every expected failure into one line and an exit status."""

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bench.answer import answer
from bench.calibrate import calibrate
from bench.errors import BenchError, Interrupted
from bench.plan.config import DEFAULT_SEED, make_config
from bench.plan.profiles import profile_purposes
from bench.plan.scenarios import SCENARIOS
from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from bench.price import Price, make_price, price_from_plan
from bench.progress import prepare_streams
from bench.run_folder import LATEST, RESULTS, RunFolder, list_runs
from bench.runner import run
from bench.show.report import write_report
from bench.show.terminal import fold, terminal_summary
from bench.verify import verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    prepare_streams()
    try:
        try:
            chosen = make_parser().parse_args(arguments)
            status: int = chosen.command(chosen)
        finally:
            sys.stdout.flush()  # of help, too, while a closed pipe can still be caught
    except BrokenPipeError:  # the reader of our output has left; there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Interrupted as error:
        print(f"bench: {error}; nothing was measured yet.", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("bench: stopped.", file=sys.stderr)
        return 130
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_status
    return status


class _Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"bench: {message}; see {self.prog} --help.\n")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="python -m bench",
        description="Compare Flask and FastAPI, or any two stacks, serving one model. 'make bench' runs the profile 'default'.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("run", help="measure, compare and write a report", description="Measure, compare and write a report.")
    purposes = profile_purposes()
    command.add_argument(
        "--profile",
        default="default",
        choices=purposes,
        metavar="PROFILE",
        help="; ".join(f"{name}: {purpose.rstrip('.')}" for name, purpose in purposes.items()).replace("%", "%%")
        + " (default: %(default)s)",
    )
    command.add_argument(
        "--compare",
        nargs=2,
        action="append",
        default=[],
        metavar=("CONTENDER", "BASELINE"),
        help="compare these two stacks instead of the profile's; may be given several times",
    )
    command.add_argument(
        "--stacks-file", type=Path, action="append", default=[], metavar="FILE", help="stacks of your own, in the form of bench/stacks.toml"
    )
    command.add_argument("--launches", type=int, metavar="N", help="fresh starts of every stack (default: the profile's)")
    command.add_argument("--seed", type=int, default=DEFAULT_SEED, metavar="N", help="seed of the order of slices (default: %(default)s)")
    command.add_argument(
        "--allow-unequal",
        action="store_true",
        help="compare stacks with unequal numbers of serving processes, or a uvicorn without uvloop and httptools, all the same",
    )
    command.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="where the run's folder goes (default: %(default)s)")
    _add_price(command)
    command.set_defaults(command=_run)

    command = commands.add_parser(
        "report", help="draw charts and report of a run again", description="Draw charts and report of a run again."
    )
    command.add_argument(
        "run", nargs="?", type=Path, default=RESULTS / LATEST, metavar="RUN", help="folder of a run (default: %(default)s)"
    )
    _add_price(command)
    command.set_defaults(command=_report)

    command = commands.add_parser(
        "answer",
        help="say what the switch would buy for a model of yours",
        description="Read the break-even curve of a finished run at the time that one prediction of your model takes.",
    )
    command.add_argument("--model-ms", type=float, required=True, metavar="MS", help="how long your model takes for one request, in ms")
    command.add_argument(
        "run", nargs="?", type=Path, default=RESULTS / LATEST, metavar="RUN", help="folder of a run (default: %(default)s)"
    )
    command.set_defaults(command=_answer)

    command = commands.add_parser(
        "list", help="list stacks, scenarios, profiles and runs", description="List stacks, scenarios, profiles and runs."
    )
    command.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="where the runs are (default: %(default)s)")
    command.set_defaults(command=_list)

    command = commands.add_parser(
        "verify",
        help="let the bench prove itself",
        description="Measure servers with a known truth and compare: about 3 minutes, one table, exit status 1 if a check fails.",
    )
    command.set_defaults(command=lambda _: verify())

    command = commands.add_parser(
        "calibrate",
        help="measure the load generator itself",
        description="Measure the load generator itself: its lean client and Locust's FastHttpUser against a server that does nothing.",
    )
    command.add_argument("--json", action="store_true", help="print the figures as JSON")
    command.set_defaults(command=lambda chosen: calibrate(as_json=chosen.json))
    return parser


def _add_price(command: argparse.ArgumentParser) -> None:
    usual = Price()
    shares = " and ".join(f"{share:g}" for share in usual.utilisations)
    command.add_argument(
        "--core-hour-price", type=float, metavar="MONEY", help=f"price of one core for an hour (default: {usual.per_core_hour:g})"
    )
    command.add_argument(
        "--utilisation",
        type=float,
        action="append",
        default=[],
        metavar="SHARE",
        help=f"share of its time for which a paid core works; may be given several times (default: {shares})",
    )


def _run(chosen: argparse.Namespace) -> int:
    config = make_config(
        chosen.profile,
        stacks_files=chosen.stacks_file,
        compare=[tuple(pair) for pair in chosen.compare],
        launches=chosen.launches,
        seed=chosen.seed,
        allow_unequal=chosen.allow_unequal,
        price=make_price(chosen.core_hour_price, chosen.utilisation),
    )
    folder, stopped = run(config, shlex.join(["python", "-m", "bench", *sys.argv[1:]]), chosen.results)
    print(terminal_summary(folder, columns=_terminal_columns()))
    if stopped is None:
        return 0
    state = "is partial: what it had measured" if folder.read_summary().partial else "went on to its end: what it measured"
    print(f"bench: {stopped}\nThe run {state} is in {folder.path}.", file=sys.stderr)
    return stopped.exit_status


def _report(chosen: argparse.Namespace) -> int:
    folder = RunFolder.open(chosen.run)
    price = make_price(chosen.core_hour_price, chosen.utilisation, price_from_plan(folder.read_manifest()["plan"]))
    write_report(folder, price)
    print(terminal_summary(folder, price, _terminal_columns()))
    return 0


def _answer(chosen: argparse.Namespace) -> int:
    print("\n".join(fold(answer(chosen.run, chosen.model_ms), _terminal_columns())))
    return 0


def _terminal_columns() -> int | None:
    """Return how wide the reader's terminal is; None where the output goes into a file or a pipe, which keep their lines whole."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _list(chosen: argparse.Namespace) -> int:
    print("Profiles")
    for name, purpose in profile_purposes().items():
        print(f"  {name:18} {purpose}")
    print("Stacks (NAME@ENGINE for another engine, NAME-twin for a second copy)")
    for name, stack in load_stacks(BUNDLED_STACKS).items():
        print(f"  {name:18} {stack.label}")
    print("Scenarios")
    for name, scenario in SCENARIOS.items():
        print(f"  {name:18} {scenario.method} {scenario.path}, {len(scenario.body)} bytes")
    print("Runs")
    runs = [str(path) for path in list_runs(chosen.results)]
    print("\n".join(f"  {run}" for run in runs or ["none yet: make bench"]))
    return 0
