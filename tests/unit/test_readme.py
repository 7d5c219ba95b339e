"""The README names what there is, and what it names is there."""

import re
import subprocess
import sys

import pytest
from serving import ROOT

from bench.commands.readme import BEGIN, END, REFERENCE, render_reference, replace_reference, version_lines
from bench.errors import ConfigError
from bench.plan.served import digest_served
from bench.plan.stacks import BUNDLED_STACKS, load_stacks

README = (ROOT / "README.md").read_text("utf-8")
TARGETS = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE)


def subcommands():
    text = subprocess.run([sys.executable, "-m", "bench", "--help"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return re.findall(r"^    ([a-z]+) ", text, flags=re.MULTILINE)


def test_every_make_target_is_in_the_readme():
    assert {target for target in TARGETS if f"`{target}`" not in README and f"make {target}" not in README} == set()


def test_every_subcommand_is_in_the_readme():
    assert {name for name in subcommands() if f"python -m bench {name}" not in README} == set()


def test_the_part_on_the_reference_run_is_what_its_files_say(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert replace_reference(README, render_reference(REFERENCE)) == README


def test_a_reference_run_of_another_version_names_it_and_one_of_this_version_does_not():
    environment = {"commit": "0123456789abcdef", "served_sha256": digest_served(load_stacks(BUNDLED_STACKS).values())}
    assert version_lines({"environment": environment}) == []
    for other in ({**environment, "served_sha256": "0" * 64}, {"commit": environment["commit"]}):
        assert version_lines({"environment": other}) == [
            "This run measured the applications of commit 0123456789ab; they have changed since."
        ]


def test_the_part_on_the_reference_run_is_replaced_and_nothing_else():
    assert replace_reference(f"a\n{BEGIN}\nold\n{END}\nb\n", "new") == f"a\n{BEGIN}\nnew\n{END}\nb\n"


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_a_readme_without_the_marks_is_left_alone(text):
    with pytest.raises(ConfigError, match="once each, in this order"):
        replace_reference(text, "new")


def test_the_routes_that_the_readme_shows_side_by_side_are_those_of_the_applications():
    [code] = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    flask, fastapi = re.sub(r" +#.*", "", code).strip().split("\n\n")
    assert flask in (ROOT / "flask_app" / "app.py").read_text("utf-8")
    assert fastapi in (ROOT / "fastapi_app" / "app.py").read_text("utf-8")


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_every_link_of_the_readme_leads_somewhere():
    links = set(re.findall(r"\]\(([^)#]+)\)", README))
    assert {link for link in links if not (ROOT / link).exists()} == set()
    assert links


def test_no_document_names_a_registry_or_a_path_of_a_machine():
    private = re.compile(r"(/simple\b|(?<!emit-)index-url|/home/|/root/|/work/)")
    documents = [*ROOT.glob("*.md"), ROOT / "results" / "README.md"]
    assert {str(path.relative_to(ROOT)): found[0] for path in documents if (found := private.search(path.read_text("utf-8")))} == {}
