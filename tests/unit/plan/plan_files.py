"""What the tests of planning share: the text of a small profile, and how a refusal reads."""

import pytest

from bench.errors import ConfigError

PROFILE = """
[mine]
purpose = "a test."
slice_ms = 250
settle_ms = 40
warm_up_ms = 100
starts = 0
repeats = 2
pairs = [["fastapi-uvicorn", "flask-gthread"]]
[[mine.parts]]
name = "headline"
stacks = ["flask-gthread", "fastapi-uvicorn", "flask-gthread-twin"]
scenarios = ["predict-1"]
loads = ["closed-16"]
launches = 2
blocks = 1
"""
SECOND_PART = """
[[mine.parts]]
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
