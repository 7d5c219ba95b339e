"""The bench's proof of itself: its checks hold, its table says what failed, and its stubs do what their record says."""

import random

import numpy as np
import pytest

from bench import stub, testbed
from bench import verify as verify_module
from bench.measure.environment import choose_cores
from bench.proof.checks import (
    CHECKS,
    Check,
    check_dead_and_silent,
    check_delays,
    check_starved_generator,
    check_stopped_server,
    check_wrong_answers,
)
from bench.proof.verify import verify

needs_two_cores = pytest.mark.skipif(not choose_cores().servers, reason="needs two cores")


@pytest.fixture
def bed(tmp_path):
    return testbed.Testbed(tmp_path, choose_cores())


def failures(checks):
    return [check for check in checks if not check.passed]


# --- the table ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("passed", "status", "word"), [(True, 0, "pass"), (False, 1, "FAIL")])
def test_the_exit_status_and_the_table_say_whether_a_check_failed(monkeypatch, capsys, passed, status, word):
    check = Check(1, "one thing", "5 ms", "6 ms", passed)
    monkeypatch.setattr(verify_module, "CHECKS", {"nothing": lambda _: iter([check])})
    assert verify() == status
    out = capsys.readouterr().out
    assert all(text in out for text in ("one thing", "5 ms", "6 ms", word, f"{int(passed)} of 1 checks passed"))


def test_every_kind_of_truth_has_its_checks():
    assert len(CHECKS) == 7


# --- checks that need no quiet machine ------------------------------------------------------------------------------


def test_wrong_and_cut_answers_are_counted_as_the_server_recorded_them(bed):
    assert failures(check_wrong_answers(bed)) == []


def test_dead_and_silent_servers_are_told(bed):
    assert failures(check_dead_and_silent(bed)) == []


@needs_two_cores
def test_a_starved_generator_makes_a_run_invalid(bed):
    assert failures(check_starved_generator(bed)) == []


# --- the checks notice a bench that is wrong ------------------------------------------------------------------------


def test_the_delay_check_fails_if_the_bench_is_a_millisecond_off(bed, monkeypatch):
    launch = bed.launch

    def shifted(config):
        result, measured = launch(config)
        for settled in measured.settled:
            settled.service_ms[:] += 1
        return result, measured

    monkeypatch.setattr(bed, "launch", shifted)
    assert len(failures(check_delays(bed))) == 4


def test_the_stop_check_fails_if_an_open_loop_counts_from_the_sending_after_the_stop(bed, monkeypatch):
    launch = bed.launch

    def omitting(config):
        result, measured = launch(config)
        for settled in measured.settled:
            settled.response_ms[settled.response_ms > 100] = 1.0
        return result, measured

    monkeypatch.setattr(bed, "launch", omitting)
    assert not next(check_stopped_server(bed)).passed


# --- the stubs ------------------------------------------------------------------------------------------------------


def test_a_stub_records_each_answer_that_the_bench_got(bed):
    result, _ = bed.launch(testbed.make_plan(bed.stub("plain"), load="closed-4"))
    rows = bed.record("plain")
    assert len(rows) == len(result.samples) + 1  # the request of the parity gate
    assert (np.diff(rows[:, 1]) >= 0).all()
    assert (np.diff(rows[:, 2]) >= 0).all()
    assert set(rows[:, 3]) == {1}


def test_the_extra_work_of_a_stub_is_what_is_asked_on_average():
    usual, dear = stub.Behaviour({"work": "20000"}), stub.Behaviour({"work": "20000", "extra": "0.5"})
    draw = random.Random(3)  # noqa: S311 - reproducible, no secret
    work = [dear.draw_work(draw) for _ in range(10_000)]
    assert usual.draw_work(draw) == 20_000
    assert np.mean(work) == pytest.approx(1.5 * 20_000, rel=0.01)
    assert min(work) >= 20_000
    assert max(work) <= 2 * 20_000


def test_an_unknown_option_of_a_stub_is_refused(bed):
    with pytest.raises(Exception, match="unknown options nonsense"):
        bed.launch(testbed.make_plan(bed.stub("odd", "nonsense=1"), load="closed-4"))
