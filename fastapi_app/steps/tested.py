"""Step `tested`: FastAPI's own test client asks `errors`: `pytest fastapi_app/steps/tested.py`."""

import sys
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi.testclient import TestClient

from fastapi_app.steps.errors import create_app
from shared_model import contract


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app()) as client:
        yield client


def test_the_root_welcomes(client: TestClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert response.text == "Welcome to machine learning model APIs!"


def test_the_articles_passengers_are_predicted(client: TestClient) -> None:
    response = client.post("/predict", json=contract.EXAMPLE)
    assert response.status_code == 200
    assert response.json() == {"prediction": [0, 1, 1, 0]}


def test_an_invalid_passenger_is_named(client: TestClient) -> None:
    response = client.post("/predict", json=[{"Age": -1}])
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/0/Age"


def test_a_body_that_is_no_json_is_malformed(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    response = client.post("/predict", content="[{", headers=headers)
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"


def test_an_unknown_address_is_not_found(client: TestClient) -> None:
    response = client.get("/nope")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 12345
    uvicorn.run(create_app(), port=port)
