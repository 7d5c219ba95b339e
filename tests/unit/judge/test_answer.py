"""The short answer and the decision table: what each line says of each verdict, of a reversed result, and of what is not there."""

from dataclasses import replace

import pytest
from run_variants import MINI_RUN, user_run

from bench.judge.answer import make_answer
from bench.judge.choices import DOCUMENTED, UNCLEAR
from bench.records import AS_DEPLOYED, SAME_SERVER, SERVER_ALONE, Interval, Validity
from bench.records.folder import RunFolder
from bench.records.price import Price

CONTENDER, ALONE, BASELINE = "FastAPI on uvicorn", "Flask on granian", "Flask on gunicorn gthread"
BY_CODE = "by code and features; this run cannot tell which is faster"
EIGHT = "Flask, 8 threads, on gunicorn gthread"
MANIFEST = RunFolder(MINI_RUN).read_manifest()
SUMMARY = RunFolder(MINI_RUN).read_summary()


def judged(summary, pair, metric="throughput_rps", **changes):
    """Return a summary in which the judged row of a pair is another one."""

    def change(row):
        is_it = (row.contender, row.baseline, row.metric) == (*pair, metric) and row.role != "exploratory"
        return replace(row, **changes) if is_it else row

    return replace(summary, comparisons=tuple(map(change, summary.comparisons)))


def verdicts(**of_pairs):
    pairs = {"deployed": AS_DEPLOYED, "alone": SERVER_ALONE, "same": SAME_SERVER}
    summary = SUMMARY
    for name, verdict in of_pairs.items():
        summary = judged(summary, pairs[name], verdict=verdict, reason="a reason." if verdict in ("withheld", "not judged") else "")
    return summary


def invalid(summary):
    return replace(summary, validity=replace(summary.validity, valid=False))


def answer(summary, price=None):
    return make_answer(summary, MANIFEST, price or Price())


def line(summary, topic):
    [found] = [line for line in answer(summary).lines if line.topic == topic]
    return found


def choice(summary, topic):
    [found] = [choice for choice in answer(summary).choices if choice.topic == topic]
    return found


def test_every_line_and_choice_names_rows_that_the_run_has():
    found = answer(SUMMARY)
    for said in (*found.lines, *found.choices):
        for name in said.rows:
            rows = getattr(SUMMARY, name.table)
            keys = {(getattr(row, "part", ""), getattr(row, "contender", None) or row.stack, getattr(row, "baseline", "")) for row in rows}
            assert (name.part, name.contender, name.baseline) in keys
    assert {choice.standing for choice in found.choices} <= {"judged", "seen", "counted"}


@pytest.mark.parametrize(
    ("deployed", "alone", "chosen"),
    [
        ("better", "better", f"{CONTENDER} or {ALONE}"),
        ("better", "worse", CONTENDER),
        ("better", "withheld", CONTENDER),
        ("worse", "better", ALONE),
        ("worse", "worse", BASELINE),
        ("worse", "undecided", BY_CODE),
        ("equivalent", "equivalent", f"{BASELINE}, {CONTENDER} or {ALONE}: equally fast"),
        ("equivalent", "worse", f"{BASELINE} or {CONTENDER}: equally fast"),
        ("undecided", "undecided", BY_CODE),
        ("withheld", "withheld", "withheld"),
        ("not judged", "not judged", "not judged"),
    ],
)
def test_for_a_small_model_the_faster_one_is_chosen_by_verdict(deployed, alone, chosen):
    found = choice(verdicts(deployed=deployed, alone=alone), "small model")
    assert found.choose == chosen
    if chosen in ("withheld", "not judged"):
        assert (found.standing, found.evidence) == (chosen, f"{chosen} (a reason)")
    else:
        assert found.standing == "judged"


def test_a_withheld_row_is_no_evidence_beside_one_with_a_verdict():
    assert CONTENDER not in choice(verdicts(deployed="withheld", alone="better"), "small model").evidence


def test_where_no_row_is_judged_the_profile_that_judges_them_is_named():
    rows = tuple(replace(row, role="exploratory", verdict="not judged") for row in SUMMARY.comparisons)
    found = choice(replace(SUMMARY, comparisons=rows), "small model")
    assert (found.standing, found.evidence) == ("not measured", "make bench PROFILE=quick")


@pytest.mark.parametrize(
    ("verdict", "begin"),
    [
        ("better", f"{CONTENDER} answered "),
        ("worse", f"{CONTENDER} answered "),
        ("equivalent", f"{CONTENDER} and {BASELINE} are equal in requests per second, within 2 %: "),
        ("undecided", f"{CONTENDER} against {BASELINE}, requests per second: "),
        ("withheld", f"{CONTENDER} against {BASELINE}, requests per second: withheld (a reason)."),
        ("not judged", f"{CONTENDER} answered "),
    ],
)
def test_the_first_sentence_goes_by_the_verdict(verdict, begin):
    found = line(verdicts(deployed=verdict), "small model")
    assert found.text.startswith(begin)
    assert found.standing == (verdict if verdict in ("withheld", "not judged") else "judged")


def test_an_undecided_sentence_says_what_the_run_would_have_found():
    summary = judged(SUMMARY, AS_DEPLOYED, verdict="undecided", smallest_seen=0.031)
    assert "cannot tell from none. Four runs of five would find a difference of 3.1 %." in line(summary, "small model").text


@pytest.mark.parametrize(
    ("alone", "same", "lead"),
    [
        ("better", "worse", "It is the server, not the framework. "),
        ("better", "equivalent", "It is the server, not the framework. "),
        ("worse", "better", "It is the framework, not the server. "),
        ("better", "better", ""),
        ("worse", "worse", ""),
        ("undecided", "undecided", ""),
    ],
)
def test_framework_or_server_is_said_only_where_one_of_them_alone_is_better(alone, same, lead):
    text = line(verdicts(alone=alone, same=same), "framework or server").text
    assert text.startswith(lead)
    assert ("It is the" in text) == bool(lead)


def test_framework_or_server_is_withheld_with_the_row_that_is():
    found = line(verdicts(alone="better", same="withheld"), "framework or server")
    assert (found.standing, found.text) == ("withheld", "Framework or server: withheld (a reason).")


def with_threshold(**changes):
    row = next(row for row in SUMMARY.break_even if (row.contender, row.baseline) == AS_DEPLOYED)
    thresholds = tuple(replace(found, **changes) if found.within == 0.1 else found for found in row.thresholds)
    return row, replace(row, thresholds=thresholds)


def broken_even(row):
    return replace(SUMMARY, break_even=(row,))


def slowest_at(row, interval):
    """Return a break-even row whose slowest model has another ratio."""
    return replace(row, points=(*row.points[:-1], replace(row.points[-1], interval=interval, is_drawn=True)))


def test_from_the_threshold_on_code_and_features_decide():
    _, row = with_threshold(model=Interval(3.42, 2.97, 3.9, 0.96), is_measured=True)
    found = choice(broken_even(row), "slow model")
    assert (found.service, found.choose) == (
        "A model that takes 3.4 ms or longer",
        "by code and features; throughput differs by less than 10 %",
    )
    assert found.evidence.endswith("Less than 10 % from about 3.4 ms (3.0 to 3.9)")
    assert found.standing == "seen"


def test_stacks_that_are_near_whatever_the_model_takes_have_no_threshold():
    _, row = with_threshold(model=Interval(0.0, 0.0, 0.0, 0.96), is_measured=True)
    assert choice(broken_even(row), "slow model").service == "A model of any speed"


@pytest.mark.parametrize(
    ("interval", "chosen"),
    [
        (Interval(1.4, 1.3, 1.5, 0.96), CONTENDER),
        (Interval(0.7, 0.6, 0.8, 0.96), BASELINE),
        (Interval(1.2, 0.9, 1.5, 0.96), UNCLEAR),
        (Interval(1.4, None, None, None), UNCLEAR),
    ],
)
def test_where_the_slowest_model_still_matters_its_own_ratio_decides(interval, chosen):
    row, changed = with_threshold(model=Interval(10.0, None, None, None), is_measured=False)
    found = choice(broken_even(slowest_at(changed, interval)), "slow model")
    assert found.choose == chosen
    assert "the slowest measured" in found.service
    assert row.longest_ms


def changed_by(**intervals):
    """Return a summary whose single changes from the article's handler have other ratios, by contender."""
    rows = [
        replace(row, interval=intervals[row.contender.replace("-", "_")]) if row.contender.replace("-", "_") in intervals else row
        for row in SUMMARY.changes
    ]
    return replace(SUMMARY, changes=tuple(rows))


@pytest.mark.parametrize(
    ("interval", "chosen"),
    [
        (Interval(7.1, 6.5, 7.3, 0.96), "replace pandas before anything else"),
        (Interval(0.5, 0.4, 0.6, 0.96), "keep pandas"),
        (Interval(1.1, 0.9, 1.3, 0.96), UNCLEAR),
    ],
)
def test_pandas_in_the_handler_is_replaced_where_that_is_clear(interval, chosen):
    found = choice(changed_by(flask_gthread=interval), "handler")
    assert (found.choose, found.standing) == (chosen, "seen")


def test_a_difference_within_a_and_a_is_not_clear():
    part, load = SUMMARY.changes[0].part, SUMMARY.changes[0].load
    floors = tuple(replace(row, interval=Interval(1.0, 0.5, 2.0, 0.96), part=part, load=load) for row in SUMMARY.noise_floor)
    summary = replace(changed_by(flask_gthread=Interval(1.5, 1.4, 1.6, 0.96)), noise_floor=floors)
    assert choice(summary, "handler").choose == UNCLEAR


def waiting_cells(**rates):
    """Return a summary in which stacks wait 100 ms and answer so many requests per second, within 1 %."""
    cell = next(cell for cell in SUMMARY.cells if cell.scenario == "enrich-100ms")
    cells = [
        replace(cell, stack=stack.replace("_", "-"), throughput=Interval(rate, rate * 0.99, rate * 1.01, 0.96))
        for stack, rate in rates.items()
    ]
    return replace(SUMMARY, cells=tuple(cells))


def test_requests_that_wait_are_for_those_who_answered_most():
    found = choice(waiting_cells(flask_enrich_8=77.0, fastapi_enrich=499.0, flask_enrich_128=501.0), "waiting")
    assert found.choose == "flask-enrich-128 or FastAPI on uvicorn, async client"
    assert f"{EIGHT} 77" in found.evidence
    assert choice(waiting_cells(flask_enrich_8=499.0, fastapi_enrich=77.0), "waiting").choose == EIGHT
    assert choice(waiting_cells(flask_enrich_8=499.0, fastapi_enrich=500.0), "waiting").choose == "any of them"


def with_documents(contender, baseline):
    rows = [
        replace(row, has=contender if row.stack == AS_DEPLOYED[0] else baseline) if row.feature in DOCUMENTED else row
        for row in SUMMARY.features
    ]
    return replace(SUMMARY, features=tuple(rows))


@pytest.mark.parametrize(("contender", "baseline", "chosen"), [(True, False, "FastAPI"), (False, True, "Flask"), (True, True, "either")])
def test_documentation_is_of_the_framework_that_has_it(contender, baseline, chosen):
    found = choice(with_documents(contender, baseline), "documentation")
    assert (found.choose, found.standing) == (chosen, "counted")


@pytest.mark.parametrize(("baseline", "is_named"), [(False, True), (True, False)])
def test_what_an_extension_gives_is_named_where_the_framework_itself_has_none(baseline, is_named):
    evidence = choice(with_documents(contender=True, baseline=baseline), "documentation").evidence
    assert evidence.endswith("; Flask has both with an extension and 20 lines of code") == is_named


@pytest.mark.parametrize(("contender", "baseline", "chosen"), [(16, 8, "Flask"), (8, 16, "FastAPI"), (8, 8, "either")])
def test_the_fewest_packages_are_counted(contender, baseline, chosen):
    rows = [replace(row, packages=contender if row.stack == AS_DEPLOYED[0] else baseline) for row in SUMMARY.complexity]
    assert choice(replace(SUMMARY, complexity=tuple(rows)), "dependencies").choose == chosen


def with_late(**ratios):
    probe = SUMMARY.probes[0]
    probes = (replace(probe, stack=stack.replace("_", "-"), late_ratio=ratio) for stack, ratio in ratios.items())
    return replace(SUMMARY, probes=tuple(probes))


def test_health_checks_are_for_those_who_answer_in_time():
    assert choice(with_late(fastapi_uvicorn=0.6, flask_gthread=0.0), "health checks").choose == BASELINE
    assert choice(with_late(fastapi_uvicorn=0.0, flask_gthread=0.6), "health checks").choose == CONTENDER
    assert choice(with_late(fastapi_uvicorn=0.6, flask_gthread=0.6), "health checks").choose == "none of these"
    assert choice(with_late(fastapi_uvicorn=0.0, flask_gthread=0.01), "health checks").choose == "any of them"


def test_what_a_run_has_not_measured_names_the_profile_that_does():
    cells = tuple(cell for cell in SUMMARY.cells if not cell.scenario.startswith("enrich"))
    bare = replace(SUMMARY, break_even=(), changes=(), features=(), complexity=(), probes=(), cells=cells)
    found = {choice.topic: choice for choice in answer(bare).choices}
    measured = {topic: choice.evidence for topic, choice in found.items() if choice.standing == "not measured"}
    assert measured == {
        "slow model": "make bench PROFILE=default",
        "handler": "make bench PROFILE=default",
        "waiting": "make bench PROFILE=thorough",
        "documentation": "make bench PROFILE=default",
        "dependencies": "make bench PROFILE=default",
        "health checks": "make bench PROFILE=thorough",
    }
    assert not {line.topic for line in answer(bare).lines} & {"slow model", "handler"}


def test_of_a_run_that_is_not_valid_only_what_was_counted_is_told():
    standings = {choice.topic: choice.standing for choice in answer(invalid(SUMMARY)).choices}
    assert {standings[topic] for topic in ("slow model", "handler", "waiting", "health checks")} == {"withheld"}
    assert {standings[topic] for topic in ("documentation", "dependencies")} == {"counted"}
    assert line(invalid(SUMMARY), "trust").text == "This run is not valid: its figures are for diagnosis only."


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("better", "seconds of CPU time: "),
        ("worse", "seconds of CPU time: "),
        ("equivalent", "seconds of CPU time, equal: "),
        ("undecided", "seconds of CPU time, no difference that this run can tell: "),
        ("withheld", "Cost: withheld (a reason)."),
    ],
)
def test_the_cost_goes_by_the_verdict_on_cpu_time(verdict, words):
    summary = judged(SUMMARY, AS_DEPLOYED, "cpu_us_per_request", verdict=verdict, reason="a reason")
    assert words in line(summary, "cost").text


def test_the_cost_names_price_currency_and_utilisation():
    [found] = [line for line in answer(SUMMARY, Price(1.0, (0.5,), "euros")).lines if line.topic == "cost"]
    assert found.text.endswith(" euros at 1 per core hour, if paid cores work for 50 % of their time.")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("equal", "equal, as far as this machine can tell"),
        ("coarse", "this run cannot tell differences under 12 %"),
        ("unequal", "only larger differences count"),
        ("not judged", "too few for a judgement"),
    ],
)
def test_how_sure_it_is_goes_by_two_copies_of_one_stack(state, words):
    aa = replace(SUMMARY.validity.aa, state=state, resolution=0.12)
    assert words in line(replace(SUMMARY, validity=replace(SUMMARY.validity, aa=aa)), "trust").text


def test_without_a_second_copy_it_says_that_noise_is_not_known():
    assert "is not known" in line(replace(SUMMARY, noise_floor=()), "trust").text


def test_a_comparison_of_other_stacks_speaks_of_these_alone(tmp_path):
    folder = user_run(tmp_path / "run")
    found = make_answer(folder.read_summary(), folder.read_manifest(), Price())
    chosen = (f"{choice.service} {choice.choose} {choice.evidence}" for choice in found.choices)
    told = " ".join([found.question, *(line.text for line in found.lines), *chosen])
    assert "Flask" not in told
    assert "FastAPI" not in told
    assert {line.topic for line in found.lines} == {"these stacks", "trust"}
    assert found.question.startswith("yours or Mine")


def test_a_run_that_compares_nothing_still_has_an_answer():
    found = answer(replace(SUMMARY, comparisons=(), noise_floor=()))
    assert [line.topic for line in found.lines] == ["trust"]
    assert found.choices == ()
    assert isinstance(SUMMARY.validity, Validity)
