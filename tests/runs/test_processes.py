"""Servers are started pinned and alone, proved to own their port, and always stopped with all their children."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import psutil
import pytest
from odd_servers import odd_server

from bench.errors import StackError
from bench.measure.conditions import read_conditions
from bench.measure.environment import choose_cores
from bench.measure.guard import find_marked
from bench.measure.processes import free_port, listeners, server_environment, spawn_stack, stop_stacks
from bench.measure.ready import STARTED_AT_ONCE, await_ready, launch_stacks
from bench.plan.stacks import BUNDLED_STACKS, Stack, load_stacks


@contextlib.contextmanager
def launched(folder, *stacks, cores=()):
    with contextlib.ExitStack() as exits:
        yield launch_stacks(stacks, cores, folder, exits)


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_a_stack_is_stopped_with_all_its_processes(tmp_path):
    stack = load_stacks(BUNDLED_STACKS)["flask-gthread"]
    with launched(tmp_path, stack) as (running,):
        pids = running.pids()
        assert len(pids) == 2
    assert not any(is_running(pid) for pid in pids)
    assert is_free(running.port)


def test_the_workers_go_even_when_the_main_process_was_killed(tmp_path):
    stack = load_stacks(BUNDLED_STACKS)["flask-gthread"]
    with launched(tmp_path, stack) as (running,):
        pids = running.pids()
        os.kill(pids[0], signal.SIGKILL)
        running.process.wait()
        with pytest.raises(StackError, match=r"flask-gthread ended by itself \(signal SIGKILL\)"):
            raise StackError(running.describe_death())
    assert not any(is_running(pid) for pid in pids)


def test_an_unrelated_server_is_left_alone(tmp_path, make_stub):
    with launched(tmp_path, make_stub()) as (stranger,):
        with launched(tmp_path, make_stub("wrong")):
            pass
        assert not stranger.describe_death()


def test_processes_are_stopped_when_the_block_fails(tmp_path, make_stub):
    with contextlib.suppress(LookupError), launched(tmp_path, make_stub()) as (running,):
        raise LookupError
    assert not is_running(running.process.pid)


def test_a_stack_that_ends_at_start_is_reported_with_the_end_of_its_log(tmp_path):
    stack = Stack(name="broken", command=(sys.executable, "-c", "print('no such module'); raise SystemExit(3)", "{port}"))
    with pytest.raises(StackError, match=r"broken ended by itself \(exit status 3\)(.|\n)*no such module"), launched(tmp_path, stack):
        pass


def test_a_command_that_does_not_exist_is_named(tmp_path):
    stack = Stack(name="broken", command=("/nonexistent/server", "{port}"))
    with pytest.raises(StackError, match="broken cannot be started: /nonexistent/server"), launched(tmp_path, stack):
        pass


def test_a_port_that_another_program_took_is_no_failure_of_the_stack(tmp_path, make_stub, monkeypatch):
    squatter = socket.create_server(("127.0.0.1", 0))
    ports = iter([squatter.getsockname()[1], free_port()])
    monkeypatch.setattr("bench.measure.processes.free_port", lambda *_: next(ports))
    with squatter, launched(tmp_path, make_stub()) as (running,):
        assert running.port != squatter.getsockname()[1]
        assert not running.describe_death()


def test_a_port_is_given_to_one_of_the_servers_that_start_together():
    taken = [port for port in range(65536) if port % 10 != 3]
    assert {free_port(taken) % 10 for _ in range(20)} == {3}


def test_a_port_that_another_server_shares_is_not_the_stacks_own(tmp_path, monkeypatch):
    # Both ask for SO_REUSEPORT, so both listen, and connections go to either: an answer of the one would be taken for the other's.
    stacks = load_stacks(BUNDLED_STACKS)
    shared = free_port()
    monkeypatch.setattr("bench.measure.processes.free_port", lambda *_: shared)
    both = [spawn_stack(stacks[name], (), tmp_path) for name in ("flask-granian", "bare-wsgi-granian")]
    try:
        while not all(listeners(running) for running in both):
            assert not any(running.describe_death() for running in both)
            time.sleep(0.05)
        assert [await_ready(running) for running in both] == [False, False]
        stop_stacks(both[:1])
        assert await_ready(both[1])
    finally:
        stop_stacks(both)


def test_a_stranger_that_answers_on_the_port_is_not_taken_for_the_stack(tmp_path, make_stub, monkeypatch):
    # The stack starts, but listens nowhere; the stranger answers 200 in its place.
    with launched(tmp_path, make_stub()) as (stranger,):
        idle = Stack(name="idle", command=(sys.executable, "-c", "import time; time.sleep(60)", "{port}"))
        ports = iter([stranger.port] * 6)
        monkeypatch.setattr("bench.measure.processes.free_port", lambda *_: next(ports))
        words = rf"idle: its port is answered by process {stranger.process.pid} .*, which it did not start"
        with pytest.raises(StackError, match=words), launched(tmp_path, idle):
            pass
        assert not stranger.describe_death()  # it was there before: it is nobody's that the stack started


def test_no_more_stacks_start_at_once_than_end_within_their_time(tmp_path, make_stub):
    stubs = [make_stub("good", name=f"stub-{number}") for number in range(STARTED_AT_ONCE + 2)]
    with launched(tmp_path, *stubs) as started:
        for earlier, later in zip(started, started[STARTED_AT_ONCE:], strict=False):
            assert later.started_ns > earlier.started_ns + earlier.ready_s * 1e9
        assert started[STARTED_AT_ONCE - 1].started_ns < started[0].started_ns + started[0].ready_s * 1e9


def test_a_stack_that_never_answers_is_reported_in_time_with_the_key_that_sets_it(tmp_path):
    idle = Stack(name="idle", command=(sys.executable, "-c", "import time; time.sleep(60)", "{port}"), ready_timeout_s=1)
    words = r"idle was not ready after 1 s \(the key ready_timeout_s of a stack.*: no 200 on /readyz"
    with pytest.raises(StackError, match=words), launched(tmp_path, idle):
        pass


def test_each_stack_has_its_time_from_its_own_turn_on(tmp_path, make_stub):
    # The first takes longer than the second may take; the second has long been ready when its turn comes.
    late = make_stub(name="late")
    late = replace(late, command=("sh", "-c", f"sleep 1.5; exec {shlex.join(late.command)}".replace("{python}", sys.executable)))
    with launched(tmp_path, late, replace(make_stub(), ready_timeout_s=1)) as (first, second):
        assert first.ready_s > 1.5
        assert not second.describe_death()


# --- commands that are not the server themselves --------------------------------------------------------------------

DAEMON = ("{python}", "-m", "gunicorn", "--daemon", "--bind", "127.0.0.1:{port}", "--no-control-socket", "flask_app:create_app()")
# Asks a program that runs already to start the server, and stays: as the client of a container engine does.
CLIENT = """
import socket, sys, time
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as supervisor:
    supervisor.sendall(sys.argv[2].encode())
    time.sleep(60)
"""
SUPERVISOR = """
import socket, subprocess, sys
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    connection, _ = server.accept()
    port = connection.recv(100).decode()
    subprocess.Popen([sys.executable, "-m", "bench.servers.stub", "supervised", port])
"""


def refusal(folder, stack):
    """Return what is said of a stack that cannot be launched."""
    with pytest.raises(StackError) as caught, launched(folder, stack):
        pass
    return str(caught.value)


def test_a_command_that_goes_into_the_background_is_refused_and_nothing_of_it_is_left(tmp_path):
    said = refusal(tmp_path, Stack(name="daemon", command=DAEMON))
    assert re.match(r"daemon: its command ended and left \d processes behind, as a daemon does\.", said)
    assert "\n" not in said
    assert [one for one in psutil.process_iter(["cmdline"]) if "--daemon" in (one.info["cmdline"] or ())] == []


# Goes into the background at the moment at which it is stopped: it forks, and forks again, as daemons do.
FORKING = """
import os, signal, time
def fork(*_):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for _ in range(2):
        if os.fork():
            os._exit(0)
        os.setsid()
        time.sleep({seconds})
    time.sleep(60)
signal.signal(signal.SIGTERM, fork)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


@pytest.mark.parametrize("seconds", [0, 0.005, 0.02])
def test_what_goes_into_the_background_while_it_is_stopped_does_not_stay(tmp_path, seconds):
    running = spawn_stack(Stack(name="forking", command=(sys.executable, "-c", FORKING.format(seconds=seconds), "{port}")), (), tmp_path)
    while b"ready" not in running.log.read_bytes():
        time.sleep(0.01)
    stop_stacks([running])
    assert find_marked([running.mark]) == []


def test_a_server_that_a_supervisor_runs_is_refused_in_one_line_and_ended(tmp_path):
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR], stdout=subprocess.PIPE, start_new_session=True)
    try:
        asked = supervisor.stdout.readline().decode().strip()
        said = refusal(tmp_path, Stack(name="client", command=("{python}", "-c", CLIENT, asked, "{port}")))
        assert re.match(r"client: its port is answered by process \d+ \(.*\), which it did not start\.", said)
        assert "\n" not in said
        servers = [one for one in psutil.process_iter(["cmdline"]) if "supervised" in (one.info["cmdline"] or ())]
        assert [one.pid for one in servers if is_running(one.pid)] == []
    finally:
        os.killpg(supervisor.pid, signal.SIGKILL)
        supervisor.wait()
        supervisor.stdout.close()


def test_a_server_on_another_address_is_told_which_one_is_asked(tmp_path):
    command = ("{python}", "-m", "http.server", "{port}", "--bind", "::1")
    said = refusal(tmp_path, Stack(name="six", command=command, ready="/"))
    assert said == "six listens on ::1 alone. The bench uses 127.0.0.1: let it listen there."


# Runs the stub as nobody, who may read what root may: the interpreter can be anywhere.
AS_NOBODY = (
    *("setpriv", "--reuid", "65534", "--clear-groups", "--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"),
    *("{python}", "-m", "bench.servers.stub", "good", "{port}"),
)
# Launches it twice as a user who may do anything but end and look into what is another user's.
WITHOUT_RIGHTS = ("setpriv", "--bounding-set", "-kill,-sys_ptrace", "--inh-caps", "-kill,-sys_ptrace", sys.executable, "-c")
LAUNCH = """
import contextlib, pathlib, sys
from bench.errors import StackError
from bench.measure.ready import launch_stacks
from bench.plan.stacks import Stack

stacks = [Stack(name=name, command=tuple(sys.argv[2:])) for name in ("nobodys", "nobodys-twin")]
try:
    with contextlib.ExitStack() as exits:
        launch_stacks(stacks, (), pathlib.Path(sys.argv[1]), exits)
except StackError as error:
    print(error)
"""


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can start what another user owns")
def test_what_runs_as_another_user_is_refused_in_one_line_that_names_each_process(tmp_path):
    launch = subprocess.run([*WITHOUT_RIGHTS, LAUNCH, str(tmp_path), *AS_NOBODY], check=False, capture_output=True, text=True, timeout=60)
    named = [int(pid) for pid in re.findall(r"\d+", launch.stdout)]
    try:
        assert re.fullmatch(r"A stack's processes of another user can be .*, and end these processes by hand: \d+ \d+\.\n", launch.stdout)
        assert launch.stderr == ""
        assert all(is_running(pid) and psutil.Process(pid).uids().real == 65534 for pid in named)
    finally:
        for pid in named:
            os.kill(pid, signal.SIGKILL)


def test_a_stack_that_does_not_start_is_told_what_its_environment_lacks_and_which_key_sets_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/apps")
    monkeypatch.setenv("JAVA_HOME", "/java")
    last = refusal(tmp_path, Stack(name="broken", command=("{python}", "-m", "myapp", "{port}"))).splitlines()[-1]
    assert re.match(
        r"The server does not get these variables of your shell: .*PYTHONPATH.*\. The key environment of a stack sets those",
        last,
    )


def test_the_path_of_the_loader_reaches_a_server(monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/python/lib")
    assert server_environment(load_stacks(BUNDLED_STACKS)["flask-gthread"])["LD_LIBRARY_PATH"] == "/opt/python/lib"


def test_an_answer_that_is_announced_before_it_comes_is_ready(tmp_path):
    with launched(tmp_path, odd_server("early")) as (running,):
        assert running.ready_s > 0


def test_settings_of_the_environment_do_not_reach_a_server(monkeypatch):
    for name in ("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "UVICORN_WORKERS", "LOCUST_USERS", "PYTHONPATH", "http_proxy", "SERVE_TIMING"):
        monkeypatch.setenv(name, "1")
    environment = server_environment(load_stacks(BUNDLED_STACKS)["flask-gthread"])
    assert not {"GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "UVICORN_WORKERS", "LOCUST_USERS", "PYTHONPATH", "http_proxy"} & set(environment)
    assert environment["SERVE_TIMING"] == "0"


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
def test_every_server_gets_one_blas_thread(monkeypatch, name):
    monkeypatch.setenv(name, "8")
    assert server_environment(load_stacks(BUNDLED_STACKS)["flask-gthread"])[name] == "1"


@pytest.mark.skipif(not choose_cores().servers, reason="needs two cores")
def test_every_process_and_thread_of_a_stack_runs_on_the_servers_core(tmp_path):
    cores = choose_cores().servers
    stacks = load_stacks(BUNDLED_STACKS)
    with launched(tmp_path, stacks["flask-granian"], stacks["fastapi-uvicorn"], cores=cores) as running:
        for server in running:
            for pid in server.pids():
                for thread in psutil.Process(pid).threads():
                    assert os.sched_getaffinity(thread.id) == set(cores)
    assert os.sched_getaffinity(0) != set(cores)


def test_conditions_are_read_from_the_live_processes(tmp_path):
    stacks = load_stacks(BUNDLED_STACKS)
    with launched(tmp_path, stacks["fastapi-uvicorn"], stacks["flask-gthread"]) as (fastapi, flask):
        conditions = read_conditions(fastapi)
        assert (conditions["processes"], conditions["uvloop"], conditions["httptools"]) == (1, True, True)
        assert read_conditions(flask)["uvloop"] is False
        assert conditions["ready_beside_others_s"] > 0


def test_a_server_that_ignores_sigterm_is_killed(tmp_path, monkeypatch, make_stub):
    monkeypatch.setattr("bench.measure.processes.STOP_TIMEOUT_S", 0.2)
    with launched(tmp_path, make_stub("deaf")) as (running,):
        stop_stacks([running])
        assert running.process.poll() == -signal.SIGKILL


def test_a_log_that_grows_too_long_begins_anew(tmp_path, make_stub, monkeypatch):
    monkeypatch.setattr("bench.measure.processes.MAX_LOG_BYTES", 10)
    with launched(tmp_path, make_stub()) as (running,):
        running.log.write_text("x" * 100)
        running.bound_log()
        assert running.log.stat().st_size == 0


def test_two_launches_at_once_do_not_disturb_each_other(tmp_path, make_stub):
    failures = []

    def launch(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            with launched(folder, make_stub()) as (running,):
                time.sleep(0.05)
                failures.extend(filter(None, [running.describe_death()]))
        except StackError as error:
            failures.append(error)

    threads = [threading.Thread(target=launch, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
