"""`python -m bench readme`: the part of README.md that shows the reference run, written from its files and never by hand."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import ConfigError
from bench.plan.served import digest_served
from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from bench.records.folder import REFERENCE, RunFolder
from bench.show.finished import read_run
from bench.show.five_lines import answer_lines, trust_lines
from bench.show.markdown import escape
from bench.show.sentences import notices, ratios_words

README = Path("README.md")
BEGIN, END = "<!-- reference run: written by make readme -->", "<!-- end of the reference run -->"


def render_reference(path: Path) -> str:
    """Return the chart and the lines of a run in Markdown, with `path` as the README would link to it."""
    run = read_run(RunFolder.open(path))
    lines = [*notices(run.summary), *answer_lines(run.summary, run.stacks, run.price), *trust_lines(run.summary, run.stacks)]
    lines += version_lines(run.manifest)
    picture = f"![{escape(ratios_words(run.summary, run.stacks))}]({path.as_posix()}/charts/answer.png)"
    return "\n".join([picture, "", *(f"- {escape(line)}" for line in lines)])


def version_lines(manifest: Mapping[str, Any]) -> list[str]:
    """Return which version a run measured, where it is not the one at hand."""
    environment = manifest["environment"]
    if environment.get("served_sha256") == digest_served(load_stacks(BUNDLED_STACKS).values()):
        return []
    return [f"This run measured the applications of commit {environment['commit'][:12]}; they have changed since."]


def replace_reference(text: str, reference: str) -> str:
    """Return a README with another text between its marks; raise `ConfigError` if it does not have them once each."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        message = f"The README must have the lines {BEGIN!r} and {END!r} once each, in this order."
        raise ConfigError(message)
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{reference}\n{END}{rest.split(END)[1]}"


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Take nothing."""


def run(_: argparse.Namespace) -> int:
    """Write README.md anew."""
    README.write_text(replace_reference(README.read_text("utf-8"), render_reference(REFERENCE)), "utf-8")
    return 0
