"""The scenarios for use by hand in Locust's own web page: `locust -f bench/locustfile.py --host http://127.0.0.1:12345`.

The users are plain FastHttpUsers, and each answer is checked. The statistics are Locust's own, in whole milliseconds. The bench
itself does not use this file: it measures with `bench.measure.generator`. Choose scenarios with tags, for example `--tags predict-1`.
"""

from locust import FastHttpUser, tag, task

from bench.measure.answers import agree, read_value
from bench.plan.expected import expected_answer
from bench.plan.scenarios import SCENARIOS
from bench.plan.stacks import Stack

# Either server with its default engine.
DEFAULT_STACK = Stack(name="by hand", command=("started", "by", "hand", "on", "{port}"))


class ModelUser(FastHttpUser):
    """Asks the server at --host, scenario by scenario, without pause."""

    host = "http://127.0.0.1:12345"

    def ask(self, name: str) -> None:
        """Send one request of a scenario and mark it as failed if its answer is not the expected one."""
        scenario = SCENARIOS[name]
        expected = expected_answer(scenario, DEFAULT_STACK)
        posts = scenario.method == "POST"
        with self.client.request(
            scenario.method,
            scenario.path,
            data=scenario.body.decode() if posts else None,
            headers={"Content-Type": "application/json"} if posts else {},
            name=name,
            catch_response=True,
        ) as response:
            if response.status_code == expected.status and agree(read_value(response.content or b""), expected.value):
                response.success()
            else:
                response.failure(f"expected {expected.status} and the known answer, got {response.status_code}")

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
