"""Settings come from the command line or the environment; a wrong one is a sentence."""

import os
import socket
from pathlib import Path

import pytest

from shared_model.artefacts import DEFAULT_FOLDER
from shared_model.options import OptionError, Options, announce, bind_socket, parse_arguments, read_environment, read_upstream, run_alone


def refusal(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        parse_arguments("some_app", arguments)
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    return line.removeprefix("python -m some_app: ")


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Options(port=listener.getsockname()[1])


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Let no setting from outside count, and bring back what a test exports."""
    for name in ("SERVE_ENGINE", "SERVE_MODEL_DIR", "SERVE_TIMING", "SERVE_ACCESS_LOG"):
        monkeypatch.setenv(name, "")
    return monkeypatch


def test_the_defaults_are_those_of_the_article_and_the_bundled_model():
    expected = Options(host="127.0.0.1", port=12345, workers=1, engine="numpy", model_dir=DEFAULT_FOLDER)
    assert parse_arguments("some_app", []) == expected


def test_each_setting_is_taken_from_the_command_line(environment, tmp_path):
    environment.chdir(tmp_path)
    arguments = ["8000", "--host=::1", "--workers=2", "--threads=3", "--engine=spin-2ms", "--model-dir=here", "--access-log", "--dev"]
    assert parse_arguments("some_app", arguments) == Options("::1", 8000, 2, 3, "spin-2ms", tmp_path / "here", access_log=True, dev=True)


def test_the_command_line_outranks_the_environment(environment):
    environment.setenv("SERVE_ENGINE", "pandas")
    environment.setenv("SERVE_TIMING", "1")
    options = parse_arguments("some_app", ["--engine", "sklearn"])
    assert (options.engine, options.timing) == ("sklearn", True)


def test_settings_are_taken_from_the_environment(tmp_path):
    environ = {"SERVE_ENGINE": "forest", "SERVE_MODEL_DIR": str(tmp_path), "SERVE_TIMING": "1", "SERVE_ACCESS_LOG": "1"}
    assert read_environment(environ) == Options(engine="forest", model_dir=tmp_path, timing=True, access_log=True)


def test_the_address_of_the_passenger_service_is_taken_from_the_environment():
    assert read_upstream({"SERVE_UPSTREAM": "http://127.0.0.1:8001"}) == "http://127.0.0.1:8001"


@pytest.mark.parametrize("environ", [{}, {"SERVE_UPSTREAM": ""}, {"SERVE_UPSTREAM": "127.0.0.1:8001"}])
def test_without_an_address_of_the_passenger_service_one_line_says_what_to_set(environ):
    with pytest.raises(OptionError) as caught:
        read_upstream(environ)
    [line] = str(caught.value).splitlines()
    assert line.startswith(f"SERVE_UPSTREAM is {environ.get('SERVE_UPSTREAM', '')!r}; set it to the address")


@pytest.mark.parametrize("environ", [{}, {"SERVE_ENGINE": "", "SERVE_MODEL_DIR": "", "SERVE_TIMING": ""}, {"SERVE_TIMING": "0"}])
def test_an_empty_environment_means_the_defaults(environ):
    assert read_environment(environ) == Options()


def test_a_relative_model_folder_holds_for_the_working_folder_of_the_start(tmp_path, environment):
    environment.chdir(tmp_path)
    assert read_environment({"SERVE_MODEL_DIR": "here"}).model_dir == tmp_path / "here"


def test_what_is_exported_is_read_back():
    options = Options(engine="spin-1ms", model_dir=Path("/some/where"), timing=True, access_log=True)
    options.export()
    assert read_environment(os.environ) == options


@pytest.mark.parametrize("port", ["0", "-1", "65536", "70000", "abc", "", "80.0", "1e3", " 80", "\u0668\u0660"])
def test_a_wrong_port_is_refused_in_one_line_with_what_to_give(capsys, port):
    line = refusal(capsys, port)
    assert line.startswith("argument PORT: ")
    assert "whole number from 1 to 65535" in line


@pytest.mark.parametrize(("option", "largest"), [("--workers", 64), ("--threads", 256)])
@pytest.mark.parametrize("text", ["0", "-1", "1000", "two"])
def test_a_wrong_number_is_refused_in_one_line_with_what_to_give(capsys, option, largest, text):
    assert refusal(capsys, f"{option}={text}").endswith(f"give a whole number from 1 to {largest}")


def test_an_unknown_engine_is_refused_in_one_line_with_those_there_are(capsys):
    assert refusal(capsys, "--engine", "torch").startswith("argument --engine: There is no engine 'torch'; choose one of: numpy, ")


def test_an_unknown_engine_in_the_environment_is_refused_in_one_line(capsys, environment):
    environment.setenv("SERVE_ENGINE", "torch")
    assert refusal(capsys).startswith("SERVE_ENGINE: There is no engine 'torch'; choose one of: numpy, ")


def test_a_wrong_timing_in_the_environment_is_refused_with_what_to_set():
    with pytest.raises(OptionError, match=r"^SERVE_TIMING is 'yes'; set it to 1 or 0\.$"):
        read_environment({"SERVE_TIMING": "yes"})


def test_an_unknown_option_is_refused_in_one_line(capsys):
    assert refusal(capsys, "--debug") == "unrecognized arguments: --debug"


def test_a_bound_socket_listens_on_the_port(taken):
    with pytest.raises(OptionError):
        bind_socket(taken)
    socket.create_connection((taken.host, taken.port)).close()


def test_a_bound_socket_passes_to_the_servers_processes():
    with bind_socket(Options(port=0)) as listener:
        assert listener.get_inheritable()


def test_a_taken_port_is_refused_with_what_to_do(taken):
    with pytest.raises(OptionError) as caught:
        bind_socket(taken)
    assert str(caught.value) == f"Cannot listen on 127.0.0.1:{taken.port}: it is in use; stop what uses it or choose another port."


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "", "x" * 70, "\udcff"])
def test_an_address_that_is_not_here_is_refused_with_what_to_do(host):
    with pytest.raises(OptionError, match=r": there is no such address here; choose another --host\.$"):
        bind_socket(Options(host=host))


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("::1", "[::1]")])
def test_the_address_is_announced_in_one_line(capsys, host, shown):
    announce("Flask (gunicorn)", Options(host=host, port=8000))
    assert capsys.readouterr().out == f"Flask (gunicorn) on http://{shown}:8000 - stop with Ctrl-C.\n"


def test_a_port_that_cannot_be_had_ends_the_program_with_one_line(environment, taken):
    environment.setattr("sys.argv", ["some_app", str(taken.port)])
    with pytest.raises(SystemExit) as caught:
        run_alone("some_app", bind_socket, bind_socket)
    assert caught.value.code.startswith(f"python -m some_app: Cannot listen on 127.0.0.1:{taken.port}: ")


@pytest.mark.parametrize(("arguments", "expected"), [([], "serve"), (["--dev"], "serve_dev")])
def test_the_development_server_runs_only_when_asked_for(environment, arguments, expected):
    environment.setattr("sys.argv", ["some_app", *arguments])
    calls = []
    run_alone("some_app", lambda _: calls.append("serve"), lambda _: calls.append("serve_dev"))
    assert calls == [expected]


def test_ctrl_c_ends_the_program_quietly(environment):
    def interrupted(_options):
        raise KeyboardInterrupt

    environment.setattr("sys.argv", ["some_app"])
    run_alone("some_app", interrupted, interrupted)
