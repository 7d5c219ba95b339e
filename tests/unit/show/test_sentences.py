"""Every verdict line: verdicts x directions x roles, and what is said where a figure is missing."""

import itertools
from dataclasses import replace

import pytest
from run_variants import NO_FINDINGS

from bench.records import METRICS, Aa, Comparison, Gate, Interval, Noise, RunWarning, Summary, Validity
from bench.show.numbers import count_words, format_interval, format_load, format_number, format_percent, time_words, under_words
from bench.show.sentences import (
    aa_line,
    comparison_line,
    headline_lines,
    noise_line,
    notices,
    validity_line,
    verdict_mark,
    verdict_words,
)

STACKS = {
    "flask-gthread": {"framework": "Flask", "server": "gunicorn gthread", "engine": "numpy", "label": "Flask on gunicorn gthread"},
    "fastapi-uvicorn": {"framework": "FastAPI", "server": "uvicorn", "engine": "numpy", "label": "FastAPI on uvicorn"},
    "flask-granian": {"framework": "Flask", "server": "granian", "engine": "numpy", "label": "Flask on granian"},
    "fastapi-granian": {"framework": "FastAPI", "server": "granian", "engine": "numpy", "label": "FastAPI on granian"},
    "mine": {"framework": "other", "server": "its own server", "engine": "numpy", "label": "mine"},
    "yours": {"framework": "other", "server": "its own server", "engine": "numpy", "label": "yours"},
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
SAME = replace(ROW, contender="fastapi-granian", baseline="flask-granian", ratio=0.9, ci_low=0.88, ci_high=0.92, level=0.9834)
SAME = replace(SAME, role="secondary", verdict="worse")
SERVER = replace(ROW, contender="flask-granian", ratio=1.8, ci_low=1.7, ci_high=1.9, level=0.9834, role="secondary")
FLOOR = replace(ROW, contender="flask-gthread-twin", ratio=1.003, ci_low=0.994, ci_high=1.012, verdict="not judged", role="exploratory")
NONE = {"ratio": None, "ci_low": None, "ci_high": None, "level": None}
NOTHING_KNOWN = Noise()


def make_summary(
    *comparisons,
    noise_floor=(FLOOR,),
    partial=False,
    cores=(1,),
    aa="equal",
    resolution=0.012,
    valid=True,
    gates=(),
    warnings=(),
    noise=NOTHING_KNOWN,
):
    """Return a summary of comparisons alone."""
    validity = Validity(valid, gates, warnings, Aa(aa, Interval(1.003, 0.994, 1.012, None), resolution), noise)
    measured = {"partial": partial, "environment": {"server_cores": list(cores)}, "validity": validity}
    compared = {"comparisons": comparisons, "noise_floor": tuple(noise_floor)}
    return Summary(profile="default", cells=(), resources=(), **measured, **compared, **NO_FINDINGS)


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


def test_exploratory_rows_have_no_verdict_word():
    for metric in METRICS:
        row = replace(ROW, role="exploratory", verdict="not judged", reason="exploratory", metric=metric)
        assert verdict_words(row) == "exploratory", metric
        assert comparison_line(row, (), STACKS).startswith("Exploratory, as usually deployed: "), metric


def test_an_exploratory_row_with_failures_says_so():
    row = replace(ROW, role="exploratory", verdict="not judged", reason="3 requests without a correct answer in its cells")
    assert verdict_words(row) == "exploratory (3 requests without a correct answer in its cells)"


def test_every_verdict_has_a_mark_of_its_own_and_nothing_judged_has_none():
    marks = [verdict_mark(verdict) for verdict in ("better", "worse", "equivalent", "undecided", "withheld")]
    assert len(set(marks)) == 5
    assert all(marks)
    assert verdict_mark("not judged") == ""


DEPLOYED = "FastAPI on uvicorn answered 2.00 times as many requests per second as Flask on gunicorn gthread"
AA = "; two copies of the baseline: 1.0030, 0.9940 to 1.0120"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({}, f"Better, as usually deployed: {DEPLOYED} (95.3 % interval 1.90 to 2.10, 12 launches{AA}). predict-1, 16 users."),
        (
            {"metric": "cpu_us_per_request", "ratio": 0.5, "ci_low": 0.49, "ci_high": 0.51, "load": "busy-40"},
            (
                "Better (less CPU time), as usually deployed: FastAPI on uvicorn used 0.500 times the CPU time per request of "
                "Flask on gunicorn gthread (95.3 % interval 0.490 to 0.510, 12 launches). predict-1, equal rate, baseline 40 % busy."
            ),
        ),
        (
            {"metric": "p95_ms", "verdict": "worse", "ratio": 1.3, "ci_low": 1.2, "ci_high": 1.4, "load": "closed-1"},
            (
                "Worse (longer p95), as usually deployed: the p95 service time of FastAPI on uvicorn was 1.30 times that of "
                "Flask on gunicorn gthread (95.3 % interval 1.20 to 1.40, 12 launches). predict-1, 1 user."
            ),
        ),
        (
            {"metric": "p95_ms", "verdict": "worse", "ratio": 1.3, "ci_low": 1.2, "ci_high": 1.4, "load": "busy-40"},
            (
                "Worse (longer p95), as usually deployed: the p95 response time of FastAPI on uvicorn was 1.30 times that of "
                "Flask on gunicorn gthread (95.3 % interval 1.20 to 1.40, 12 launches). predict-1, equal rate, baseline 40 % busy."
            ),
        ),
        (
            {"verdict": "undecided", "smallest_seen": 0.0412, "load": "open-500rps"},
            (
                f"Undecided, as usually deployed: {DEPLOYED} (95.3 % interval 1.90 to 2.10, 12 launches). predict-1, 500 req/s offered. "
                "Four runs of five like this one would find a difference of 4.1 %; about 48 launches would halve the interval."
            ),
        ),
        (
            {
                "verdict": "equivalent",
                "ratio": 1.0,
                "ci_low": 0.99,
                "ci_high": 1.01,
                "contender": "fastapi-granian",
                "baseline": "flask-granian",
            },
            (
                "Equivalent within 2 %, same server: FastAPI on granian answered 1.000 times as many requests per second as "
                "Flask on granian (95.3 % interval 0.990 to 1.010, 12 launches). predict-1, 16 users."
            ),
        ),
        (
            {
                "verdict": "not judged",
                "reason": "needs 8 launches, has 1",
                "launches": 1,
                "ci_low": None,
                "ci_high": None,
                "level": None,
            },
            f"Not judged (needs 8 launches, has 1), as usually deployed: {DEPLOYED} (no interval, 1 launch{AA}). predict-1, 16 users.",
        ),
        (
            {"verdict": "withheld", "reason": "3 wrong or failed answers", **NONE},
            (
                "Withheld (3 wrong or failed answers), as usually deployed: no figure of FastAPI on uvicorn against "
                "Flask on gunicorn gthread in requests per second. predict-1, 16 users."
            ),
        ),
        (
            {
                "metric": "p95_ms",
                "load": "busy-40",
                "role": "exploratory",
                "verdict": "not judged",
                "reason": "flask-gthread did not carry this load: it answered 85.5% of what was due",
                **NONE,
            },
            (
                "Exploratory (flask-gthread did not carry this load: it answered 85.5% of what was due), as usually deployed: no figure of "
                "FastAPI on uvicorn against Flask on gunicorn gthread in p95 response time. predict-1, equal rate, baseline 40 % busy."
            ),
        ),
        (
            {"contender": "mine", "baseline": "yours"},
            (
                "Better: mine answered 2.00 times as many requests per second as yours (95.3 % interval 1.90 to 2.10, 12 launches). "
                "predict-1, 16 users."
            ),
        ),
        (
            {"contender": "nowhere", "baseline": "flask-granian"},
            (
                "Better: nowhere answered 2.00 times as many requests per second as Flask on granian "
                "(95.3 % interval 1.90 to 2.10, 12 launches). predict-1, 16 users."
            ),
        ),
    ],
)
def test_a_comparison_is_one_sentence_with_point_and_interval_together(change, line):
    assert comparison_line(replace(ROW, **change), [FLOOR], STACKS) == line


def test_two_stacks_with_one_label_are_called_by_their_names():
    stacks = {**STACKS, "mine": {**STACKS["mine"], "label": "ours"}, "yours": {**STACKS["yours"], "label": "ours"}}
    assert ": mine answered 2.00 times as many requests per second as yours (" in comparison_line(
        replace(ROW, contender="mine", baseline="yours"), (), stacks
    )


def test_the_noise_floor_of_a_line_is_that_of_its_own_row():
    others = [replace(FLOOR, load="closed-1", ratio=9), replace(FLOOR, metric="p50_ms", ratio=9), replace(FLOOR, baseline="mine", ratio=9)]
    assert "two copies" not in comparison_line(ROW, others, STACKS)
    assert "two copies of the baseline: 1.0030" in comparison_line(ROW, [*others, FLOOR], STACKS)


# --- the answer -----------------------------------------------------------------------------------------------------


def test_the_answer_begins_with_the_three_headline_rows_in_their_order():
    lines = headline_lines(make_summary(SAME, replace(ROW, load="closed-1", role="exploratory"), SERVER, ROW), STACKS)
    heads = [line.partition(":")[0] for line in lines]
    assert heads == ["Better, as usually deployed", "Better, the server alone", "Worse, same server"]
    assert [line.partition(" answered")[0].partition(": ")[2] for line in lines] == [
        "FastAPI on uvicorn",
        "Flask on granian",
        "FastAPI on granian",
    ]
    assert [line.partition("predict-1, ")[2] for line in lines] == ["16 users. Server on 1 core.", "16 users.", "16 users."]


@pytest.mark.parametrize("row", [SERVER, SAME])
def test_the_first_headline_row_that_was_measured_says_on_how_many_cores(row):
    lines = headline_lines(make_summary(row), STACKS)
    assert [line.endswith(" Server on 1 core.") for line in lines] == [" answered " in line for line in lines]


def test_a_headline_row_that_was_not_measured_is_called_so_but_for_the_server_alone():
    not_measured = {
        ROW: "Not measured, as usually deployed: this run does not compare fastapi-uvicorn with flask-gthread.",
        SAME: "Not measured, same server: this run does not compare fastapi-granian with flask-granian.",
        SERVER: None,
    }
    rows = (ROW, SERVER, SAME)
    for count in (1, 2, 3):
        for measured in itertools.combinations(rows, count):
            lines = headline_lines(make_summary(*measured), STACKS)
            missing = [not_measured[row] for row in rows if row not in measured and not_measured[row]]
            assert [line for line in lines if " answered " not in line] == missing, measured
            assert len(lines) == len(measured) + len(missing), measured


def test_stacks_of_a_user_take_the_place_of_the_headline_rows():
    rows = [replace(ROW, contender=name, baseline="yours", metric=metric) for name in ("mine", "flask-granian", "x") for metric in METRICS]
    lines = headline_lines(make_summary(*rows, cores=(0, 1)), STACKS)
    assert [line.partition(" answered")[0] for line in lines] == ["Better: mine", "Better: Flask on granian"]
    assert lines[0].endswith(" Server on 2 cores.")


def test_a_run_that_compares_no_throughput_answers_with_what_it_compares():
    rows = [replace(ROW, contender="mine", baseline="yours", metric=metric, load="busy-40") for metric in METRICS[1:]]
    lines = headline_lines(make_summary(*rows), STACKS)
    assert len(lines) == 2
    assert lines[0].startswith("Better (less CPU time): mine used 2.00 times the CPU time per request of yours")
    assert lines[1].startswith("Better (shorter p50): the p50 response time of mine was 2.00 times that of yours")


def test_a_run_without_comparisons_says_so():
    summary = make_summary(noise_floor=(), aa="not judged")
    assert headline_lines(summary, STACKS) == ["No comparison: this run does not measure one stack against another."]
    assert aa_line(summary, STACKS) == "A/A not judged: there is no figure of two copies of one stack."


# --- both sides by themselves ---------------------------------------------------------------------------------------

# A quarter of half of this interval is 0.0125 on the log scale: 1.2 % of the ratio.
BASE = 5000.0


@pytest.mark.parametrize(
    ("quotient", "is_said"), [(2.0, False), (2.024, False), (2.027, True), (1.976, False), (1.974, True), (3.0, True), (1.0, True)]
)
def test_both_sides_that_do_not_divide_to_the_ratio_say_so_beyond_a_quarter_of_half_the_interval(quotient, is_said):
    row = replace(ROW, contender_value=BASE * quotient, baseline_value=BASE)
    assert ("Both sides by themselves" in comparison_line(row, (), STACKS)) == is_said


def test_both_sides_by_themselves_are_one_sentence_after_the_load():
    row = replace(ROW, contender_value=10_350.0, baseline_value=BASE)
    plain = comparison_line(ROW, (), STACKS)
    said = comparison_line(row, (), STACKS)
    assert said.startswith(plain)
    assert said.removeprefix(plain) == (
        " Both sides by themselves, 10,400 and 5,000, give 2.07: the ratio is of single launches, which were not equally fast."
    )


def test_both_sides_by_themselves_have_as_many_digits_as_the_ratio_so_that_the_difference_is_seen():
    row = replace(ROW, ratio=2.008, ci_low=1.991, ci_high=2.025, contender_value=BASE * 2.0127, baseline_value=BASE)
    assert "answered 2.008 times" in comparison_line(row, (), STACKS)
    assert " give 2.013: " in comparison_line(row, (), STACKS)


@pytest.mark.parametrize(
    "fields", [{"contender_value": None}, {"baseline_value": None}, NONE, {"ci_low": None, "ci_high": None, "level": None}]
)
def test_nothing_is_said_of_both_sides_where_a_figure_is_missing(fields):
    row = replace(ROW, **{"contender_value": 9 * BASE, "baseline_value": BASE, **fields})
    assert "Both sides" not in comparison_line(row, (), STACKS)


# --- trust ----------------------------------------------------------------------------------------------------------


def test_validity_counts_launches_by_what_was_done_about_their_gates_and_names_each_warning_once():
    marked = [Gate(n, 3, name, "x", 2, 1, "kept and marked") for n in (2, 3) for name in ("starved_slices_ratio", "generator_cpu_ratio")]
    gates = (Gate(1, 1, "starved_slices_ratio", "all slices", 0.6, 0.5, "repeated"), *marked)
    warnings = tuple(RunWarning(code, "text", "step") for code in ("busy", "errors", "busy"))
    assert validity_line(make_summary(gates=gates, warnings=warnings)) == (
        "Valid: A/A equal; launches that tripped a gate: 2 x kept and marked, 1 x repeated; warnings: busy, errors."
    )
    assert validity_line(make_summary(valid=False, aa="unequal")) == "Not valid: A/A unequal; no gate tripped; no warnings."


@pytest.mark.parametrize(
    ("state", "resolution", "more"),
    [
        ("equal", 0.012, ""),
        ("coarse", 0.123, " This run cannot tell differences under 12 %."),
        ("unequal", 0.0412, " This run cannot tell differences under 4.1 %."),
        ("not judged", 0.0412, " This run cannot tell differences under 4.1 %."),
        ("not judged", None, ""),
    ],
)
def test_aa_says_its_state_and_unless_equal_which_differences_the_run_cannot_tell(state, resolution, more):
    copies = "a second copy of Flask on gunicorn gthread answered 1.0030 times as many requests per second as the first"
    assert aa_line(make_summary(ROW, aa=state, resolution=resolution), STACKS) == (
        f"A/A {state}: {copies} (95.3 % interval 0.9940 to 1.0120, 12 launches).{more}"
    )


STEAL, FOREIGN, OTHER = (RunWarning(code, "text", "step") for code in ("steal", "foreign-work", "unsteady"))
BUSY_HOST = Noise(
    slice_sd_ratio=0.07, steal_ratio=0.0312, foreign_ratio=0.08, generator_wait_ratio=0.013, slowest_ratio=0.9, fastest_ratio=1.2
)
STEAL_WORDS = "the host kept 3.1 % of a core's time from this machine"
FOREIGN_WORDS = "other programs used 8 % of the servers' core"


@pytest.mark.parametrize(
    ("warnings", "noise", "words"),
    [
        ((STEAL,), BUSY_HOST, STEAL_WORDS),
        ((OTHER, FOREIGN), BUSY_HOST, FOREIGN_WORDS),
        ((STEAL, FOREIGN), BUSY_HOST, f"{STEAL_WORDS}, {FOREIGN_WORDS}"),
        ((), BUSY_HOST, ""),
        ((OTHER,), BUSY_HOST, ""),
        ((STEAL, FOREIGN), Noise(), ""),
        ((STEAL, FOREIGN), replace(BUSY_HOST, steal_ratio=None), FOREIGN_WORDS),
    ],
)
def test_what_was_warned_of_as_taking_the_servers_core_has_its_size_beside_the_interval_of_the_first_headline(warnings, noise, words):
    first, *others = headline_lines(make_summary(ROW, SERVER, SAME, warnings=warnings, noise=noise), STACKS)
    assert first.partition(" Server on 1 core.")[2] == (f" The interval is wider because {words}." if words else "")
    assert [line for line in others if "wider" in line or "the host" in line] == []


@pytest.mark.parametrize(
    ("noise", "line"),
    [
        (
            BUSY_HOST,
            (
                "Noise, which makes intervals wider: slices of one stack varied by 7 % within a launch; the host kept 3.1 % of a core's "
                "time; other programs used 8 % of the servers' core; the load generator waited for its core "
                "1.3 % of the time; launches were 0.90 to 1.20 times as fast as usual."
            ),
        ),
        (Noise(steal_ratio=0.0), "Noise, which makes intervals wider: the host kept 0 % of a core's time."),
        (Noise(slowest_ratio=0.9), ""),
        (Noise(), ""),
    ],
)
def test_the_noise_of_a_run_is_one_line_of_what_is_known_of_it(noise, line):
    assert noise_line(make_summary(ROW, noise=noise)) == line


# --- before the first figure ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("summary", "lines"),
    [
        (make_summary(ROW), []),
        (
            make_summary(ROW, partial=True),
            ["Partial run: it ended before its plan did; the figures are those of the launches that were finished."],
        ),
        (
            make_summary(replace(ROW, verdict="withheld"), valid=False, warnings=(RunWarning("busy", "It is busy.", "Stop it."),)),
            ["Not a valid run: no verdict is given, the figures are for diagnosis only.", "Warning: It is busy. Stop it."],
        ),
        (make_summary(ROW, replace(SAME, verdict="withheld")), ["Withheld: 1 of 2 comparisons without verdict; the rows say why."]),
        (
            make_summary(replace(FLOOR, reason="exploratory"), replace(ROW, verdict="not judged", reason="needs 8 launches, has 2")),
            ["Nothing is judged in this run: needs 8 launches, has 2."],
        ),
        (make_summary(), ["Nothing is judged in this run."]),
    ],
)
def test_what_a_reader_must_know_first(summary, lines):
    assert notices(summary) == lines


def test_every_line_is_ascii_and_holds_no_word_that_claims_more():
    verdicts = ("better", "worse", "equivalent", "undecided", "withheld", "not judged")
    roles = ("primary", "secondary", "exploratory")
    figures = ({}, NONE, {"ci_low": None, "ci_high": None, "level": None}, {"ci_low": 2.0})
    for verdict, role, metric, known in itertools.product(verdicts, roles, METRICS, figures):
        row = replace(ROW, verdict=verdict, role=role, metric=metric, **known)
        line = comparison_line(row, [replace(FLOOR, metric=metric, **known)], STACKS)
        assert line.isascii(), line
        assert "None" not in line, line
        assert not [word for word in ("faster", "slower", "significant", "winner", "beats", "up to") if word in line], line


# --- numbers --------------------------------------------------------------------------------------------------------


def test_digits_follow_the_half_width_of_the_interval():
    wanted = {
        Interval(10_840.4, 10_720, 10_960, None): "10,840 (10,720 to 10,960)",
        Interval(5052.3, 5010.2, 5094.7, None): "5,052 (5,010 to 5,095)",
        Interval(0.9027, 0.8953, 0.9101, None): "0.9027 (0.8953 to 0.9101)",
        Interval(50.2, 20, 110, None): "50 (20 to 110)",
        Interval(1.0, 1.0, 1.0, None): "1.000 (1.000 to 1.000)",
        Interval(9080.0, 9080.0, 9080.0, None): "9,080 (9,080 to 9,080)",
        Interval(0.0, 0.0, 0.0, None): "0 (0 to 0)",
        Interval(2.0123, None, None, None): "2.01",
        Interval(2.0123, 1.9, None, None): "2.01",
        None: "-",
    }
    assert {interval: format_interval(interval) for interval in wanted} == wanted


def test_a_figure_without_interval_has_three_digits():
    wanted = {None: "-", 0: "0", 0.0213: "0.0213", 94.63: "94.6", 12_345.0: "12,300", -1.5: "-1.50"}
    assert {value: format_number(value) for value in wanted} == wanted


def test_what_is_counted_is_one_or_several():
    wanted = {(1, "launch"): "1 launch", (12, "launch"): "12 launches", (0, "user"): "0 users", (5, "fresh process"): "5 fresh processes"}
    assert {counted: count_words(*counted) for counted in wanted} == wanted


def test_a_share_is_written_in_percent():
    wanted = {0.02: "2 %", 0.1: "10 %", 0.0412: "4.1 %", 1.5: "150 %", 0: "0 %"}
    assert {ratio: format_percent(ratio) for ratio in wanted} == wanted


def test_loads_are_written_in_words():
    wanted = {
        "closed-1": ("1 user", "with 1 user"),
        "closed-16": ("16 users", "with 16 users"),
        "busy-40": ("equal rate, baseline 40 % busy", "at equal rate, baseline 40 % busy"),
        "busy-70-constant": ("equal rate, baseline 70 % busy, evenly spaced", "at equal rate, baseline 70 % busy, evenly spaced"),
        "open-60": ("equal rate, 60 % of saturation", "at equal rate, 60 % of saturation"),
        "own-80": ("80 % of its own saturation", "at 80 % of its own saturation"),
        "open-500rps": ("500 req/s offered", "at 500 req/s offered"),
        "open-500rps-constant": ("500 req/s offered, evenly spaced", "at 500 req/s offered, evenly spaced"),
    }
    assert {load: (format_load(load), under_words(load)) for load in wanted} == wanted


def test_response_time_is_the_word_of_open_loops():
    opened = ("busy-40", "open-60", "open-7rps", "open-7rps-constant", "own-95", "own-95-constant")
    assert {time_words(load) for load in opened} == {"response time"}
    assert {time_words(load) for load in ("closed-1", "closed-128")} == {"service time"}
