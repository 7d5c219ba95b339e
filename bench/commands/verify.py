"""`python -m bench verify`: measure servers with known behaviour and compare the figures with the truth."""

import argparse

from bench.proof.verify import verify


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Take nothing."""


def run(_: argparse.Namespace) -> int:
    """Run all checks: about 3 minutes, one table, exit status 1 if one fails."""
    return verify()
