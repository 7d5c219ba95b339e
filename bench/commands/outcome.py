"""The exit status of a run that came to its end, and the line that explains it."""

import sys

from bench.records import Summary
from bench.records.summary import WRONG_ANSWERS

NOT_VALID = 4
SMOKE = "smoke"


def tell_status(summary: Summary) -> int:
    """Return 4, with a line on stderr, for a run that is not valid or has wrong answers; else 0. In a smoke run only answers count."""
    reasons = ["answers were wrong"] if WRONG_ANSWERS in {warning.code for warning in summary.validity.warnings} else []
    if not summary.validity.valid and summary.profile != SMOKE:
        reasons.append("the run is not valid: no verdict holds")
    if reasons:
        print(f"bench: {', and '.join(reasons)} (exit status {NOT_VALID}).", file=sys.stderr)
    return NOT_VALID if reasons else 0
