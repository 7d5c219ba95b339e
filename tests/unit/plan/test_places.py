"""Where load is made and where servers run: what is asked for, and the commands that reach there."""

import pytest

from bench.errors import ConfigError
from bench.plan.places import HERE, LoadPlaces, ServerPlace, fill_template, make_load, make_server_place

WORDS = ["-m", "a.module", "10.0.0.1"]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{command}", ["py thon", *WORDS]),
        ("ip netns exec one", ["ip", "netns", "exec", "one", "py thon", *WORDS]),
        ("ssh host {command}", ["ssh", "host", "py thon", *WORDS]),
        ("ssh host 'cd there && {command}'", ["ssh", "host", "cd there && 'py thon' -m a.module 10.0.0.1"]),
        ("ssh host .venv/bin/python {arguments}", ["ssh", "host", ".venv/bin/python", *WORDS]),
        ("ssh host 'cd there && .venv/bin/python {arguments}'", ["ssh", "host", "cd there && .venv/bin/python -m a.module 10.0.0.1"]),
    ],
)
def test_a_template_takes_a_command_where_it_says_or_at_its_end(template, words):
    assert fill_template(template, "py thon", WORDS) == words


def test_without_a_wish_the_generator_makes_the_load_itself():
    assert make_load() == LoadPlaces()
    assert make_load().count_here() == 1


def test_processes_here_and_elsewhere_add_up():
    load = make_load(2, ["ssh one", "ssh two"], "10.0.0.1:5557")
    assert load == LoadPlaces((HERE, HERE, "ssh one", "ssh two"), "10.0.0.1", 5557)
    assert load.count_here() == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), r"^--load-processes: allowed are 1 to 64 load processes, with those of --load-from\.$"),
        ((60, ["ssh host"] * 5), r"^--load-processes: allowed are 1 to 64"),
        ((None, ["ssh 'host"]), r"^--load-from: \"ssh 'host\" cannot be read as a command: No closing quotation\.$"),
        ((None, [" "]), r"^--load-from: the template is empty; name the command that reaches the machine, such as 'ssh host'\.$"),
        ((2, [], "10.0.0.1:x"), r"^--load-bind: '10\.0\.0\.1:x' is no address, such as 10\.0\.0\.1 or 10\.0\.0\.1:5557\.$"),
        ((2, [], ":80"), r"^--load-bind: ':80' is no address"),
        ((2, [], "a:70000"), r"^--load-bind: 'a:70000' is no address"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments, message):
    with pytest.raises(ConfigError, match=message):
        make_load(*arguments)


def test_servers_elsewhere_have_a_template_and_an_address():
    assert make_server_place(None, None) == ServerPlace()
    assert make_server_place("ssh host", "10.0.0.2") == ServerPlace("ssh host", "10.0.0.2")


@pytest.mark.parametrize("given", [("ssh host", None), (None, "10.0.0.2")])
def test_one_without_the_other_is_refused(given):
    with pytest.raises(ConfigError, match=r"^--servers-from and --servers-at belong together"):
        make_server_place(*given)
