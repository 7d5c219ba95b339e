"""The servers under test: each is started once per test process, when a test first asks for it."""

import contextlib

import pytest
from serving import COMMANDS, running


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
    """Each of the four headline stacks in turn; one test process serves all tests of a stack."""
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
