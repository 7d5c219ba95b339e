"""Each server runs alone, by our own command and by those of its ecosystem, and stops without a trace.

One start of a server serves all that is seen of it with one setting. What is slow is the rest of the matrix of starters and settings.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest
from serving import BIN, ROOT, free_port, running, wait_for

from shared_model import Options, Service
from shared_model.artefacts import CARD, DEFAULT_FOLDER, FILES, LINK, SUMS
from shared_model.contract import EXAMPLE, validate_passengers
from shared_model.engines import ENGINES
from shared_model.options import SHARED_MEMORY

TIMEOUT_S = 30
BODY = json.dumps(EXAMPLE).encode()
JSON_TYPE = {"Content-Type": "application/json"}
NOT_READY = "The model is not ready: "

APPS = ("flask_app", "fastapi_app")
STARTERS = {
    "flask_app": f"{sys.executable} -m flask_app {{port}}",
    "fastapi_app": f"{sys.executable} -m fastapi_app {{port}}",
    "flask": f"{BIN}/flask --app flask_app run --port {{port}}",
    "gunicorn": f"{BIN}/gunicorn --no-control-socket --bind 127.0.0.1:{{port}} flask_app:create_app()",
    "uvicorn": f"{BIN}/uvicorn --port {{port}} --factory fastapi_app:create_app",
}
ECOSYSTEM = ("flask", "gunicorn", "uvicorn")
ADDRESS_LINES = {
    "flask_app": "Flask (gunicorn) on http://127.0.0.1:{port} - stop with Ctrl-C.",
    "flask_app --dev": "Flask (Werkzeug, reloading) on http://127.0.0.1:{port} - stop with Ctrl-C.",
    "fastapi_app": "FastAPI (uvicorn) on http://127.0.0.1:{port} - stop with Ctrl-C.",
    "fastapi_app --dev": "FastAPI (uvicorn, reloading) on http://127.0.0.1:{port} - stop with Ctrl-C.",
}
# What the development server writes each time it starts the process that serves.
STARTS = {"flask_app": "Restarting with", "fastapi_app": "Started server process"}
BUFFERED = {"PYTHONUNBUFFERED": ""}  # as on a terminal of a user, who sees only what is flushed


@pytest.fixture(autouse=True)
def _heard_interrupts():
    """Let SIGINT reach the servers: a test run in the background of a shell hands them a SIGINT that is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def started(command, folder, **settings):
    """Run one of STARTERS, or `APP OPTION ...`, as a user would; the log is the terminal."""
    port = free_port()
    name, *options = command.split()
    arguments = [*STARTERS[name].format(port=port).split(), *options]
    with running(name, folder, command=arguments, port=port, **settings) as server:
        yield server


def log_of(server):
    return server.log.read_text(errors="replace")


def family(server):
    process = psutil.Process(server.process.pid)
    return [process, *process.children(recursive=True)]


def is_running(process, group):
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


def is_free(port):
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def end(server, signal_number):
    """Signal the parent process alone; wait until it has ended, no process is left and the port is free; return its status."""
    server.process.send_signal(signal_number)
    status = server.process.wait(TIMEOUT_S)
    wait_for(lambda: not any(is_running(process, server.process.pid) for process in psutil.process_iter()))
    wait_for(lambda: is_free(server.port))
    return status


def statuses(server):
    asked = [("GET", "/livez"), ("GET", "/readyz"), ("GET", "/model"), ("POST", "/predict"), ("POST", "/predict_proba")]
    return [server.request(method, path, BODY if method == "POST" else None, JSON_TYPE)[0] for method, path in asked]


def predict_often(server, times):
    """Return the different statuses of many requests on one connection."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)
    seen = set()
    with contextlib.closing(connection):
        for _ in range(times):
            connection.request("POST", "/predict", BODY, JSON_TYPE)
            answer = connection.getresponse()
            answer.read()
            seen.add(answer.status)
    return seen


# --- what is seen of a server ---------------------------------------------------------------------------------------


def assert_answers_are_those_of_the_service(server):
    service, passengers = Service(Options()), validate_passengers(EXAMPLE)
    predicted = server.request("POST", "/predict", BODY, JSON_TYPE)
    probable = server.request("POST", "/predict_proba", BODY, JSON_TYPE)
    card = server.request("GET", "/model")
    assert json.loads(predicted.body) == {"prediction": [0, 1, 1, 0]}, "another prediction"
    assert json.loads(probable.body) == {"probability": service.predict_proba(passengers)}, "another probability"
    assert json.loads(card.body) == service.model_card(), "another model card"


def assert_the_address_is_printed_once(server, command):
    lines = [line for line in log_of(server).splitlines() if "Ctrl-C" in line]
    assert lines == [ADDRESS_LINES[command].format(port=server.port)], "not one line with the address"


def assert_requests_write_nothing_to_the_log(server):
    """All are answered, too: where Python raises its warnings as errors, a request that causes one is a 500."""
    predict_often(server, 1)
    before = log_of(server)
    assert predict_often(server, 100) == {200}, "a request failed, or caused a warning"
    assert log_of(server) == before, "a request wrote to the log"


def assert_it_stops_quietly(server, signal_number):
    assert end(server, signal_number) in (0, -signal_number), "another exit status"
    assert "Traceback" not in log_of(server), "a traceback at the stop"


def reasons(server):
    """Return the lines that say why the server is not ready."""
    return [line for line in log_of(server).splitlines() if NOT_READY in line]


# --- starters and working folders -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("app", "folder", "warnings", "signal_number"),
    [
        ("flask_app", "/", "always", signal.SIGTERM),
        ("fastapi_app", "/", "error", signal.SIGTERM),
        pytest.param("flask_app", ".", "always", signal.SIGINT, marks=pytest.mark.slow),
        pytest.param("fastapi_app", ".", "always", signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_an_application_run_alone_tells_its_address_answers_without_a_word_and_stops_at_a_signal(
    tmp_path, app, folder, warnings, signal_number
):
    with started(app, tmp_path, cwd=tmp_path / folder, env={"PYTHONWARNINGS": warnings, **BUFFERED}) as server:
        assert_the_address_is_printed_once(server, app)
        assert_answers_are_those_of_the_service(server)
        assert_requests_write_nothing_to_the_log(server)
        assert_it_stops_quietly(server, signal_number)


@pytest.mark.parametrize(
    ("app", "signal_number"), [("flask_app", signal.SIGINT), pytest.param("fastapi_app", signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_two_workers_answer_and_stop_at_a_signal_to_the_parent_alone(tmp_path, app, signal_number):
    with started(f"{app} --workers 2", tmp_path) as server:
        assert [predict_often(server, 1) for _ in range(20)] == [{200}] * 20
        assert_it_stops_quietly(server, signal_number)


@pytest.mark.slow
@pytest.mark.parametrize("starter", ECOSYSTEM)
def test_the_ecosystems_commands_give_the_same_answers_from_any_folder(tmp_path, starter):
    with started(starter, tmp_path, cwd=Path("/")) as server:
        assert_answers_are_those_of_the_service(server)


def test_the_page_of_documentation_asks_no_other_host_and_gets_all_that_it_asks_for(tmp_path):
    with started("fastapi_app", tmp_path) as server:
        page = server.request("GET", "/docs")
        asked = re.findall(r"""(?:src|href|url)[=:] ?["']([^"']+)""", page.body.decode())
        answers = {address: server.request("GET", address) for address in asked}
        assert {address: answer.status for address, answer in answers.items()} == dict.fromkeys(asked, 200)
        assert {address.rpartition(".")[2]: answer.headers["content-type"].partition(";")[0] for address, answer in answers.items()} == {
            "js": "text/javascript",
            "css": "text/css",
            "png": "image/png",
            "json": "application/json",
        }
        assert "Traceback" not in log_of(server)


# --- servers that are not ready -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("app", "signal_number"), [("flask_app", signal.SIGTERM), ("fastapi_app", signal.SIGINT)])
def test_without_a_model_each_of_two_workers_lives_is_not_ready_and_says_once_what_to_run(tmp_path, app, signal_number):
    with started(f"{app} --workers 2 --model-dir {tmp_path}", tmp_path) as server:
        assert statuses(server) == [200, 503, 503, 503, 503]
        wait_for(lambda: len(reasons(server)) >= 2)
        assert_it_stops_quietly(server, signal_number)
        assert len(reasons(server)) == 2
        for line in reasons(server):
            assert line.startswith(NOT_READY)
            assert line.endswith(f" Run: python -m shared_model.train --out {tmp_path}")


@pytest.mark.slow
@pytest.mark.parametrize("starter", ECOSYSTEM)
def test_without_a_model_a_server_of_the_ecosystem_lives_is_not_ready_and_says_once_what_to_run(tmp_path, starter):
    with started(starter, tmp_path, env={"SERVE_MODEL_DIR": str(tmp_path)}) as server:
        assert statuses(server) == [200, 503, 503, 503, 503]
        [line] = reasons(server)
    assert line.startswith(NOT_READY)
    assert line.endswith(f" Run: python -m shared_model.train --out {tmp_path}")


@pytest.mark.slow
@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("engine", ["numpy", "sklearn"])
def test_with_a_model_of_another_scikit_learn_a_server_lives_and_is_not_ready(tmp_path, app, engine):
    model = tmp_path / "model"
    shutil.copytree(DEFAULT_FOLDER, model, symlinks=True)
    card = model / LINK / CARD
    card.write_text(json.dumps({**json.loads(card.read_bytes()), "libraries": {"scikit-learn": "0.1"}}))
    sums = "".join(f"{hashlib.sha256((model / LINK / name).read_bytes()).hexdigest()}  {name}\n" for name in FILES)
    (model / LINK / SUMS).write_text(sums)
    with started(f"{app} --engine {engine} --model-dir {model}", tmp_path) as server:
        assert statuses(server) == [200, 503, 503, 503, 503]
        [line] = reasons(server)
    assert line.startswith(f"{NOT_READY}The model was made with scikit-learn 0.1; installed is ")


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("starter", ["gunicorn", "uvicorn", pytest.param("flask", marks=pytest.mark.slow)])
def test_an_unknown_engine_ends_the_ecosystems_commands_with_the_names_there_are(tmp_path, starter):
    command = STARTERS[starter].format(port=free_port()).split()
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
        cwd=tmp_path,
        env={**os.environ, "SERVE_ENGINE": "nonsense"},
    )
    assert result.returncode != 0
    assert "SERVE_ENGINE: There is no engine 'nonsense'; choose one of: numpy, sklearn, pandas, " in result.stderr


def refusal(app, *arguments, prefix=()):
    command = [*prefix, sys.executable, "-m", app, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert result.returncode != 0
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    return line


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("port", ["70000", *(pytest.param(port, marks=pytest.mark.slow) for port in ("abc", "0", "-1"))])
def test_a_port_that_is_none_is_refused_in_one_line(app, port):
    assert refusal(app, port) == f"python -m {app}: argument PORT: '{port}' is no port: give a whole number from 1 to 65535"


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("options", [[], ["--dev"], pytest.param(["--workers=2"], marks=pytest.mark.slow)])
def test_a_taken_port_is_refused_in_one_line_and_no_other_is_taken(app, options):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        line = refusal(app, str(port), *options)
    assert line == f"python -m {app}: Cannot listen on 127.0.0.1:{port}: it is in use; stop what uses it or choose another port."


@pytest.mark.parametrize("app", ["flask_app", pytest.param("fastapi_app", marks=pytest.mark.slow)])
def test_a_port_that_needs_more_rights_is_refused_in_one_line(app):
    first_free_for_all = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if first_free_for_all <= 80:
        pytest.skip("here any user may listen on port 80")
    prefix = []
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("a superuser without setpriv cannot give the right away")
        prefix = [setpriv, "--bounding-set=-net_bind_service"]
    line = refusal(app, "80", prefix=prefix)
    assert line == f"python -m {app}: Port 80 needs more rights than this user has; choose one above 1023."


# --- the development server -----------------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path):
    """A copy of the packages, in which files may be touched."""
    folder = tmp_path / "source"
    for package in ("shared_model", *APPS):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("artefacts", "__pycache__"))
    return folder


def touch_until_seen(server, path, source):
    """Touch a file until the log names it; again, since the reloader may not have had its first look at the files before."""

    def is_change_seen():
        seen = str(path) in log_of(server) or str(path.relative_to(source)) in log_of(server)
        if not seen:
            os.utime(path, (0, path.stat().st_mtime + 1))
        return seen

    wait_for(is_change_seen)


@pytest.mark.parametrize("app", APPS)
def test_the_development_server_tells_its_address_once_and_loads_the_model_once_per_change_and_leaves_no_process(tmp_path, source, app):
    command = f"{app} --dev"
    with started(f"{command} --model-dir {tmp_path}", tmp_path, cwd=source, env=BUFFERED) as server:
        assert len(family(server)) > 1, "nobody watches the files"
        assert log_of(server).count(NOT_READY) == log_of(server).count(STARTS[app]) == 1
        for changes, path in enumerate([source / "shared_model/features.py", source / app / "app.py"], start=1):
            touch_until_seen(server, path, source)
            wait_for(lambda least=1 + changes: log_of(server).count(NOT_READY) == log_of(server).count(STARTS[app]) >= least)
            assert server.request("GET", "/livez").status == 200, f"no answer after the change of {path}"
        assert_the_address_is_printed_once(server, command)
        end(server, signal.SIGINT)
        assert "Traceback" not in log_of(server)


@pytest.mark.slow
@pytest.mark.parametrize("app", APPS)
def test_the_development_server_with_a_model_leaves_no_process_behind_either(tmp_path, app):
    with started(f"{app} --dev", tmp_path) as server:
        assert len(family(server)) > 1
        end(server, signal.SIGTERM)
        assert "Traceback" not in log_of(server)


# --- engines: thread pools and warnings -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("engine", [*ENGINES, "spin-1ms"])
def test_no_engine_lets_a_request_cause_a_warning_or_write_to_the_log(tmp_path, app, engine):
    with started(f"{app} --engine {engine}", tmp_path, env={"PYTHONWARNINGS": "error"}) as server:
        assert_requests_write_nothing_to_the_log(server)


def count_threads(app, engine, folder, **env):
    """Return the threads of each process of a server that has answered, and has one thread for requests."""
    with started(f"{app} --threads 1 --engine {engine}", folder, env=env) as server:
        assert predict_often(server, 20) == {200}
        return [process.num_threads() for process in family(server)]


@pytest.mark.slow
@pytest.mark.parametrize(("app", "engine"), [("flask_app", "forest"), ("fastapi_app", "sklearn")])
def test_the_environment_cannot_widen_the_thread_pools(tmp_path, app, engine):
    one = count_threads(app, engine, tmp_path, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    eight = count_threads(app, engine, tmp_path, OMP_NUM_THREADS="8", OPENBLAS_NUM_THREADS="8")
    assert eight == one


# --- a container whose files cannot be written ----------------------------------------------------------------------

READ_ONLY = """
mount --make-rprivate / && mount -o remount,ro,bind / || exit 9
for folder in /tmp /var/tmp /usr/tmp {more}; do
  [ ! -d $folder ] || {{ mount --bind $folder $folder && mount -o remount,ro,bind $folder; }} || exit 9
done
exec {python} -m {app} {port}
"""


def in_read_only_root(app, port, more=""):
    """Return the command that runs an application where no file can be written, but for /dev/shm unless that is named too."""
    script = READ_ONLY.format(more=more, python=sys.executable, app=app, port=port)
    return [shutil.which("unshare") or "unshare", "--mount", "sh", "-c", script]


needs_root = pytest.mark.skipif(os.getuid() != 0 or not shutil.which("unshare"), reason="only root can make a file system read-only")


@needs_root
@pytest.mark.parametrize("app", ["flask_app", pytest.param("fastapi_app", marks=pytest.mark.slow)])  # the latter needs no such folder
def test_an_application_serves_where_only_shared_memory_can_be_written(tmp_path, app):
    port = free_port()
    with running(app, tmp_path, command=in_read_only_root(app, port), port=port, cwd=ROOT) as server:
        assert server.request("POST", "/predict", BODY, JSON_TYPE).status == 200


@needs_root
def test_where_nothing_can_be_written_flask_says_what_it_needs_and_nothing_else():
    command = in_read_only_root("flask_app", free_port(), more=SHARED_MEMORY)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(
        "python -m flask_app: The server needs a folder for temporary files, and neither /tmp nor /dev/shm can be written;"
    )


def test_an_application_serves_on_a_system_without_file_locks(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['fcntl'] = None\n")
    hidden = {"PYTHONPATH": str(tmp_path)}
    with running("fastapi_app", tmp_path, env=hidden) as server:
        assert server.request("POST", "/predict", BODY, JSON_TYPE).status == 200
    command = [sys.executable, "-m", "flask_app", str(free_port())]
    done = subprocess.run(command, env={**os.environ, **hidden}, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    [line] = done.stderr.splitlines()
    assert (done.returncode, line.startswith("python -m flask_app: gunicorn does not run on this system")) == (1, True)
