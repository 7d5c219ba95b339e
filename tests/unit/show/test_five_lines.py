"""The answer in few lines: what each says, what is said where a figure is missing, and that nothing is said without one."""

from dataclasses import replace

import pytest
from report_pages import RUN
from run_variants import NO_FINDINGS, VARIANTS

from bench.records import AS_DEPLOYED, SAME_SERVER, Noise
from bench.records.price import Price
from bench.show.five_lines import answer_lines, trust_lines

SUMMARY, STACKS = RUN.summary, RUN.stacks
PRICE = Price()
BREAK_EVEN = (
    "Break-even: requests per second are, as usually deployed, within 10 % of 1 from 1.44 ms of model time on (1.29 to 1.63 ms, "
    "96.1 %), 15.9 times what the contender itself takes; same server, within 10 % of 1 from 0.019 ms of model time on (0.008 to 0.035 ms, "
    "96.1 %), 0.165 times what the contender itself takes."
)
EQUAL_LOAD = (
    "At equal load, 1,820 req/s offered to both, as usually deployed: p95 response time 0.942 times (98.9 % interval 0.869 to 1.021, "
    "12 launches), undecided; CPU time per request 0.4953 times (98.9 % interval 0.4924 to 0.4982, 12 launches), better"
)
MONEY = "; a million predictions take 109 against 220 CPU seconds and cost 0.00403 against 0.00814 (0.04 per core hour, 30 % used)"
CODE = (
    "Code: FastAPI on uvicorn 164 lines of code, cyclomatic complexity 37, 13 packages (24.3 MB); "
    "Flask on gunicorn gthread 151 lines of code, cyclomatic complexity 34, 9 packages (4.8 MB)."
)


def lines_of(summary=SUMMARY, price=PRICE):
    return answer_lines(summary, STACKS, price)


def line_of(begin, summary=SUMMARY, price=PRICE):
    """Return the line that begins so, empty if there is none."""
    return next((line for line in lines_of(summary, price) if line.startswith(begin)), "")


def changed(rows, *, only=lambda _: True, **fields):
    return tuple(replace(row, **fields) if only(row) else row for row in rows)


def test_a_whole_run_is_answered_in_six_lines_in_this_order():
    heads = [line.partition(":")[0] for line in lines_of()]
    at_load = "At equal load, 1,820 req/s offered to both, as usually deployed"
    assert heads == ["Better, as usually deployed", "Better, the server alone", "Worse, same server", "Break-even", at_load, "Code"]


@pytest.mark.parametrize("name", VARIANTS)
def test_no_run_has_more_than_six_lines_and_none_holds_an_empty_word(name, tmp_path):
    folder = VARIANTS[name](tmp_path / "run")
    lines = answer_lines(folder.read_summary(), folder.read_manifest()["stacks"], PRICE)
    assert 1 <= len(lines) <= 6
    assert all(line.endswith(".") for line in lines)
    assert [word for line in lines for word in ("None", " - ", "nan", "()") if word in line] == []


def test_below_the_answer_stand_validity_two_copies_and_noise():
    heads = [line.partition(":")[0] for line in trust_lines(SUMMARY, STACKS)]
    assert heads == ["Valid", "A/A equal", "Noise, which makes intervals wider"]


def test_a_run_that_knows_nothing_of_its_noise_has_no_line_of_it():
    summary = replace(SUMMARY, validity=replace(SUMMARY.validity, noise=Noise()))
    assert [line.partition(":")[0] for line in trust_lines(summary, STACKS)] == ["Valid", "A/A equal"]


# --- break-even -----------------------------------------------------------------------------------------------------


def test_break_even_names_the_model_time_of_both_headline_pairs():
    assert line_of("Break-even") == BREAK_EVEN


def test_break_even_of_other_pairs_names_their_stacks_at_most_two():
    rows = tuple(replace(row, contender="fastapi-def") for row in (*SUMMARY.break_even, *SUMMARY.break_even))
    line = line_of("Break-even", replace(SUMMARY, break_even=rows))
    assert line.startswith("Break-even: requests per second are, FastAPI with def on uvicorn / Flask on gunicorn gthread, within 10 %")
    assert line.count("within 10 % of 1") == 2


def test_break_even_of_one_headline_pair_leaves_the_other_out():
    line = line_of("Break-even", replace(SUMMARY, break_even=SUMMARY.break_even[1:]))
    assert line.startswith("Break-even: requests per second are, same server, within 10 % of 1 from 0.019 ms")
    assert "as usually deployed" not in line


# --- equal load -----------------------------------------------------------------------------------------------------


def test_equal_load_has_latency_then_cpu_time_then_what_it_costs():
    assert line_of("At equal load") == f"{EQUAL_LOAD}{MONEY}."


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("undecided", "12 launches), undecided; CPU"),
        ("equivalent", "12 launches), equivalent within 10 %; CPU"),
        ("withheld", "12 launches), withheld; CPU"),
        ("worse", "12 launches), worse; CPU"),
        ("not judged", "12 launches), not judged; CPU"),
    ],
)
def test_the_verdict_of_a_latency_is_said_plainly(verdict, words):
    rows = changed(SUMMARY.comparisons, only=lambda row: row.metric == "p95_ms" and row.role == "secondary", verdict=verdict)
    assert words in line_of("At equal load", replace(SUMMARY, comparisons=rows))


@pytest.mark.parametrize(
    ("price", "words"),
    [
        (Price(0.36, (0.5, 0.7)), "109 against 220 CPU seconds and cost 0.0218 against 0.0439 (0.36 per core hour, 50 % used)"),
        (Price(0.0, (1.0,)), "109 against 220 CPU seconds and cost 0 against 0 (0 per core hour, 100 % used)"),
    ],
)
def test_money_follows_the_price_and_the_first_share_of_use(price, words):
    assert words in line_of("At equal load", price=price)


@pytest.mark.parametrize("stack", AS_DEPLOYED)
def test_without_the_cpu_time_of_both_nothing_is_said_of_cost(stack):
    cells = changed(SUMMARY.cells, only=lambda cell: cell.stack == stack, cpu_us_per_request=None)
    assert line_of("At equal load", replace(SUMMARY, cells=cells)) == f"{EQUAL_LOAD}."


def test_a_rate_that_is_not_known_is_not_said():
    line = line_of("At equal load", replace(SUMMARY, cells=()))
    assert line == f"{EQUAL_LOAD}.".replace(", 1,820 req/s offered to both", "")


@pytest.mark.parametrize("fields", [{"role": "exploratory"}, {"contender": "fastapi-def"}, {"load": "closed-16"}, {"ratio": None}])
def test_only_judged_figures_of_the_deployed_pair_in_an_open_loop_are_its_line(fields):
    rows = changed(SUMMARY.comparisons, only=lambda row: row.load == "busy-40", **fields)
    assert line_of("At equal load", replace(SUMMARY, comparisons=rows)) == ""


# --- code -----------------------------------------------------------------------------------------------------------


def only_words(*features):
    """Return what is said of features, each given as (stack, feature, has)."""
    template = SUMMARY.features[0]
    rows = tuple(replace(template, stack=stack, feature=feature, has=has) for stack, feature, has in features)
    return line_of("Code", replace(SUMMARY, features=rows)).removeprefix(CODE)


def test_code_has_size_complexity_and_packages_of_both_then_what_only_one_has():
    assert line_of("Code") == (
        f"{CODE} Only FastAPI on uvicorn has interactive documentation, OpenAPI description, reference page, answers checked against a "
        "model and 1 more. Only Flask on gunicorn gthread has command line with a list of routes."
    )


def test_a_feature_that_both_have_or_neither_has_is_not_named():
    same = [(stack, "docs", True) for stack in AS_DEPLOYED] + [(stack, "schema", False) for stack in AS_DEPLOYED]
    assert only_words(*same) == ""
    assert only_words() == ""


def test_a_feature_of_one_side_is_named_for_that_side_alone():
    fastapi, flask = AS_DEPLOYED
    assert only_words((fastapi, "docs", True), (flask, "docs", False)) == " Only FastAPI on uvicorn has docs."
    assert only_words((fastapi, "shell", False), (flask, "shell", True)) == " Only Flask on gunicorn gthread has shell."


@pytest.mark.parametrize(("count", "words"), [(4, "f0, f1, f2, f3."), (5, "f0, f1, f2, f3 and 1 more."), (9, "f0, f1, f2, f3 and 5 more.")])
def test_at_most_four_features_are_named_and_the_others_counted(count, words):
    assert only_words(*((AS_DEPLOYED[0], f"f{number}", True) for number in range(count))) == f" Only FastAPI on uvicorn has {words}"


def test_one_line_and_one_package_are_no_plural():
    rows = changed(SUMMARY.complexity, source_lines=1, packages=1)
    assert "FastAPI on uvicorn 1 line of code, cyclomatic complexity 37, 1 package (24.3 MB)" in line_of(
        "Code", replace(SUMMARY, complexity=rows)
    )


@pytest.mark.parametrize("rows", [(), SUMMARY.complexity[:1]])
def test_the_code_of_fewer_than_two_is_no_line(rows):
    assert line_of("Code", replace(SUMMARY, complexity=rows)) == ""


# --- what is missing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"break_even": ()}, "break-even"),
        ({"complexity": ()}, "code"),
        ({"break_even": (), "complexity": ()}, "break-even, code"),
        ({"comparisons": tuple(row for row in SUMMARY.comparisons if row.load != "busy-40")}, "equal load"),
    ],
)
def test_one_line_at_the_end_names_what_the_profile_does_not_measure(fields, missing):
    *others, last = lines_of(replace(SUMMARY, **fields))
    assert last == f"Not measured with profile fixture: {missing}. 'make bench' measures all."
    assert len(others) == len(lines_of()) - missing.count(",") - 1


def test_nothing_is_missed_where_other_stacks_than_the_headlines_are_compared():
    rows = changed(SUMMARY.comparisons, contender="mine", baseline="yours")
    summary = replace(SUMMARY, comparisons=rows, **NO_FINDINGS)
    assert [line.partition(":")[0] for line in lines_of(summary)] == ["Better", "Exploratory"]


def test_a_run_that_knows_nothing_says_only_so():
    summary = replace(SUMMARY, cells=(), comparisons=(), noise_floor=(), **NO_FINDINGS)
    assert lines_of(summary) == ["No comparison: this run does not measure one stack against another."]


def test_the_deployed_pair_alone_leaves_the_same_server_row_named_as_missing():
    rows = tuple(row for row in SUMMARY.comparisons if (row.contender, row.baseline) != SAME_SERVER)
    assert lines_of(replace(SUMMARY, comparisons=rows))[2] == (
        "Not measured, same server: this run does not compare fastapi-granian with flask-granian."
    )
