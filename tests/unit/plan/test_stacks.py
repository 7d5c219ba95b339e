"""A stack is data; a fault in a stacks file, or in a name, is one sentence that says what is allowed."""

import subprocess
import sys

import pytest
from plan_files import refusal
from serving import ROOT

from bench.plan.stacks import BUNDLED_STACKS, Stack, load_stacks, resolve_stack

HEADLINE = ["flask-gthread", "fastapi-uvicorn", "flask-granian", "fastapi-granian"]
CORE = {"flask_app:create_app", "fastapi_app:create_app", "flask_app"}
COMMAND = 'command = ["serve", "{port}"]'


@pytest.fixture
def read(tmp_path):
    """Return a function that reads the text of a stacks file."""

    def read(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, "utf-8")
        return load_stacks(path)

    return read


@pytest.fixture
def bundled():
    return load_stacks(BUNDLED_STACKS)


def test_the_bundled_file_holds_the_headline_stacks_first(bundled):
    assert list(bundled)[:4] == HEADLINE


def test_every_bundled_stack_is_for_a_known_framework_and_has_words_for_the_report(bundled):
    assert all(stack.framework in {"Flask", "FastAPI", "none"} and stack.label != name for name, stack in bundled.items())


def test_every_bundled_stack_asks_for_one_worker_but_the_development_server_which_has_no_other_way(bundled):
    assert {name for name, stack in bundled.items() if "--workers {workers}" not in " ".join(stack.command)} == {"flask-dev"}
    assert {stack.workers for stack in bundled.values()} == {1}


def test_every_bundled_stack_keeps_idle_connections_for_a_minute_but_those_that_close_after_each_answer(bundled):
    options = ("--keep-alive 60", "--timeout-keep-alive 60", "--http1-header-read-timeout 60000")
    closing = {name for name, stack in bundled.items() if not any(option in " ".join(stack.command) for option in options)}
    assert closing == {"flask-sync", "flask-dev"}


def test_no_bundled_gunicorn_opens_a_control_socket(bundled):
    assert all(("gunicorn" in stack.command) == ("--no-control-socket" in stack.command) for stack in bundled.values())


def test_the_bundled_stacks_that_ask_the_upstream_service_are_those_called_enrich(bundled):
    assert {name for name, stack in bundled.items() if stack.upstream} == {name for name in bundled if "-enrich" in name}


@pytest.mark.parametrize("threads", [8, 32, 128])
def test_a_flask_that_waits_has_the_threads_that_its_name_says(bundled, threads):
    assert f"--threads {threads} " in " ".join(bundled[f"flask-enrich-{threads}"].command)


def test_the_bundled_file_explains_every_key_of_a_stack():
    text = BUNDLED_STACKS.read_text("utf-8").partition("\n[")[0]
    assert {key for key in Stack.__dataclass_fields__ if f"#   {key} " not in text} == {"name"}


def test_a_stack_needs_a_command_only(read):
    assert read(f"[mine]\n{COMMAND}") == {"mine": Stack("mine", ("serve", "{port}"), label="mine")}


def test_every_key_of_a_stack_is_read(read, tmp_path):
    (tmp_path / "app" / "code").mkdir(parents=True)
    [stack] = read(
        f"""
        [mine]
        {COMMAND}
        ready = "/health"
        ready_timeout_s = 45
        framework = "Flask"
        server = "mine"
        server_note = "one thread"
        label = "My server"
        engine = "spin-3ms"
        fixed = false
        bare = "nothing"
        upstream = true
        folder = "app"
        environment = {{ MODE = "fast" }}
        source = "app/code"
        requires = ["flask>=3", "uvicorn[standard]"]
        """
    ).values()
    assert stack == Stack(
        "mine",
        ("serve", "{port}"),
        "/health",
        45,
        "Flask",
        "mine",
        "one thread",
        "My server",
        "spin-3ms",
        fixed=False,
        bare="nothing",
        upstream=True,
        folder=tmp_path / "app",
        environment={"MODE": "fast"},
        source=tmp_path / "app" / "code",
        requires=("flask>=3", "uvicorn[standard]"),
    )


def test_a_source_may_be_a_package_whose_folder_is_looked_up(read, bundled):
    [stack] = read(f'[mine]\n{COMMAND}\nsource = "flask_app"').values()
    assert stack.source == bundled["flask-gthread"].source == ROOT / "flask_app"


def test_a_folder_beside_the_file_goes_before_a_package_of_its_name(read, tmp_path):
    (tmp_path / "flask_app").mkdir()
    [stack] = read(f'[mine]\n{COMMAND}\nsource = "flask_app"').values()
    assert stack.source == tmp_path / "flask_app"


def test_a_package_is_looked_up_without_being_imported():
    program = "import sys; from bench.plan.stacks import *; load_stacks(BUNDLED_STACKS); print({'flask', 'flask_app'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "set()"


def test_every_bundled_stack_that_serves_a_core_application_names_its_source_and_what_it_needs_of_it(bundled):
    core = {name for name, stack in bundled.items() if any(word.removesuffix("()") in CORE for word in stack.command)}
    assert {name for name, stack in bundled.items() if stack.source} == {name for name, stack in bundled.items() if stack.requires} == core
    for name in core:
        framework = bundled[name].framework.lower()
        assert (bundled[name].source.name, bundled[name].requires[0]) == (f"{framework}_app", framework)


def test_every_server_of_a_bundled_stack_is_among_what_it_needs(bundled):
    for stack in bundled.values():
        if stack.requires:
            servers = {"gunicorn", "uvicorn", "granian"} & set(stack.command)
            assert servers == {"gunicorn", "uvicorn", "granian"} & set(stack.requires)
            assert ("uvloop" in stack.command) == ("uvloop" in stack.requires)


def test_a_stack_of_a_later_file_replaces_the_bundled_one(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(f"[flask-gthread]\n{COMMAND}")
    assert load_stacks(BUNDLED_STACKS, path)["flask-gthread"].command == ("serve", "{port}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'[mine]\n{COMMAND}\nlable = "x"', ["mine.toml [mine]", "'lable'", "label", "environment"]),
        ("[mine]\n", ["mine.toml [mine]", "command is missing"]),
        ("mine = 3", ["mine.toml [mine]", "must be a table"]),
        ("[mine]\ncommand = 'serve {port}'", ["mine.toml [mine]", "command must be a list", "'serve {port}'"]),
        ("[mine]\ncommand = []", ["mine.toml [mine]", "list of words", "{port}"]),
        ("[mine]\ncommand = ['serve']", ["mine.toml [mine]", "one of them with {port}"]),
        ("[mine]\ncommand = ['{port}', 1]", ["mine.toml [mine]", "list of words"]),
        (f'[mine]\n{COMMAND}\nframework = "Django"', ["mine.toml [mine]", "'Django'", "Flask, FastAPI, none, other"]),
        (f'[mine]\n{COMMAND}\nready = "health"', ["mine.toml [mine]", "ready", "'health'", "'/'"]),
        (f'[mine]\n{COMMAND}\nengine = "nump"', ["mine.toml [mine]", "'nump'", "numpy, sklearn", "spin-"]),
        (f"[mine]\n{COMMAND}\nfixed = 1", ["mine.toml [mine]", "fixed must be a true or false", "1"]),
        (f'[mine]\n{COMMAND}\nupstream = "yes"', ["mine.toml [mine]", "upstream must be a true or false", "'yes'"]),
        (f"[mine]\n{COMMAND}\nenvironment = {{ N = 1 }}", ["mine.toml [mine]", "environment N must be a text, not 1"]),
        (f"[mine]\n{COMMAND}\nsource = 1", ["mine.toml [mine]", "source must be a text", "1"]),
        (f'[mine]\n{COMMAND}\nsource = "no_such_thing"', ["mine.toml [mine]", "'no_such_thing'", "neither a folder", "nor a package"]),
        (f'[mine]\n{COMMAND}\nsource = "no/such/thing"', ["mine.toml [mine]", "'no/such/thing'", "relative to this file"]),
        (f'[mine]\n{COMMAND}\nsource = "ast"', ["mine.toml [mine]", "'ast'", "nor a package"]),
        (f"[mine]\n{COMMAND}\nrequires = 'flask'", ["mine.toml [mine]", "requires must be a list", "'flask'"]),
        (f"[mine]\n{COMMAND}\nrequires = [1]", ["mine.toml [mine]", "names of distributions", "not 1"]),
        (f"[mine]\n{COMMAND}\nrequires = ['flask', 'a b']", ["mine.toml [mine]", "names of distributions", "'a b'"]),
        (f"[mine-twin]\n{COMMAND}", ["mine.toml [mine-twin]", "does not end in '-twin'"]),
        (f'["mine@numpy"]\n{COMMAND}', ["mine.toml [mine@numpy]", "no blank, '@' or '/'"]),
        (f'["a/b"]\n{COMMAND}', ["mine.toml [a/b]", "no blank, '@' or '/'"]),
        (f'["a b"]\n{COMMAND}', ["mine.toml [a b]", "no blank, '@' or '/'"]),
        (f'[""]\n{COMMAND}', ["mine.toml []", "a stack's name"]),
        ("[mine\n", ["mine.toml is no TOML", "line 1"]),
    ],
)
def test_a_fault_in_a_stacks_file_names_file_key_and_what_is_allowed(read, text, words):
    message = refusal(read, text)
    assert [word for word in words if word not in message] == []


def test_a_stacks_file_that_is_not_there_is_named(tmp_path):
    assert refusal(load_stacks, tmp_path / "none.toml") == f"{tmp_path / 'none.toml'} cannot be read (No such file or directory)."


def test_a_stacks_file_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe")
    assert "binary.toml is no TOML" in refusal(load_stacks, path)


def test_a_name_may_ask_for_another_engine(bundled):
    stack = resolve_stack("flask-gthread@pandas", bundled)
    assert (stack.name, stack.engine, stack.label) == ("flask-gthread@pandas", "pandas", "Flask on gunicorn gthread, engine pandas")
    assert stack.command == resolve_stack("flask-gthread", bundled).command


@pytest.mark.parametrize(
    ("name", "engine", "label"),
    [
        ("flask-gthread@2", "numpy", "Flask on gunicorn gthread, 2 workers"),
        ("flask-gthread@pandas@2", "pandas", "Flask on gunicorn gthread, engine pandas, 2 workers"),
        ("flask-gthread@2-twin", "numpy", "Flask on gunicorn gthread, 2 workers, second copy"),
    ],
)
def test_a_name_may_ask_for_several_workers(bundled, name, engine, label):
    stack = resolve_stack(name, bundled)
    assert (stack.name, stack.workers, stack.engine, stack.label) == (name, 2, engine, label)
    words = " ".join(stack.command)
    assert "--workers 2" in words
    assert "{workers}" not in words


@pytest.mark.parametrize("name", ["flask-gthread@0", "flask-gthread@257", "flask-gthread@2@4"])
def test_a_number_of_workers_that_cannot_be_is_refused(bundled, name):
    assert refusal(resolve_stack, name, bundled).endswith("; allowed are 1 to 256.")


def test_a_command_without_a_place_for_them_has_its_own_workers_alone(bundled):
    assert "the command of flask-dev has no place {workers}" in refusal(resolve_stack, "flask-dev@2", bundled)


def test_a_twin_differs_from_its_stack_in_nothing_but_the_name(bundled):
    twin = resolve_stack("flask-gthread-twin", bundled)
    assert (twin.name, twin.label) == ("flask-gthread-twin", "Flask on gunicorn gthread, second copy")
    assert (twin.command, twin.engine) == (resolve_stack("flask-gthread", bundled).command, "numpy")


def test_a_twin_may_have_an_engine(bundled):
    twin = resolve_stack("flask-gthread@spin-1ms-twin", bundled)
    assert (twin.name, twin.engine) == ("flask-gthread@spin-1ms-twin", "spin-1ms")


@pytest.mark.parametrize("name", ["flask", "-twin", "", "@numpy", "flask-gthread-twin@numpy", "flask-gthread-twin-twin", "Flask-gthread"])
def test_an_unknown_name_is_refused_with_the_names_there_are(bundled, name):
    message = refusal(resolve_stack, name, bundled)
    assert message.startswith("There is no stack ")
    assert all(known in message for known in bundled)


@pytest.mark.parametrize("engine", ["", "nump", "spin-0ms", "numpy@numpy"])
def test_an_unknown_engine_is_refused_with_the_engines_there_are(bundled, engine):
    message = refusal(resolve_stack, f"flask-gthread@{engine}", bundled)
    assert f"'flask-gthread@{engine}'" in message
    assert "choose one of: numpy, sklearn" in message


def test_a_bare_server_takes_no_engine(bundled):
    assert "bare-wsgi-gthread answers a fixed body" in refusal(resolve_stack, "bare-wsgi-gthread@pandas", bundled)
