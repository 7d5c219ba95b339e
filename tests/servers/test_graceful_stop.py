"""A server that is told to stop under load finishes what it has begun, and ends; idle connections keep none from ending."""

import contextlib
import json
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from serving import COMMANDS, JSON, message, reserved_port, running

from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from shared_model import contract

USERS = 16
ANSWERS_BEFORE_STOP = 20
STOP_TIMEOUT_S = 10
REQUEST = message("POST", "/predict", json.dumps(contract.EXAMPLE).encode())
EXPECTED = (200, JSON, {"prediction": [0, 1, 1, 0]})


def ask_until_the_end(server, warm):
    """Ask without pause until the connection ends; return what had come of the last answer, and count down `warm` once."""
    answers = 0
    with server.connect() as connection:
        try:
            while True:
                assert connection.ask(REQUEST).value() == EXPECTED
                answers += 1
                if answers == ANSWERS_BEFORE_STOP:
                    warm.release()
        except ConnectionError:
            return connection.received


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] if "granian" in name else []) for name in COMMANDS])
def test_a_stop_under_load_cuts_no_answer_and_ends_the_server(name, tmp_path):
    warm = threading.Semaphore(0)
    with running(name, tmp_path) as server, ThreadPoolExecutor(USERS) as pool:
        users = [pool.submit(ask_until_the_end, server, warm) for _ in range(USERS)]
        for _ in users:
            assert warm.acquire(timeout=STOP_TIMEOUT_S)
        server.process.send_signal(signal.SIGTERM)
        assert [user.result() for user in users] == [b""] * USERS
        assert server.process.wait(STOP_TIMEOUT_S) in {0, -signal.SIGTERM}


# Every way to serve both applications, as the bundled stacks have them, and each run alone. The ones that wait are tried first.
SERVED = {name: stack.command for name, stack in load_stacks(BUNDLED_STACKS).items() if stack.source}
ALONE = {
    f"{app} --workers {count}": ("{python}", "-m", app, "{port}", "--workers", count)
    for app in ("flask_app", "fastapi_app")
    for count in "12"
}
QUICK = {"fastapi-gunicorn", "flask-gthread", "fastapi_app --workers 2"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in {**SERVED, **ALONE}])
def test_a_stop_waits_at_most_5_s_for_idle_connections(name, tmp_path):
    with reserved_port() as port:
        words = [word.format(python=sys.executable, port=port) for word in {**SERVED, **ALONE}[name]]
    with running(name, tmp_path, command=words, port=port) as server, contextlib.ExitStack() as connections:
        for _ in range(4):
            connections.enter_context(server.connect()).ask(message("GET", "/livez"))
        begin_s = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(STOP_TIMEOUT_S)
        assert time.monotonic() - begin_s <= 5
