"""The steps, each started as a reader starts it: what of the contract they keep, and what they answer where they keep it not."""

import contextlib
import json
import re
import subprocess
import sys
import tomllib
from functools import partial
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
import test_http_contract as http_contract
from jsonschema import Draft202012Validator
from passengers import USERS, Place, ask_at_once, enquiry
from serving import JSON, ROOT, message, reserved_port, running, wait_for

from shared_model import contract

APPS = ("flask", "fastapi")
AFTER = {step["name"]: step["after"] for step in tomllib.loads((ROOT / "flask_app" / "steps" / "steps.toml").read_text("utf-8"))["steps"]}
PROBLEM = contract.PROBLEM_TYPE

# What a step promises of the contract; it keeps the promises of the step that it grew from.
CLAIMS = {
    "hello": [http_contract.test_the_root_welcomes],
    "predict": [
        http_contract.test_the_articles_example_gives_its_predictions,
        http_contract.test_predictions_are_json_integers,
        http_contract.test_a_body_may_hold_1_to_1000_passengers,
        http_contract.test_json_types_are_taken,
        http_contract.test_unicode_encodings_are_recognised,
        http_contract.test_ignored_keys_may_hold_anything,
        http_contract.test_the_last_of_repeated_names_wins,
        http_contract.test_a_query_string_changes_nothing,
        http_contract.test_an_encoded_path_is_the_path,
    ],
    "validated": [],  # its answers to what is invalid are each framework's own; see STATUSES
    "errors": [
        http_contract.test_an_unknown_path_is_not_found,
        http_contract.test_a_head_request_to_an_unknown_path_is_not_found,
        partial(http_contract.test_a_method_that_a_route_does_not_take_is_not_allowed, path="/"),
        partial(http_contract.test_a_method_that_a_route_does_not_take_is_not_allowed, path="/predict"),
        http_contract.test_another_type_is_refused,
        http_contract.test_a_missing_type_is_refused,
        http_contract.test_a_broken_form_is_refused_by_its_type,
        http_contract.test_a_body_that_is_no_json_is_malformed,
        partial(http_contract.test_invalid_passengers_are_named_one_by_one, path="/predict"),
        http_contract.test_the_first_100_errors_are_listed_and_the_rest_is_counted,
        http_contract.test_errors_are_omitted_from_the_101st_on,
        http_contract.test_no_answer_holds_what_was_sent,
    ],
    "documented": [],
    "async_io": [],
    "tested": [],
}

# What is wrong, and the status that each step answers: where the two differ, it is the framework's, and nobody has said otherwise yet.
BAD = {
    "malformed JSON": message("POST", "/predict", b"[{"),
    "another type": message("POST", "/predict", b"[{}]", Content_Type="text/plain"),
    "no body": message("POST", "/predict", Content_Type=JSON, Content_Length="0"),
    "unknown address": message("GET", "/nope"),
    "another method": message("DELETE", "/"),
    "a record that is none": message("POST", "/predict", b"[1]"),
    "an invalid record": message("POST", "/predict", b'[{"Age": -1}]'),
    "NaN in a record": message("POST", "/predict", b'[{"Age": NaN}]'),
}
STATUSES = {
    "hello": {"flask": (404, 404, 404, 404, 405, 404, 404, 404), "fastapi": (404, 404, 404, 404, 405, 404, 404, 404)},
    "predict": {"flask": (400, 415, 400, 404, 405, 500, 500, 500), "fastapi": (422, 422, 422, 404, 405, 422, 500, 500)},
    # FastAPI repeats in its answer what was sent, and fails where that is NaN.
    "validated": {"flask": (400, 415, 400, 404, 405, 422, 422, 422), "fastapi": (422, 422, 422, 404, 405, 422, 422, 500)},
    "errors": {"flask": (400, 415, 400, 404, 405, 422, 422, 422), "fastapi": (400, 415, 422, 404, 405, 422, 422, 422)},
}
STATUSES.update(documented=STATUSES["errors"], tested=STATUSES["errors"], async_io=STATUSES["validated"])

ASYNC = ["flask-async_io", "flask-async_views", "fastapi-async_io"]


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """Where the service is that knows the passengers."""
    with running("bench.servers.upstream", tmp_path_factory.mktemp("upstream")) as behind, reserved_port() as port:
        place = Place(port, behind.port)
        place.come_up()
        yield place
        place.go_down()


@pytest.fixture(scope="session")
def serve(tmp_path_factory, place):
    """Return a function from an application and a step to its server, which is started once."""
    servers = {}
    environment = {"SERVE_UPSTREAM": f"http://127.0.0.1:{place.port}"}
    with contextlib.ExitStack() as stops:

        def served(app, step):
            if (app, step) not in servers:
                name = f"{app}_app.steps.{step}"
                servers[app, step] = stops.enter_context(running(name, tmp_path_factory.mktemp(name), env=environment))
            return servers[app, step]

        yield served


@pytest.fixture(params=APPS)
def app(request):
    return request.param


def kept_by(step):
    """Return what a step promises, with the promises of those that it grew from."""
    return [*kept_by(AFTER[step]), *CLAIMS[step]] if step else []


def name(promise):
    if not isinstance(promise, partial):
        return promise.__name__.removeprefix("test_")
    return f"{name(promise.func)} {promise.keywords['path']}"


PROMISES = [pytest.param(step, promise, id=f"{step}: {name(promise)}") for step in CLAIMS for promise in kept_by(step)]


@pytest.mark.parametrize(("step", "promise"), PROMISES)
def test_a_step_keeps_what_it_promises_of_the_contract(serve, app, step, promise):
    promise(serve(app, step))


@pytest.mark.parametrize("step", STATUSES)
def test_what_is_wrong_has_the_status_that_its_step_has_come_to(serve, app, step):
    answers = {case: serve(app, step).ask(request).status for case, request in BAD.items()}
    assert answers == dict(zip(BAD, STATUSES[step][app], strict=True))


def test_every_step_is_tested():
    assert AFTER.keys() == CLAIMS.keys() == STATUSES.keys()


def test_a_failure_of_its_own_is_a_problem_without_a_traceback(app, tmp_path):
    with running(f"{app}_app.steps.errors", tmp_path, env={"SERVE_MODEL_DIR": str(tmp_path)}) as server:
        answer = server.ask(message("POST", "/predict", http_contract.ARTICLE)).value()
        assert answer == http_contract.problem(500, "Internal Server Error", "The server failed to answer this request. Its log says why.")
        wait_for(lambda: "Failure: The model is not ready." in server.log.read_text())


def test_framework_and_pydantic_name_what_is_invalid(serve, app):
    status, media_type, answer = serve(app, "validated").ask(message("POST", "/predict", b'[{}, {"Age": -1}]')).value()
    assert (status, media_type) == (422, JSON)
    [fault] = answer["detail"]
    assert fault["loc"][-2:] == [1, "Age"]
    assert fault["msg"] == "Input should be greater than or equal to 0"


def test_make_serves_a_step_at_the_articles_port_unless_another_is_asked_for(app):
    for port, words in [(12345, ()), (8001, ("PORT=8001",))]:
        command = ["make", "--no-print-directory", "--dry-run", "step", "STEP=predict", f"APP={app}", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == f"exec .venv/bin/python -m {app}_app.steps.predict {port}"


# --- documented -----------------------------------------------------------------------------------------------------

ANSWERS = {
    200: message("POST", "/predict", http_contract.ARTICLE),
    400: BAD["malformed JSON"],
    415: BAD["another type"],
    422: BAD["an invalid record"],
}


class Named(HTMLParser):
    """The files that a page names."""

    def __init__(self, page):
        super().__init__()
        self.files = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.files += [value for name, value in attrs if name in {"src", "href"} and tag in {"script", "link", "img"}]


@pytest.fixture
def documented(serve, app):
    return serve(app, "documented")


@pytest.fixture
def document(documented):
    return documented.ask(message("GET", "/openapi.json")).value()[2]


def find_schema(document, content):
    """Return the one media type of a request or an answer, and its schema, in which references lead to the document's components."""
    [(media_type, described)] = content.items()
    return media_type, Draft202012Validator({**described["schema"], "components": document["components"]})


def test_the_page_and_all_its_files_come_from_the_server(documented):
    host = f"http://127.0.0.1:{documented.port}"
    place, answer = f"{host}/docs", documented.request("GET", "/docs")
    if answer.status == 302:
        place = urljoin(place, answer.headers["location"])
        answer = documented.request("GET", place.removeprefix(host))
    page = answer.body.decode()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    [described] = re.findall(r"""["']([^"'\s]*openapi\.json)["']""", page)
    files = [urljoin(place, name) for name in (*Named(page).files, described)]
    assert {f"{address.scheme}://{address.netloc}" for address in map(urlsplit, files)} == {host}
    assert {name: documented.request("GET", name.removeprefix(host)).status for name in files} == dict.fromkeys(files, 200)
    assert {name.rpartition(".")[2] for name in files} >= {"js", "css", "json"}
    assert re.findall(r"https?://[^\s\"'<>]+", page) == []


def test_the_page_shows_the_document(documented, document):
    shown = {"flask": "/openapi/openapi.json", "fastapi": "/openapi.json"}[documented.name.partition("_")[0]]
    assert documented.ask(message("GET", shown)).value() == (200, JSON, document)


def test_the_document_has_the_routes_and_all_that_it_refers_to(document):
    assert (document["openapi"], document["info"]) == ("3.1.0", {"title": "Titanic survival", "version": "1.0.0"})
    assert {path: list(methods) for path, methods in document["paths"].items()} == {"/": ["get"], "/predict": ["post"]}
    references = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document)))
    schemas = document["components"]["schemas"]
    assert references <= schemas.keys() <= {"Passenger", "Passengers", "Prediction", "Problem"}
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


def test_the_body_is_an_array_of_passengers_with_the_articles_example(document):
    body = document["paths"]["/predict"]["post"]["requestBody"]
    media_type, validator = find_schema(document, body["content"])
    assert (media_type, body["required"]) == (JSON, True)
    good, bad = [[{}], [{"Age": 24, "Sex": "female", "Embarked": None}]], [[], {}, [1], [{"Age": -1}], [{"Sex": "x"}], [{}] * 1001]
    assert ([validator.is_valid(one) for one in good], [validator.is_valid(one) for one in bad]) == ([True] * 2, [False] * 6)
    schema = document["components"]["schemas"].get("Passengers") or body["content"][JSON]["schema"]
    assert schema["examples"] == [contract.EXAMPLE]


def test_what_is_declared_is_answered(documented, document):
    declared = document["paths"]["/predict"]["post"]["responses"]
    assert {int(status): list(answer["content"]) for status, answer in declared.items()} == {
        200: [JSON],
        **{status: [PROBLEM] for status in (400, 415, 422, 500)},
    }
    for status, request in ANSWERS.items():
        media_type, validator = find_schema(document, declared[str(status)]["content"])
        answer = documented.ask(request).value()
        assert answer[:2] == (status, media_type)
        validator.validate(answer[2])
        assert not validator.is_valid({}), status
    kinds = (contract.Kind.MALFORMED, contract.Kind.NOT_JSON, contract.Kind.INVALID, contract.Kind.INTERNAL)
    assert {status: declared[str(status)]["description"] for status in (400, 415, 422, 500)} == {kind.status: kind.title for kind in kinds}


def test_the_root_is_declared_to_answer_text_and_nothing_else(document):
    declared = document["paths"]["/"]["get"]["responses"]
    assert {status: answer["content"] for status, answer in declared.items()} == {"200": {"text/plain": {"schema": {"type": "string"}}}}


# --- async_io -------------------------------------------------------------------------------------------------------


@pytest.fixture(params=ASYNC)
def enriching(request, serve):
    return serve(*request.param.split("-"))


def test_another_service_knows_the_passengers(enriching):
    answers = [enriching.ask(enquiry(passenger)).value() for passenger in (1, 2, 3, 4)]
    assert answers == [(200, JSON, {"prediction": [value]}) for value in (0, 1, 1, 0)]
    http_contract.test_the_articles_example_gives_its_predictions(enriching)


def test_an_enquiry_is_checked_and_a_passenger_that_nobody_knows_is_a_failure(enriching):
    assert [enriching.ask(enquiry(passenger)).status for passenger in (0, "2", 5)] == [422, 422, 500]


def test_requests_wait_at_once(place, enriching):
    place.service.expect(USERS)
    assert {status for status, _, _ in ask_at_once(enriching, enquiry(2))} == {200}
    assert place.service.most == USERS


# --- tested ---------------------------------------------------------------------------------------------------------


def test_the_tests_of_the_step_tested_pass_as_a_reader_runs_them(app):
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-q", f"{app}_app/steps/tested.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "5 passed" in done.stdout, done.stdout
