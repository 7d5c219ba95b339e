"""The scenarios for Locust's own web page: what is not the known answer is a failed request."""

import contextlib
import json
import re
import subprocess
import sys

import pytest
from serving import ROOT, free_port, running

PAGE = """
import http.server, sys

class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"<html>Sign in</html>")

    def do_GET(self):
        self.answer(b"ok")

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""


# A user who asks three times, as Locust would let him do for longer.
USER = """
import locust, sys
from locust.env import Environment
from bench.locustfile import ModelUser, share_scenarios

ModelUser.host = sys.argv[1]
environment = Environment(user_classes=[ModelUser])
environment.create_local_runner()
share_scenarios(environment)
user = ModelUser(environment)
for _ in range(3):
    user.ask(sys.argv[2])
print(environment.stats.total.num_requests, *(f"{one.occurrences} x {one.error}" for one in environment.stats.errors.values()), sep="; ")
"""


def ask(port, scenario):
    """Return the number of requests of a user, and how many failed and why."""
    command = [sys.executable, "-c", USER, f"http://127.0.0.1:{port}", scenario]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@pytest.mark.parametrize("scenario", ["predict-1", pytest.param("invalid", marks=pytest.mark.slow)])
def test_a_page_in_place_of_json_is_a_failed_request(tmp_path, scenario):
    port = free_port()
    with running("page", tmp_path, command=[sys.executable, "-c", PAGE, str(port)], port=port) as server:
        said = ask(server.port, scenario)
    assert re.fullmatch(r"3; 3 x .*expected \d+ and the known answer, got 200.*", said)


def test_the_known_answer_is_none(tmp_path):
    with running("fastapi_app", tmp_path) as server:
        assert ask(server.port, "predict-4") == "3"


# A machine on which Locust is installed and nothing of ours.
ONLY_LOCUST = """
import sys
for module in ("bench", "shared_model", "flask_app", "fastapi_app"):
    sys.modules[module] = None
from locust.main import main
main()
"""


@pytest.mark.slow
def test_workers_with_locust_alone_get_the_scenarios_from_the_master(tmp_path):
    port = free_port()
    with running("flask_app", tmp_path) as server, contextlib.ExitStack() as exits:
        master = [*(sys.executable, "-m", "locust", "-f", "bench/locustfile.py", "--master", "--master-bind-host", "127.0.0.1")]
        master += ["--master-bind-port", str(port), "--headless", "--expect-workers", "2", "-u", "4", "-r", "4", "-t", "2s"]
        master += ["--host", f"http://127.0.0.1:{server.port}", "--only-summary", "--json"]
        worker = [sys.executable, "-c", ONLY_LOCUST, "-f", "-", "--worker", "--master-host", "127.0.0.1", "--master-port", str(port)]
        leading = subprocess.Popen(master, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        exits.callback(end, leading)
        for _ in range(2):
            exits.callback(end, subprocess.Popen(worker, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        out, err = leading.communicate(timeout=60)
    assert leading.returncode == 0, err
    rows = {row["name"]: row for row in json.loads(out)}
    assert set(rows) == {"hello", "predict-1", "predict-4", "predict-100", "invalid"}
    assert all(row["num_requests"] > 0 and row["num_failures"] == 0 for row in rows.values())


def end(process):
    process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
