"""The scenarios for use by hand in Locust's own web page: `locust -f bench/locustfile.py --host http://127.0.0.1:12345`.

The users are plain FastHttpUsers, and each answer is checked. The statistics are Locust's own, in whole milliseconds. The bench
itself does not use this file: it measures with `bench.measure.generator`. Choose scenarios with tags, for example `--tags predict-1`.

It runs under `--master` and `--worker`, too. A worker needs Locust alone (`locust -f - --worker --master-host HOST`): it gets this file
and the scenarios from the master.
"""

import json
from typing import Any

import gevent
from locust import FastHttpUser, events, tag, task
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

# Name -> method, path and body of a scenario, and the status and value of its right answer.
KNOWN: dict[str, dict[str, Any]] = {}
WANTED, SENT = "scenarios-wanted", "scenarios"


class ModelUser(FastHttpUser):
    """Asks the server at --host, scenario by scenario, without pause."""

    host = "http://127.0.0.1:12345"

    def on_start(self) -> None:
        """Wait until the scenarios are here."""
        while not KNOWN:
            gevent.sleep(0.01)

    def ask(self, name: str) -> None:
        """Send one request of a scenario and mark it as failed if its answer is not the expected one."""
        one = KNOWN[name]
        headers = {"Content-Type": "application/json"} if one["body"] else {}
        with self.client.request(one["method"], one["path"], data=one["body"], headers=headers, name=name, catch_response=True) as response:
            if response.status_code == one["status"] and write_value(response.content or b"") == one["value"]:
                response.success()
            else:
                response.failure(f"expected {one['status']} and the known answer, got {response.status_code}")

    @tag("hello")
    @task
    def hello(self) -> None:
        """GET /."""
        self.ask("hello")

    @tag("predict-1")
    @task
    def predict_1(self) -> None:
        """One passenger."""
        self.ask("predict-1")

    @tag("predict-4")
    @task
    def predict_4(self) -> None:
        """The article's four passengers."""
        self.ask("predict-4")

    @tag("predict-100")
    @task
    def predict_100(self) -> None:
        """A hundred passengers."""
        self.ask("predict-100")

    @tag("invalid")
    @task
    def invalid(self) -> None:
        """A passenger that does not validate: 422 is the right answer."""
        self.ask("invalid")


def write_value(body: bytes) -> str:
    """Return the JSON value of a body in one form, whatever the order of its keys; a body that is no JSON as text."""
    try:
        return json.dumps(json.loads(body), sort_keys=True)
    except (ValueError, RecursionError):
        return json.dumps(body.decode("utf-8", errors="replace"))


def read_known() -> dict[str, dict[str, Any]]:
    """Return all scenarios with the right answers of either server with its default engine; only here the bench is needed."""
    from bench.plan.expected import expected_answer  # noqa: PLC0415 - a worker has Locust alone
    from bench.plan.scenarios import SCENARIOS  # noqa: PLC0415
    from bench.plan.stacks import Stack  # noqa: PLC0415

    stack = Stack(name="by hand", command=("started", "by", "hand", "on", "{port}"))
    known = {}
    for name in ("hello", "predict-1", "predict-4", "predict-100", "invalid"):
        scenario = SCENARIOS[name]
        expected = expected_answer(scenario, stack)
        known[name] = {
            "method": scenario.method,
            "path": scenario.path,
            "body": scenario.body.decode() if scenario.method == "POST" else None,
            "status": expected.status,
            "value": json.dumps(expected.value, sort_keys=True),
        }
    return known


def share_scenarios(environment: Environment, **_: Any) -> None:
    """Read the scenarios, or ask the master for them; the master answers each worker that asks."""
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        runner.register_message(SENT, lambda msg, **_: KNOWN.update(msg.data))
        runner.send_message(WANTED)
        return
    KNOWN.update(read_known())
    if isinstance(runner, MasterRunner):
        runner.register_message(WANTED, lambda msg, **_: runner.send_message(SENT, KNOWN, client_id=msg.node_id))


events.init.add_listener(share_scenarios)  # type: ignore[no-untyped-call]
