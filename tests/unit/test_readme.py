"""The README names what there is, and what it names is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from serving import ROOT

from bench.commands.readme import BEGIN, END, REFERENCE, render_reference, replace_reference
from bench.errors import ConfigError

README = (ROOT / "README.md").read_text("utf-8")
TARGETS = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE)


def subcommands():
    text = subprocess.run([sys.executable, "-m", "bench", "--help"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return re.findall(r"^    ([a-z]+) ", text, flags=re.MULTILINE)


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_is_in_the_readme(target):
    assert f"`{target}`" in README or f"make {target}" in README


def test_every_subcommand_is_in_the_readme():
    assert {name for name in subcommands() if f"python -m bench {name}" not in README} == set()


def test_the_part_on_the_reference_run_is_what_its_files_say(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert replace_reference(README, render_reference(REFERENCE)) == README


def test_the_part_on_the_reference_run_is_replaced_and_nothing_else():
    assert replace_reference(f"a\n{BEGIN}\nold\n{END}\nb\n", "new") == f"a\n{BEGIN}\nnew\n{END}\nb\n"


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_a_readme_without_the_marks_is_left_alone(text):
    with pytest.raises(ConfigError, match="once each, in this order"):
        replace_reference(text, "new")


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_every_link_of_the_readme_leads_somewhere(link):
    assert (ROOT / link).exists()


@pytest.mark.parametrize("path", [*sorted(ROOT.glob("*.md")), ROOT / "results" / "README.md"], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_document_names_a_registry_or_a_path_of_a_machine(path: Path):
    assert not re.search(r"(/simple\b|(?<!emit-)index-url|/home/|/root/|/work/)", path.read_text("utf-8"))
