"""A server that is told to stop under load finishes what it has begun, and ends; idle connections keep none from ending."""

import contextlib
import json
import re
import select
import signal
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from serving import COMMANDS, JSON, message, reserved_port, running, wait_for

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


# --- under a steady load --------------------------------------------------------------------------------------------

STEADY_USERS, STEADY_RPS = 10, 500
LOADED_S = 0.5
BUSY_ENGINE = "spin-1ms"  # so that the server is at work on something at nearly any moment
# Writes a byte to a file when a prediction begins.
COUNT = """
import os
from shared_model.service import Service
begun = os.open(os.environ["BEGUN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
predict = Service.predict
def predict_counted(self, passengers):
    os.write(begun, b".")
    return predict(self, passengers)
Service.predict = predict_counted
"""


class SteadyLoad:
    """Users who send at a steady rate in all, each one request at a time, and connect again when their connection ends.

    An attempt ends `answered` (right and whole), `cut` (something else came), `unanswered` (the connection ended without a byte), or
    `refused` (nobody listens), which is the last of its user.
    """

    def __init__(self, server):
        self.server = server
        self.ended = Counter()
        self._is_over = threading.Event()
        self._pool = ThreadPoolExecutor(STEADY_USERS)
        self._users = [self._pool.submit(self._send_steadily) for _ in range(STEADY_USERS)]

    def end(self):
        self._is_over.set()
        self._pool.shutdown()
        for outcome in (outcome for user in self._users for outcome in user.result()):
            self.ended[outcome] += 1

    def _send_steadily(self):
        outcomes, due_s = [], time.monotonic()
        while not self._is_over.is_set():
            try:
                with self.server.connect() as connection:
                    is_kept = True
                    while is_kept and not self._is_over.is_set():
                        due_s = max(due_s + STEADY_USERS / STEADY_RPS, time.monotonic() - 0.1)
                        time.sleep(max(0, due_s - time.monotonic()))
                        if select.select([connection.socket], [], [], 0)[0]:
                            break  # the server has closed an idle connection, which every client's pool looks for
                        outcome, is_kept = self._ask(connection)
                        outcomes.append(outcome)
            except ConnectionError:  # nobody listens, or no more while we connect
                return [*outcomes, "refused"]
        return outcomes

    def _ask(self, connection):
        """Return how an attempt ended, and whether the connection can be used again."""
        try:
            answer = connection.ask(REQUEST)
        except ConnectionError:
            return "cut" if connection.received else "unanswered", False
        return "answered" if answer.value() == EXPECTED else "cut", answer.headers.get("connection") != "close"


@contextlib.contextmanager
def loaded(app, folder, *options):
    """Run an application under the load; once the block has ended so has the load, and all that began has been answered whole."""
    (folder / "sitecustomize.py").write_text(COUNT)
    begun = folder / "begun"
    begun.unlink(missing_ok=True)
    with reserved_port() as port:
        command = [sys.executable, "-m", app, str(port), "--engine", BUSY_ENGINE, *options]
    with running(app, folder, command=command, port=port, env={"PYTHONPATH": str(folder), "BEGUN": str(begun)}) as server:
        load = SteadyLoad(server)
        try:
            time.sleep(LOADED_S)
            yield load
        finally:
            load.end()
        print(app, *options, dict(load.ended), "begun:", begun.stat().st_size)  # noqa: T201 - seen with -s
        assert load.ended["answered"] == begun.stat().st_size
        assert load.ended["answered"] > LOADED_S * STEADY_RPS / 10
        assert load.ended["cut"] == 0


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("app", ["flask_app", "fastapi_app"])
def test_a_stop_under_steady_load_loses_no_request_that_began(app, times, tmp_path):
    for _ in range(times):
        with loaded(app, tmp_path) as load:
            load.server.process.send_signal(signal.SIGTERM)
            assert load.server.process.wait(STOP_TIMEOUT_S) in {0, -signal.SIGTERM}


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("app", ["flask_app", "fastapi_app"])
def test_a_rolling_restart_of_two_workers_under_steady_load_loses_no_request_and_refuses_nobody(app, times, tmp_path):
    with loaded(app, tmp_path, "--workers", "2") as load:

        def workers():
            return [int(pid) for pid in re.findall(r"Process (\d+) serves model", load.server.log.read_text())]

        wait_for(lambda: len(workers()) == 2)
        for restart in range(1, times + 1):
            time.sleep(LOADED_S)
            load.server.process.send_signal(signal.SIGHUP)
            wait_for(lambda least=2 * restart + 2: len(workers()) == least and not any(map(is_running, workers()[:-2])))
    assert load.ended.keys() == {"answered"}


# --- idle connections -----------------------------------------------------------------------------------------------

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
        words = [word.format(python=sys.executable, host="127.0.0.1", port=port, workers=1) for word in {**SERVED, **ALONE}[name]]
    with running(name, tmp_path, command=words, port=port) as server, contextlib.ExitStack() as connections:
        for _ in range(4):
            connections.enter_context(server.connect()).ask(message("GET", "/livez"))
        if name in ALONE:  # some other servers wait longer for a connection on which nothing has come
            connections.enter_context(server.connect())
            time.sleep(0.1)
        begin_s = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(STOP_TIMEOUT_S)
        assert time.monotonic() - begin_s <= 5
