"""All workers of an application run alone serve one model, whatever is trained and whichever of them is started again, until HUP."""

import contextlib
import json
import math
import re
import signal
import sys

import psutil
import pytest
from serving import message, reserved_port, running, wait_for

from shared_model.artefacts import Serving, load_set, save_set
from shared_model.features import COLUMNS

ASK = message("POST", "/predict_proba", b'[{"Age": 30}]')
NOT_READY = 503


def train(folder, probability):
    """Save a model that gives every passenger this probability, and return the beginning of its checksum."""
    serving = Serving(COLUMNS, (0.0,) * len(COLUMNS), math.log(probability / (1 - probability)), 28.0, 0.5)
    card = {"libraries": load_set().card["libraries"]}
    save_set(folder, {"model.joblib": 1, "model_columns.joblib": 2, "forest.joblib": 3}, serving, card)
    return load_set(folder).digest[:12]


class Workers:
    """The two workers of a server: what they have said and what they answer."""

    def __init__(self, server):
        self.server = server

    def said(self):
        """Return what each worker said at its start: the checksum of its model, or the status without one."""
        lines = re.findall(r"serves model (\w+) with|(The model is not ready)", self.server.log.read_text())
        return [digest or NOT_READY for digest, _ in lines]

    def answers(self):
        """Return the different answers of many requests, each on a connection of its own."""
        seen = set()
        for _ in range(30):
            answer = self.server.ask(ASK)
            seen.add(round(json.loads(answer.body)["probability"][0], 2) if answer.status == 200 else answer.status)
        return seen

    def pids(self):
        """Return the ids of the workers; multiprocessing has a process of its own beside them."""
        found = set()
        for child in psutil.Process(self.server.process.pid).children():
            with contextlib.suppress(psutil.Error):  # it ended meanwhile
                if "resource_tracker" not in str(child.cmdline()):
                    found.add(child.pid)
        return found

    def kill_one(self):
        """End a worker, and wait until the one that replaces it has started."""
        before = len(self.said())
        psutil.Process(min(self.pids())).kill()
        wait_for(lambda: len(self.said()) > before)

    def hang_up(self):
        """Send HUP to the parent, and wait until both workers have been replaced."""
        before = len(self.said())
        old = self.pids()
        self.server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(self.said()) >= before + 2)
        wait_for(lambda: not old & self.pids())


@pytest.mark.parametrize("app", ["flask_app", "fastapi_app"])
def test_all_workers_serve_one_model_until_hup(tmp_path, app):
    folder = tmp_path / "model"
    first = train(folder, 0.15)
    with reserved_port() as port:
        command = [sys.executable, "-m", app, str(port), "--workers", "2", "--model-dir", str(folder)]
    with running(app, tmp_path, command=command, port=port) as server:
        workers = Workers(server)
        wait_for(lambda: len(workers.said()) == 2)
        second = train(folder, 0.85)
        workers.kill_one()
        wait_for(lambda: workers.answers() == {0.15})
        workers.hang_up()
        wait_for(lambda: workers.answers() == {0.85})
        assert workers.said() == [first] * 3 + [second] * 2

        train(folder, 0.25)
        last = train(folder, 0.35)  # the second model is gone by now
        workers.kill_one()
        assert workers.said()[5:] == [NOT_READY]
        assert workers.answers() <= {0.85, NOT_READY}
        workers.hang_up()
        wait_for(lambda: workers.answers() == {0.35})
        assert workers.said()[6:] == [last] * 2
