"""What an application needs is found from what its distributions ask for, on small ones that are written beside the real ones."""

from importlib.metadata import PackageNotFoundError

import pytest

from bench.measure.packages import count_installed_bytes, find_distributions

NEEDS = {
    "Alpha": ["beta_two>=1", 'gamma; extra == "fast"', 'delta; python_version < "3"'],
    "beta-two": ["alpha", "epsilon[more]"],
    "gamma": [],
    "epsilon": ['zeta; extra == "more"', 'gamma; extra == "other"'],
    "zeta": [],
}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install the small distributions: each has a file of 7 bytes by its record, one of 5 whose size no record tells, and bytecode."""
    for name, needs in NEEDS.items():
        folder = tmp_path / f"{name.replace('-', '_').lower()}-1.0.dist-info"
        folder.mkdir()
        required = "".join(f"Requires-Dist: {text}\n" for text in needs)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{required}")
        (folder / "RECORD").write_text(f"{name}.py,sha256=x,7\n{name}.so,,\ngone.so,,\n{name}.pyc,,\n{name}2.pyc,sha256=x,9\n")
        (tmp_path / f"{name}.so").write_bytes(b"12345")
        (tmp_path / f"{name}.pyc").write_bytes(b"123")
    monkeypatch.syspath_prepend(str(tmp_path))


def names(*requires):
    return [one.metadata["Name"] for one in find_distributions(requires)]


@pytest.mark.parametrize(
    ("requires", "found"),
    [
        (["gamma"], ["gamma"]),
        (["gamma", "GAMMA>=0.1", "gamma"], ["gamma"]),
        (["epsilon"], ["epsilon"]),
        (["epsilon[more]"], ["epsilon", "zeta"]),
        (["epsilon", "epsilon[more]"], ["epsilon", "zeta"]),
        (["epsilon[more,other]"], ["epsilon", "gamma", "zeta"]),
        (["alpha"], ["Alpha", "beta-two", "epsilon", "zeta"]),
        (["beta.two", "alpha[fast]"], ["Alpha", "beta-two", "epsilon", "gamma", "zeta"]),
        ([], []),
    ],
)
@pytest.mark.usefixtures("installed")
def test_what_is_asked_for_counts_with_all_that_it_needs_here_and_extras_where_asked(requires, found):
    assert names(*requires) == found


@pytest.mark.usefixtures("installed")
def test_what_is_not_installed_is_named():
    with pytest.raises(PackageNotFoundError, match="No package metadata was found for eta"):
        names("alpha", "eta")


@pytest.mark.usefixtures("installed")
def test_the_size_is_that_of_the_records_and_of_the_disk_where_these_do_not_say_without_bytecode():
    assert count_installed_bytes(find_distributions(["epsilon[more]"])) == 2 * (7 + 5)


def test_a_framework_brings_what_it_asks_for_and_no_more():
    flask, fastapi = names("flask", "gunicorn"), names("fastapi", "uvicorn")
    assert {"Werkzeug", "Jinja2"} <= {name.title() if name.islower() else name for name in flask}
    assert {"starlette", "pydantic", "pydantic_core"} <= set(fastapi)
    assert not {"numpy", "scikit-learn", "pydantic"} & set(flask)
