"""The service that `enrich` stacks ask: started before them, on the load generator's cores, and stopped after them.

On the servers' cores it would take time from them. On the generator's cores it takes time from the generator, whose gates detect that.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bench.measure.environment import Cores
from bench.measure.processes import RunningStack
from bench.measure.ready import launch_stacks
from bench.plan.stacks import Stack

SERVICE = Stack(name="upstream", command=("{python}", "-m", "bench.servers.upstream", "{port}"), label="Upstream service", fixed=True)
ADDRESS = "SERVE_UPSTREAM"


def launch_upstream(stacks: Sequence[Stack], cores: Cores, folder: Path, exits: contextlib.ExitStack) -> list[RunningStack]:
    """Return the service, started and ready, or an empty list if no stack asks it; it is stopped when `exits` unwinds."""
    return launch_stacks([SERVICE], cores.generator, folder, exits) if any(stack.upstream for stack in stacks) else []


@contextlib.contextmanager
def launched_alone(stack: Stack, cores: Cores) -> Iterator[RunningStack]:
    """Start one stack alone, with the service if the stack asks it, and stop both at the end; raise `StackError` if it does not start."""
    with contextlib.ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        services = launch_upstream([stack], cores, folder, exits)
        (running,) = launch_stacks(tell_address([stack], services), cores.servers, folder, exits)
        yield running


def tell_address(stacks: Sequence[Stack], services: Sequence[RunningStack]) -> list[Stack]:
    """Return the stacks to launch: those that ask the service have its address in their environment."""
    address = {ADDRESS: f"http://127.0.0.1:{services[0].port}"} if services else {}
    return [replace(stack, environment={**stack.environment, **address}) if stack.upstream else stack for stack in stacks]
