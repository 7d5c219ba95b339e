"""The servers under test: each is started once in all, when a test first asks for it, since all tests that share it run in one process."""

import contextlib
import time

import pytest
from serving import COMMANDS, running

from bench.measure import complexity
from bench.measure.environment import choose_cores
from bench.plan.plan import make_plan

# Tests of both applications side by side need both of these, so they stay together.
SIDE_BY_SIDE = {"flask-gthread", "fastapi-uvicorn"}


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in a hook of the same name
def pytest_collection_modifyitems(items):
    """Let one test process have all tests that share a server."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "start" in fixtures:
            name = item.callspec.params.get("stack_name") if hasattr(item, "callspec") else None
            alone = name is not None and name not in SIDE_BY_SIDE
            item.add_marker(pytest.mark.xdist_group(name if alone else "side by side"))
        if "comparison" in fixtures:
            item.add_marker(pytest.mark.xdist_group("comparison"))


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """Return a function that gives the running server of a stack and settings (`SERVE_ENGINE="sklearn"`, ...)."""
    servers = {}
    with contextlib.ExitStack() as stops:

        def started(name, **settings):
            key = (name, *sorted(settings.items()))
            if key not in servers:
                servers[key] = stops.enter_context(running(name, tmp_path_factory.mktemp(name), env=settings))
            return servers[key]

        yield started


@pytest.fixture(params=COMMANDS)
def stack_name(request):
    """Each of the four headline stacks in turn."""
    return request.param


@pytest.fixture
def stack(stack_name, start):
    return start(stack_name)


@pytest.fixture
def stack_without_model(stack_name, start, empty_folder):
    return start(stack_name, SERVE_MODEL_DIR=str(empty_folder))


@pytest.fixture(scope="session")
def empty_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("no-model")


@pytest.fixture(scope="session")
def comparison():
    """What the bench finds of the first pair of its plan, the code and the features of both stacks, and how long that took in seconds."""
    said, begin_s = [], time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(complexity, "IMPORTS", 1)  # how often an import is timed changes nothing that is read here
        found = complexity.measure_complexity(make_plan("smoke").first_pair(), choose_cores(), said.append)
    assert said == []
    return found, time.monotonic() - begin_s


@pytest.fixture
def compared(comparison):
    return comparison[0]


@pytest.fixture
def compared_in_s(comparison):
    return comparison[1]
