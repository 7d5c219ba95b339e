"""The images and the compose file where no engine runs: their files are read, and a server is built and run as its Dockerfile says.

A fresh environment takes the place of the image. What Docker would do with `USER` is left out; a superuser loses its rights instead.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from ruamel.yaml import YAML
from serving import JSON, ROOT, START_TIMEOUT_S, free_port, message, running, wait_for

from shared_model.contract import EXAMPLE

DEPLOY = ROOT / "deploy"
SERVERS = ("flask", "fastapi")
IMAGES = (*SERVERS, "bench")
STEP_TIMEOUT_S = 300  # packages may come from afar
STOP_TIMEOUT_S = 10  # what an engine grants before it kills
LITTLE = {"read_only": True, "tmpfs": ["/tmp"], "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}  # noqa: S108
SERVICES = YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"]


def read_stages():
    """Return the instructions of each stage, as pairs of name and rest, after those of the stage that it builds upon."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", "")
    stages = {}
    for line in filter(None, text.splitlines()):
        name, rest = line.split(maxsplit=1)
        if name == "FROM":
            base, _, stage = rest.split()
            stages[stage] = [*stages.get(base, [(name, base)])]
        else:
            stages[stage].append((name, rest))
    return stages


STAGES = read_stages()


def find(stage, name):
    """Return what the instructions of one name say in a stage."""
    return [rest for instruction, rest in STAGES[stage] if instruction == name]


def command(stage, name, port):
    """Return the words of the last CMD or HEALTHCHECK, with another port than the image's own."""
    [image_port] = find(stage, "EXPOSE")
    return json.loads(re.search(r"\[.*\]", find(stage, name)[-1])[0].replace(image_port, str(port)))


def copied(rest):
    """Return the file or folder of this machine that a COPY takes, and where to."""
    *_, source, target = rest.split()
    return ROOT / source.removeprefix("/app/"), target


# --- what the files say ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", SERVERS)
def test_the_lock_of_a_server_is_a_part_of_the_lock_of_the_bench(server):
    files = DEPLOY / f"{server}.lock", ROOT / "requirements.lock"
    served, measured = ({line.rstrip(" \\") for line in path.read_text().splitlines()} for path in files)
    assert served <= measured
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"][f"serve-{server}"]
    assert {name for name in asked if not any(line.startswith(f"{name}==") for line in served)} == set()
    assert [line for line in served if re.match(r"(joblib|pandas|scikit-learn|scipy)==", line)] == []


def test_all_that_is_copied_is_there_and_is_sent_to_the_engine():
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    copies = {rest for stage in STAGES for rest in find(stage, "COPY")}
    assert len(copies) >= 7
    assert {rest for rest in copies if not copied(rest)[0].exists()} == set()
    own = {word for rest in copies if not rest.startswith("--from") for word in rest.split()[:-1]}
    assert {source for source in own if f"!{source.partition('/')[0]}" not in sent} == set()


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_its_command_itself_as_a_numbered_user_without_rights(image):
    """Without a shell between them, a signal to stop reaches the server. A server listens on all addresses of its container."""
    words = json.loads(find(image, "CMD")[-1])
    assert words[:2] == ["python", "-m"]
    assert image not in SERVERS or words[2:6] == [f"{image}_app", *find(image, "EXPOSE"), "--host", "0.0.0.0"]  # noqa: S104
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", find(image, "USER")[-1])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_builds_a_known_image_and_gives_its_container_little(name):
    service = SERVICES[name]
    build = service["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    assert build["target"] == (name if name in SERVERS else "bench")
    assert {**service, **LITTLE} == service
    assert service["mem_limit"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_published_on_loopback_alone_and_those_of_the_servers_by_the_port_of_their_image(name):
    ports = SERVICES[name].get("ports", [])
    assert [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)] == []
    assert name not in SERVERS or [port.rpartition(":")[2] for port in ports] == find(name, "EXPOSE")


def test_no_file_of_the_folder_names_a_registry_or_a_path_of_a_machine():
    private = re.compile(r"/simple\b|(?<!emit-)index-url|/home/|/root/|https?://(?!127\.0\.0\.1|\$\{SERVER)")
    files = [path for path in DEPLOY.iterdir() if path.is_file()]
    assert {path.name: found[0] for path in files if (found := private.search(path.read_text("utf-8")))} == {}


def test_the_readme_of_the_folder_is_short_and_names_each_service():
    text = (DEPLOY / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 60
    assert {name for name in SERVICES if name not in SERVERS and not re.search(rf"docker compose .*\b{name}\b", text)} == set()


# --- what they do ---------------------------------------------------------------------------------------------------


class Probed(BaseHTTPRequestHandler):
    """Answers /readyz with the status of the server's `ready_status`, and anything else with 404."""

    def do_GET(self):
        self.send_response(self.server.ready_status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def probed() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Probed) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("image", SERVERS)
@pytest.mark.parametrize(("ready_status", "exit_status"), [(200, 0), (503, 1)])
def test_the_health_check_calls_a_server_healthy_when_it_is_ready(image, probed, ready_status, exit_status):
    probed.ready_status = ready_status
    _, *arguments = command(image, "HEALTHCHECK", probed.server_port)
    done = subprocess.run([sys.executable, *arguments], env={"http_proxy": "http://127.0.0.1:9"}, check=False, timeout=START_TIMEOUT_S)
    assert done.returncode == exit_status


def build(image, folder):
    """Do what COPY and RUN of an image say, in a folder and a fresh environment instead of an image; return both."""
    environment, app = folder / "environment", folder / "app"
    app.mkdir()
    subprocess.run([sys.executable, "-m", "venv", environment], check=True, timeout=STEP_TIMEOUT_S)
    path = f"{environment / 'bin'}:{os.environ['PATH']}"
    for name, rest in STAGES[image]:
        if name == "COPY":
            source, target = copied(rest)
            copy(source, app / target)
        elif name == "RUN":
            words = [shutil.which("sh"), "-ec", rest]
            subprocess.run(words, cwd=app, env={**os.environ, "PATH": path}, check=True, timeout=STEP_TIMEOUT_S)
    return environment, app


def copy(source, target):
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir(exist_ok=True)
        shutil.copy(source, target)


def without_rights():
    """Return the words before a command that make permissions of files hold for a superuser, too."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("a superuser without setpriv cannot give its rights away")
    return [setpriv, "--bounding-set=-all"]


@pytest.mark.slow
@pytest.mark.parametrize("image", SERVERS)
def test_an_image_serves_by_its_own_files_alone_which_it_cannot_write_and_stops_at_sigterm(image, tmp_path):
    environment, app = build(image, tmp_path)
    for path in (app, *app.rglob("*")):
        path.chmod(path.stat().st_mode & 0o555)
    port = free_port()
    variables = [word for rest in find(image, "ENV") for word in rest.split()]
    prefix = [*without_rights(), shutil.which("env"), "-i", f"PATH={environment / 'bin'}", *variables]

    def run(*words):
        return subprocess.run([*prefix, *words], cwd=app, capture_output=True, check=False, timeout=START_TIMEOUT_S).returncode

    health_check = command(image, "HEALTHCHECK", port)
    assert [run("python", "-c", code) for code in ("open('new', 'w')", "import sklearn", "import pandas", "import pip")] == [1] * 4
    assert run(*health_check) == 1
    with running(image, tmp_path, command=[*prefix, *command(image, "CMD", port)], port=port, cwd=app) as server:
        wait_for(lambda: run(*health_check) == 0)
        answer = server.ask(message("POST", "/predict", json.dumps(EXAMPLE).encode()))
        assert answer.value() == (200, JSON, {"prediction": [0, 1, 1, 0]})
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(STOP_TIMEOUT_S) in {0, -signal.SIGTERM}
        assert "Traceback" not in server.log.read_text()
