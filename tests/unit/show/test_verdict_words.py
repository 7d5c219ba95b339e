"""What is said of a comparison and of a run as a whole: verdicts x metrics x roles, marks, notices, validity, noise."""

from dataclasses import replace

import pytest
from run_variants import NO_FINDINGS

from bench.records import (
    AS_DEPLOYED,
    METRICS,
    SAME_SERVER,
    SERVER_ALONE,
    Aa,
    Comparison,
    Gate,
    Interval,
    Noise,
    RunWarning,
    Summary,
    Validity,
)
from bench.records.names import row_labels
from bench.show.words.verdicts import (
    metric_words,
    noise_line,
    notices,
    quotient_if_off,
    scope_words,
    state_words,
    validity_line,
    verdict_mark,
    verdict_words,
)

STACKS = {
    "flask-gthread": {"framework": "Flask", "server": "gunicorn gthread", "label": "Flask on gunicorn gthread"},
    "fastapi-uvicorn": {"framework": "FastAPI", "server": "uvicorn", "label": "FastAPI on uvicorn"},
    "flask-granian": {"framework": "Flask", "server": "granian", "label": "Flask on granian"},
    "fastapi-granian": {"framework": "FastAPI", "server": "granian", "label": "FastAPI on granian"},
    "fastapi-def": {"framework": "FastAPI", "server": "uvicorn", "label": "FastAPI with def on uvicorn"},
    "mine": {"framework": "other", "server": "its own server", "label": "ours"},
    "yours": {"framework": "other", "server": "its own server", "label": "ours"},
}
ROW = Comparison(
    part="headline",
    contender="fastapi-uvicorn",
    baseline="flask-gthread",
    scenario="predict-1",
    load="closed-16",
    metric="throughput_rps",
    interval=Interval(2.0, 1.9, 2.1, 0.9531),
    margin=0.02,
    smallest_seen=None,
    launches=12,
    launch_ratios=(1.9, 2.0, 2.1),
    role="primary",
    verdict="better",
    reason="",
)
FLOOR = replace(ROW, contender="flask-gthread-twin", verdict="not judged", role="exploratory")
NOTHING_KNOWN = Noise()


def make_summary(*comparisons, partial=False, aa="equal", valid=True, gates=(), warnings=(), noise=NOTHING_KNOWN):
    """Return a summary of comparisons alone."""
    validity = Validity(valid, gates, warnings, Aa(aa, None), noise)
    measured = {"partial": partial, "environment": {}, "validity": validity, "comparisons": comparisons, "noise_floor": ()}
    return Summary(profile="default", cells=(), resources=(), **measured, **NO_FINDINGS)


# --- a comparison ---------------------------------------------------------------------------------------------------


def test_a_judged_verdict_says_what_moved_the_margin_or_the_reason():
    wanted = {
        ("better", "throughput_rps"): "better",
        ("worse", "throughput_rps"): "worse",
        ("better", "cpu_us_per_request"): "better (less CPU time)",
        ("worse", "cpu_us_per_request"): "worse (more CPU time)",
        ("better", "p50_ms"): "better (shorter p50)",
        ("worse", "p95_ms"): "worse (longer p95)",
        ("better", "p99_ms"): "better (shorter p99)",
        **{("equivalent", metric): "equivalent within 2 %" for metric in METRICS},
        **{("undecided", metric): "undecided" for metric in METRICS},
        **{("withheld", metric): "withheld (a reason)" for metric in METRICS},
        **{("not judged", metric): "not judged (a reason)" for metric in METRICS},
    }
    for role in ("primary", "secondary"):
        rows = {key: replace(ROW, verdict=key[0], metric=key[1], role=role, reason="a reason.") for key in wanted}
        assert {key: verdict_words(row) for key, row in rows.items()} == wanted


@pytest.mark.parametrize(
    ("reason", "words"),
    [("", "exploratory"), ("exploratory", "exploratory"), ("3 requests failed", "exploratory (3 requests failed)")],
)
def test_an_exploratory_row_has_no_verdict_word_and_a_reason_only_if_it_has_one_of_its_own(reason, words):
    for metric in METRICS:
        assert verdict_words(replace(ROW, role="exploratory", verdict="not judged", reason=reason, metric=metric)) == words


def test_a_verdict_without_a_reason_says_that_none_was_recorded():
    assert verdict_words(replace(ROW, verdict="withheld")) == "withheld (no reason recorded)"


def test_every_verdict_has_a_mark_of_its_own_and_nothing_judged_has_none():
    marks = [verdict_mark(verdict) for verdict in ("better", "worse", "equivalent", "undecided", "withheld")]
    assert len(set(marks)) == 5
    assert all(marks)
    assert verdict_mark("not judged") == ""


@pytest.mark.parametrize(
    ("metric", "load", "words"),
    [
        ("throughput_rps", "closed-16", "requests per second"),
        ("cpu_us_per_request", "busy-40", "CPU time per request"),
        ("p50_ms", "closed-1", "p50 service time"),
        ("p95_ms", "busy-40", "p95 response time"),
        ("p99_ms", "own-80", "p99 response time"),
    ],
)
def test_a_latency_is_of_the_time_that_counts_under_its_load(metric, load, words):
    assert metric_words(replace(ROW, metric=metric, load=load)) == words


def test_stacks_are_called_by_their_labels_and_two_with_one_label_by_their_names():
    assert row_labels(ROW, STACKS) == ("FastAPI on uvicorn", "Flask on gunicorn gthread")
    assert row_labels(replace(ROW, contender="mine", baseline="yours"), STACKS) == ("mine", "yours")
    assert row_labels(replace(ROW, contender="nowhere"), STACKS) == ("nowhere", "Flask on gunicorn gthread")


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (AS_DEPLOYED, "as usually deployed"),
        (SERVER_ALONE, "the server alone"),
        (SAME_SERVER, "same server"),
        (("fastapi-def", "fastapi-uvicorn"), "same server"),
        (("fastapi-def", "flask-granian"), ""),
        (("mine", "yours"), ""),  # both have a server of their own
        (("nowhere", "flask-granian"), ""),
    ],
)
def test_a_pair_is_called_by_what_it_stands_for(pair, words):
    assert scope_words(pair, STACKS) == words


# A quarter of half of the interval is 0.0125 on the log scale: 1.2 % of the ratio.
BASE = 5000.0


@pytest.mark.parametrize(
    ("quotient", "is_off"), [(2.0, False), (2.024, False), (2.027, True), (1.976, False), (1.974, True), (3.0, True), (1.0, True)]
)
def test_both_sides_that_do_not_divide_to_the_ratio_are_told_beyond_a_quarter_of_half_the_interval(quotient, is_off):
    found = quotient_if_off(replace(ROW, contender_value=BASE * quotient, baseline_value=BASE))
    assert (found and (found.estimate, found.ends)) == ((pytest.approx(quotient), ROW.ends) if is_off else None)


@pytest.mark.parametrize(
    "fields",
    [{"contender_value": None}, {"baseline_value": None}, {"interval": None}, {"interval": Interval(2.0, None, None, None)}],
)
def test_of_both_sides_nothing_is_told_where_a_figure_is_missing(fields):
    assert quotient_if_off(replace(ROW, **{"contender_value": 9 * BASE, "baseline_value": BASE, **fields})) is None


# --- a run ----------------------------------------------------------------------------------------------------------


def test_validity_counts_launches_by_what_was_done_about_their_gates_and_names_each_warning_once():
    marked = [Gate(n, 3, name, "x", 2, 1, "kept and marked") for n in (2, 3) for name in ("starved_slices_ratio", "generator_cpu_ratio")]
    gates = (Gate(1, 1, "starved_slices_ratio", "all slices", 0.6, 0.5, "repeated"), *marked)
    warnings = tuple(RunWarning(code, "text", "step") for code in ("busy", "errors", "busy"))
    assert validity_line(make_summary(gates=gates, warnings=warnings)) == (
        "Valid: A/A equal; launches disturbed by the machine or the load generator: 2 x kept and marked, 1 x repeated; "
        "warnings: busy, errors."
    )
    assert validity_line(make_summary(valid=False, aa="unequal")) == "Not valid: A/A unequal; no launch was disturbed; no warnings."


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        (Noise(slice_sd_ratio=0.07), "slices of one stack varied by 7 % within a launch"),
        (Noise(steal_ratio=0.0), "the host took 0 % of a core's time"),
        (Noise(foreign_ratio=0.08), "other programs used 8 % of the servers' core"),
        (Noise(generator_wait_ratio=0.013), "the load generator waited for its core 1.3 % of the time"),
        (Noise(slowest_ratio=0.9, fastest_ratio=1.2), "launches were 0.90 to 1.20 times as fast as usual"),
        (Noise(steal_ratio=0.5, foreign_ratio=0.1), "the host took 50 % of a core's time; other programs used 10 % of the servers' core"),
    ],
)
def test_the_noise_of_a_run_is_one_line_of_what_is_known_of_it(noise, words):
    assert noise_line(make_summary(noise=noise)) == f"Noise, which makes intervals wider: {words}."


@pytest.mark.parametrize("noise", [NOTHING_KNOWN, Noise(slowest_ratio=0.9), Noise(launch_speeds=(0.9, 1.1))])
def test_a_run_that_knows_nothing_of_its_noise_has_no_line_of_it(noise):
    assert noise_line(make_summary(noise=noise)) == ""


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ""),
        ({"partial": True}, "Partial run. "),
        ({"valid": False}, "Not valid, for diagnosis only. "),
        ({"partial": True, "valid": False}, "Partial run, not valid, for diagnosis only. "),
    ],
)
def test_the_title_of_a_picture_begins_with_what_a_run_lacks(fields, words):
    assert state_words(make_summary(**fields)) == words


WITHHELD = replace(ROW, verdict="withheld")
BUSY, LAYERING = RunWarning("busy", "It is busy.", "Stop it."), RunWarning("layering", "A step is below zero.", "Measure again.")


@pytest.mark.parametrize(
    ("summary", "lines"),
    [
        (make_summary(ROW), []),
        (make_summary(ROW, warnings=(BUSY,)), []),
        (
            make_summary(ROW, partial=True),
            ["Partial run: it ended before its plan did; the figures are those of the launches that were finished."],
        ),
        (
            make_summary(WITHHELD, valid=False, warnings=(BUSY,)),
            ["Not a valid run: no verdict is given, the figures are for diagnosis only.", "Warning: It is busy. Stop it."],
        ),
        (make_summary(ROW, warnings=(BUSY, LAYERING)), ["Suspect: A step is below zero. Measure again."]),
        (make_summary(ROW, WITHHELD), ["Withheld: 1 of 2 comparisons without verdict; the rows say why."]),
        (
            make_summary(replace(FLOOR, reason="exploratory"), replace(ROW, verdict="not judged", reason="needs 8 launches, has 2")),
            ["Nothing is judged in this run: needs 8 launches, has 2."],
        ),
        (make_summary(), ["Nothing is judged in this run."]),
    ],
)
def test_what_a_reader_must_know_first(summary, lines):
    assert notices(summary) == lines
