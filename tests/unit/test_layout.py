"""The layout is the comparison: two adapters with the same files, names and order, over a model that knows no transport."""

import ast
import sys

import pytest
from serving import ROOT

FLASK, FASTAPI, SHARED = ROOT / "flask_app", ROOT / "fastapi_app", ROOT / "shared_model"
# What one adapter needs and the other does not: files, and functions of a file. Each is a difference that the comparison shows.
FLASK_FILES = {"deadlines.py", "worker.py"}  # a thread waits for a head, and for a body
# It has a page of documentation; uvicorn loses the body of a request that offers HTTP/2, and at a stop what comes on an idle connection.
FASTAPI_FILES = {"docs.py", "upgrade.py", "linger.py"}
CORE = sorted({path.name for path in FLASK.glob("*.py")} - FLASK_FILES)
MAX_APP_LINES = 60  # blank ones not counted
MAX_LINES = 320

FLASK_ALONE = {
    "access_log.py": {"__init__", "__iter__", "close"},  # under WSGI the answer's body has a method that tells its end
    "__main__.py": {"load_config", "load", "make_environ"},  # gunicorn is configured by a class; Werkzeug's server changes the address
    "strict.py": {"get_json", "get_data", "read_in_time", "close", "refuse_slashes", "complete_headers", "begin_timing"},
}
FASTAPI_ALONE = {
    "__main__.py": {"__init__", "handle_hup", "keep_subprocess_alive"},  # gunicorn reads its settings again and minds its workers itself
    "app.py": {"lifespan"},  # Flask's factory loads the model itself
    "strict.py": {
        *("strict", "answer", "__init__", "receive", "send", "end", "_take", "_take_in_time", "_complete", "_field", "send_timed"),
    },
}
MODEL_LIBRARIES = {"joblib", "numpy", "pandas", "pydantic", "sklearn"}
TRANSPORTS = ("flask", "werkzeug", "fastapi", "starlette", "gunicorn", "uvicorn", "granian")


def functions(path):
    """Return the names of all functions of a file, nested ones too, in their order."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node.name for node in sorted(nodes, key=lambda node: node.lineno)]


def imported(path):
    """Return the packages that a file imports anywhere."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def test_the_adapters_have_the_same_files():
    flask, fastapi = ({path.name for path in adapter.glob("*.py")} for adapter in (FLASK, FASTAPI))
    assert (flask - fastapi, fastapi - flask) == (FLASK_FILES, FASTAPI_FILES)


@pytest.mark.parametrize("file", CORE)
def test_the_adapters_have_the_same_functions_in_the_same_order(file):
    flask = [name for name in functions(FLASK / file) if name not in FLASK_ALONE.get(file, ())]
    fastapi = [name for name in functions(FASTAPI / file) if name not in FASTAPI_ALONE.get(file, ())]
    assert flask == fastapi


@pytest.mark.parametrize("file", CORE)
def test_a_function_listed_for_one_adapter_alone_is_there_and_only_there(file):
    flask, fastapi = set(functions(FLASK / file)), set(functions(FASTAPI / file))
    assert FLASK_ALONE.get(file, set()) == flask - fastapi
    assert FASTAPI_ALONE.get(file, set()) == fastapi - flask


@pytest.mark.parametrize("adapter", [FLASK, FASTAPI], ids=lambda path: path.name)
def test_the_core_of_an_adapter_stays_small(adapter):
    lines = {file: [line for line in (adapter / file).read_text().splitlines() if line.strip()] for file in CORE}
    assert len(lines["app.py"]) <= MAX_APP_LINES
    assert sum(map(len, lines.values())) <= MAX_LINES


def test_the_shared_model_imports_the_standard_library_and_its_own_libraries_alone():
    own = {*sys.stdlib_module_names, *MODEL_LIBRARIES, "shared_model"}
    assert {path.name: foreign for path in SHARED.rglob("*.py") if (foreign := imported(path) - own)} == {}


def test_the_shared_model_names_no_transport():
    texts = {path.name: path.read_text().lower() for path in SHARED.rglob("*.py")}
    assert [(file, name) for file, text in texts.items() for name in TRANSPORTS if name in text] == []


def locked(name):
    """Return the pins of a lock file, `name==version`."""
    return {line.split(" ")[0] for line in (ROOT / name).read_text().splitlines() if "==" in line.split(" ")[0]}


def test_the_tools_are_locked_with_the_same_versions_of_what_is_measured():
    assert locked("requirements.lock") < locked("requirements-dev.lock")
