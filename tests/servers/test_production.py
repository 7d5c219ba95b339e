"""An application run alone is in production mode on loopback, whatever the environment says, and tells nothing of its versions."""

import json
import re
import sys

import psutil
import pytest
from serving import COMMANDS, message, reserved_port, running, wait_for

from shared_model import contract

APPS = ("flask_app", "fastapi_app")
ASK = message("POST", "/predict", json.dumps(contract.EXAMPLE).encode())
# What frameworks and servers would read from the environment.
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what must not come of it
TEMPTING = {
    "FLASK_DEBUG": "1",
    "FLASK_ENV": "development",
    "UVICORN_RELOAD": "1",
    "UVICORN_HOST": EVERYWHERE,
    "UVICORN_WORKERS": "3",
    "UVICORN_LOG_LEVEL": "trace",
    "WEB_CONCURRENCY": "3",
    "GUNICORN_CMD_ARGS": f"--workers 3 --bind {EVERYWHERE}:1 --reload --access-logfile -",
    "HOST": EVERYWHERE,
    "PORT": "1",
}
# An error of ours in the middle of a prediction.
BROKEN = """
from shared_model.service import Service
def break_off(self, passengers):
    raise ZeroDivisionError("secret")
Service.predict_proba = break_off
"""
VERSION = re.compile(r"\d+\.\d+|gunicorn/|uvicorn|werkzeug|python|granian/|flask|starlette", re.IGNORECASE)
PROCESSES = {"flask_app": 2, "fastapi_app": 1}  # gunicorn has a main process beside the one that serves


@pytest.mark.parametrize("app", APPS)
def test_the_environment_changes_neither_mode_nor_address_nor_number_of_processes(tmp_path, app):
    with running(app, tmp_path, env=TEMPTING) as server:
        process = psutil.Process(server.process.pid)
        family = [process, *process.children(recursive=True)]
        addresses = {each.laddr for one in family for each in one.net_connections() if each.status == psutil.CONN_LISTEN}
        assert addresses == {("127.0.0.1", server.port)}
        assert len(family) == PROCESSES[app]
        before = server.log.read_text()
        answer = server.ask(ASK)
        assert re.sub(rb'[{}:," \n]', b"", answer.body) == b"prediction[0110]"
        assert b"\n " not in answer.body  # debug mode would indent it
        assert server.log.read_text() == before


@pytest.mark.parametrize("app", [*APPS, *(pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS)])
def test_an_error_of_ours_shows_no_traceback_even_if_the_environment_asks_for_debug_mode(tmp_path, app):
    (tmp_path / "sitecustomize.py").write_text(BROKEN)
    env = {"PYTHONPATH": str(tmp_path), "FLASK_DEBUG": "1", "FLASK_ENV": "development"}
    with running(app, tmp_path, env=env) as server:
        answer = server.ask(ASK)
        assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
        assert set(answer.value()[2]) == {"type", "title", "status", "detail"}
        assert b"secret" not in answer.body
        assert b"Traceback" not in answer.body
        wait_for(lambda: "ZeroDivisionError: secret" in server.log.read_text())


@pytest.mark.parametrize("app", APPS)
def test_no_header_of_any_answer_tells_a_version_or_more_than_the_name_of_gunicorn(tmp_path, app):
    with running(app, tmp_path) as server:
        for request in (ASK, message("GET", "/nope"), message("GET", "/model"), message("POST", "/predict", b"["), b"nonsense\r\n\r\n"):
            headers = server.ask(request).headers
            assert headers.pop("server", None) == ("gunicorn" if app == "flask_app" and b"HTTP" in request else None)
            assert [(name, value) for name, value in headers.items() if VERSION.search(value)] == []


@pytest.mark.parametrize("app", APPS)
def test_two_workers_stay_two_whatever_the_environment_says(tmp_path, app):
    with reserved_port() as port:
        command = [sys.executable, "-m", app, str(port), "--workers", "2"]
    with running(app, tmp_path, env=TEMPTING, command=command, port=port) as server:
        wait_for(lambda: server.log.read_text().count("serves model") >= 2)
        children = psutil.Process(server.process.pid).children()
        assert sum("resource_tracker" not in str(child.cmdline()) for child in children) == 2
