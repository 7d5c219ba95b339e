"""`python -m bench run`: measure, compare and write a report."""

import argparse
import shlex
import sys
from pathlib import Path

from bench.commands.arguments import add_load, add_price, count_server_cores
from bench.commands.main import make_parser, terminal_columns
from bench.commands.outcome import tell_status
from bench.errors import STOPPED_EARLY, BenchError, ConfigError, Interrupted, UnfinishedError
from bench.measure.interrupts import interruptible
from bench.plan.places import make_load, make_server_place
from bench.plan.plan import DEFAULT_SEED, make_plan
from bench.plan.profiles import profile_purposes
from bench.records.folder import RESULTS, RunFolder, resume_command
from bench.records.price import make_price

# The options that `--resume` goes with.
RESUMED = ("resume", "stacks_file", "command")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Take the profile, or stacks to compare, and the settings of a run."""
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
        help="compare these two stacks instead of the profile's; can be given several times",
    )
    command.add_argument(
        "--stacks-file", type=Path, action="append", default=[], metavar="FILE", help="stacks of your own, in the form of bench/stacks.toml"
    )
    command.add_argument("--launches", type=int, metavar="N", help="fresh starts of every stack (default: the profile's)")
    command.add_argument("--seed", type=int, default=DEFAULT_SEED, metavar="N", help="seed of the order of slices (default: %(default)s)")
    command.add_argument(
        "--allow-unequal",
        action="store_true",
        help="also compare stacks with unequal numbers of serving processes, or a uvicorn without uvloop and httptools",
    )
    command.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with this run, which was cut off; with --stacks-file if it has stacks of your own"
    )
    command.add_argument("--share-core", action="store_true", help="measure several worker processes of a server on one core, too")
    add_load(command)
    command.add_argument(
        "--servers-from", metavar="TEMPLATE", help="start the servers on another machine, which this command reaches, such as 'ssh host'"
    )
    command.add_argument("--servers-at", metavar="ADDRESS", help="the address of that machine, where its servers listen")
    command.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="where the run's folder goes (default: %(default)s)")
    add_price(command)


def run(chosen: argparse.Namespace) -> int:
    """Run a profile, or the rest of a run that was cut off, and print its summary."""
    if chosen.resume:
        refuse_other_options(chosen)
        # Imported late for the same reason as below.
        from bench.run.resume import read_begun

        begun, plan = read_begun(chosen.resume, chosen.stacks_file)
    else:
        begun = None
        load = make_load(chosen.load_processes, chosen.load_from, chosen.load_bind)
        plan = make_plan(
            chosen.profile,
            stacks_files=chosen.stacks_file,
            compare=[tuple(pair) for pair in chosen.compare],
            launches=chosen.launches,
            seed=chosen.seed,
            allow_unequal=chosen.allow_unequal,
            price=make_price(chosen.core_hour_price, chosen.utilisation, currency=chosen.currency),
            load=load,
            servers=make_server_place(chosen.servers_from, chosen.servers_at),
            server_cores=count_server_cores(load),
            share_core=chosen.share_core,
        )
    # Imported after the plan was checked, so that an error in it shows at once: matplotlib and SciPy take a second to import.
    from bench.run import loop

    try:
        with interruptible():
            folder, stopped = loop.run(plan, shlex.join(["python", "-m", "bench", *sys.argv[1:]]), chosen.results, begun)
    except Interrupted as error:
        print(f"bench: {error}; nothing was measured yet.", file=sys.stderr)
        return error.exit_status
    return tell_end(folder, stopped)


def refuse_other_options(chosen: argparse.Namespace) -> None:
    """Raise `ConfigError` if a run shall go on in another way than it began."""
    usual = vars(make_parser(["run"]).parse_args(["run"]))
    others = [f"--{name.replace('_', '-')}" for name, value in vars(chosen).items() if value != usual[name] and name not in RESUMED]
    if others:
        message = f"--resume goes on with a run by its own plan: leave out {', '.join(others)}."
        raise ConfigError(message)


def tell_end(folder: RunFolder, stopped: BenchError | Interrupted | None) -> int:
    """Print the summary of a run, and what stopped it; return the exit status."""
    from bench.show.outputs.terminal import terminal_summary

    if isinstance(stopped, UnfinishedError):
        raise stopped
    summary = folder.read_summary()
    print(terminal_summary(folder, columns=terminal_columns()))
    if stopped is None:
        return tell_status(summary)
    if summary.partial:
        state = f"is partial; its measurements so far are in {folder.path}. To go on: {resume_command(folder.path)}"
    else:
        state = f"went on to its end; its measurements are in {folder.path}."
    print(f"bench: {stopped}\nThe run {state}", file=sys.stderr)
    return stopped.exit_status if isinstance(stopped, Interrupted) else STOPPED_EARLY
