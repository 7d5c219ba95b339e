"""Requests made from the OpenAPI document that FastAPI serves, to both servers.

There is never a 5xx, never a hang, and never an answer whose status, media type or value the document does not describe.
"""

import subprocess

import pytest
from serving import ANSWER_TIMEOUT_S, BIN, FUZZ_REQUESTS, message

PER_ROUTE = FUZZ_REQUESTS // 40 or 100
# The tests try the same requests each time.
DRAWN = ["--generation-database", "none"] if FUZZ_REQUESTS else ["--generation-deterministic"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flask-gthread", "fastapi-uvicorn"])
def test_all_that_the_document_describes_and_much_that_it_excludes_is_answered_as_it_says(start, tmp_path, name):
    document = tmp_path / "openapi.json"
    document.write_bytes(start("fastapi-uvicorn").ask(message("GET", "/openapi.json")).body)
    command = [
        *(BIN / "schemathesis", "run", document, "--url", f"http://127.0.0.1:{start(name).port}"),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--max-examples", str(PER_ROUTE)),
        *("--request-timeout", str(ANSWER_TIMEOUT_S), "--warnings", "off", "--no-color", *DRAWN),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    print(done.stdout)  # noqa: T201 - seen with -s
    assert done.returncode == 0, done.stdout
