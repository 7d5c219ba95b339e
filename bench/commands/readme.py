"""`python -m bench readme`: writes what documents repeat: the part of README.md on the reference run, and the code in the articles."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.commands.documents import fill_document
from bench.errors import ConfigError
from bench.judge.answer import make_answer
from bench.plan.served import digest_served
from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from bench.records.folder import REFERENCE, RunFolder
from bench.show.outputs.choices import choice_table
from bench.show.outputs.markdown import escape, table_lines
from bench.show.words.verdicts import notices, validity_line

README, ARTICLES = Path("README.md"), Path("docs")
BEGIN, END = "<!-- reference run: written by make readme -->", "<!-- end of the reference run -->"


def render_reference(path: Path) -> str:
    """Return the answer of a run in Markdown, with its picture and table; `path` is written as in a link of the README."""
    folder = RunFolder.open(path)
    summary, manifest = folder.read_summary(), folder.read_manifest()
    answer = make_answer(summary, manifest)
    said = {choice.topic for choice in answer.choices} - {"small model"} | {"others"}  # the table says the same
    lines = [*notices(summary), *(line.text for line in answer.lines if line.topic not in said), *version_lines(manifest)]
    picture = f"![The ratios of this run, each with its interval]({path.as_posix()}/charts/answer.png)"
    small = f"<sub>{escape(f'{answer.small_print} {validity_line(summary)}')}</sub>"
    return "\n".join(
        [*(f"- {escape(line)}" for line in lines), *table_lines(choice_table(answer), has_caption=False), "", picture, "", small]
    )


def version_lines(manifest: Mapping[str, Any]) -> list[str]:
    """Return a line that names the version that a run measured; empty if it is the present one."""
    environment = manifest["environment"]
    if environment.get("served_sha256") == digest_served(load_stacks(BUNDLED_STACKS).values()):
        return []
    return [f"This run measured the applications of commit {environment['commit'][:12]}; they have changed since."]


def replace_reference(text: str, reference: str) -> str:
    """Return a README with another text between its two marks; raise `ConfigError` if one of them is not there exactly once."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        message = f"The README must have the lines {BEGIN!r} and {END!r} once each, in this order."
        raise ConfigError(message)
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{reference}\n{END}{rest.split(END)[1]}"


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Take nothing."""


def run(_: argparse.Namespace) -> int:
    """Write these parts anew."""
    README.write_text(replace_reference(README.read_text("utf-8"), render_reference(REFERENCE)), "utf-8")
    for path in sorted(ARTICLES.glob("article*.md")):
        path.write_text(fill_document(path.read_text("utf-8"), Path()), "utf-8")
    return 0
