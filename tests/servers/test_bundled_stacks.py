"""Every stack of the bundled file that serves a model: launched as the bench does, it runs as its file says and passes the gate."""

import contextlib

import pytest
from serving import COMMANDS, Connection, message

from bench.errors import ConfigError
from bench.measure.conditions import read_conditions
from bench.measure.environment import Cores
from bench.measure.parity import check_stack
from bench.measure.ready import launch_stacks
from bench.measure.services import launch_upstream, tell_address
from bench.plan.expected import check_scenario
from bench.plan.scenarios import SCENARIOS
from bench.plan.stacks import BUNDLED_STACKS, load_stacks

STACKS = {name: stack for name, stack in load_stacks(BUNDLED_STACKS).items() if not stack.fixed}
SUPERVISED = ("gunicorn", "granian")  # these servers start a worker process beside the main one
CLOSING = {"flask-sync", "flask-dev"}  # these answer one request per connection


def own_process(name):
    """Return a stack as a parameter: one test process has all its tests, and if it is no headline stack, they are slow."""
    marks = [pytest.mark.xdist_group(f"bundled {name}"), *([] if name in COMMANDS else [pytest.mark.slow])]
    return pytest.param(name, marks=marks)


@pytest.fixture(scope="module", params=map(own_process, STACKS))
def running(request, tmp_path_factory):
    """Each stack in turn, started once for all of its tests."""
    stacks, folder = [STACKS[request.param]], tmp_path_factory.mktemp(request.param)
    with contextlib.ExitStack() as exits:
        services = launch_upstream(stacks, Cores((), ()), folder, exits)
        [started] = launch_stacks(tell_address(stacks, services), (), folder, exits)
        yield started


def answerable(stack):
    """Return the names of the scenarios that a stack can answer."""

    def can_answer(name):
        with contextlib.suppress(ConfigError):
            return check_scenario(name, stack) is not None
        return False

    return [name for name in SCENARIOS if can_answer(name)]


def test_it_passes_the_gate_on_every_scenario_that_it_can_answer(running):
    names = answerable(running.stack)
    assert ({"enrich-0ms", "enrich-50ms"} if running.stack.upstream else {"hello", "predict-1", "predict-4", "predict-100"}) <= set(names)
    assert check_stack(running, names).keys() == set(names)


def test_one_process_serves(running):
    assert len(running.pids()) == (2 if running.stack.server.startswith(SUPERVISED) else 1)


def test_fastapi_runs_on_uvloop(running):
    assert running.stack.framework != "FastAPI" or read_conditions(running)["uvloop"]


@pytest.mark.parametrize("place", [0, 1])
def test_a_connection_is_kept_unless_the_server_always_closes_it(running, place):
    request = SCENARIOS[answerable(running.stack)[place]].request(running.port)
    with Connection(running.port) as connection:
        first = connection.ask(request)
        if running.stack.name in CLOSING:
            assert first.headers["connection"] == "close"
            assert connection.is_closed()
        else:
            assert connection.ask(request).body == first.body


def test_the_next_client_does_not_wait_for_the_one_before(running):
    for _ in range(20):
        with Connection(running.port) as connection:
            assert connection.ask(message("GET", running.stack.ready), timeout_s=1).status == 200
