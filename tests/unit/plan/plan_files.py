"""What the tests of planning share: the text of a small profile, and how a refusal reads."""

import pytest

from bench.errors import ConfigError

COMPARED = """
[pairs.first]
contender = "fastapi-uvicorn"
baseline = "flask-gthread"
judged = [{ role = "primary", metric = "throughput_rps", scenario = "predict-1", load = "closed-16" }]
[changes."another server"]
contender = "fastapi-uvicorn"
baseline = "flask-gthread"
"""
PROFILE = f"""{COMPARED}
[profiles.mine]
purpose = "a test."
slice_ms = 250
settle_ms = 40
warm_up_ms = 100
starts = 0
repeats = 2
limit_s = 600
pairs = ["first"]
[[profiles.mine.parts]]
name = "headline"
stacks = ["flask-gthread", "fastapi-uvicorn", "flask-gthread-twin"]
scenarios = ["predict-1"]
loads = ["closed-16"]
launches = 2
blocks = 1
"""
SECOND_PART = """
[[profiles.mine.parts]]
name = "more"
stacks = ["flask-granian"]
scenarios = ["hello"]
loads = ["closed-1"]
launches = 3
blocks = 1
"""


def refusal(function, *arguments, **options):
    """Return the one line with which a call is refused."""
    with pytest.raises(ConfigError) as caught:
        function(*arguments, **options)
    [line] = str(caught.value).splitlines()
    return line
