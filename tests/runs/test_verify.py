"""The bench's proof of itself: its table says what failed, its checks notice a wrong bench, and its stubs do what their record says.

That all checks hold is for `make verify`, which `make test-all` runs when the tests are over: beside other tests the generator has no core
of its own.
"""

import random
import subprocess
import sys

import numpy as np
import pytest

from bench.errors import NothingVerifiedError
from bench.measure.environment import choose_cores
from bench.measure.processes import kill_group, pinned
from bench.proof import testbed
from bench.proof import verify as verify_module
from bench.proof.checks import (
    READ,
    RIGHT,
    Check,
    check_delays,
    check_stopped_server,
    check_wrong_answers,
)
from bench.proof.verify import refuse_busy_core, verify
from bench.servers import stub

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
    monkeypatch.setattr(verify_module, "refuse_busy_core", lambda _: None)
    assert verify() == status
    out = capsys.readouterr().out
    assert all(text in out for text in ("one thing", "5 ms", "6 ms", word, f"{int(passed)} of 1 checks passed"))


@needs_two_cores
def test_where_the_generator_shares_its_core_nothing_is_verified_and_that_is_said_in_one_line(bed):
    with pinned(bed.cores.generator):
        rival = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        with pytest.raises(NothingVerifiedError, match=r"waited for its core for \d+% of the time, over 10%, so nothing can be verified"):
            refuse_busy_core(bed)
    finally:
        kill_group(rival)
    assert NothingVerifiedError.exit_status == 4


# --- the checks hold ------------------------------------------------------------------------------------------------


def test_wrong_and_cut_answers_are_counted_as_the_server_recorded_them(bed):
    assert failures(check_wrong_answers(bed)) == []


# --- the checks notice a bench that is wrong ------------------------------------------------------------------------


def test_the_delay_check_fails_if_the_bench_is_far_off(bed, monkeypatch):
    launch = bed.launch

    def shifted(plan):
        seen = launch(plan)
        for settled in seen.settled:
            settled.service_ms[:] += 1000
        return seen

    monkeypatch.setattr(bed, "launch", shifted)
    assert len(failures(check_delays(bed))) == 4


@pytest.mark.slow
def test_the_stop_check_fails_if_an_open_loop_counts_from_the_sending_after_the_stop(bed, monkeypatch):
    launch = bed.launch

    def omitting(plan):
        seen = launch(plan)
        for settled in seen.settled:
            settled.response_ms[settled.response_ms > 100] = 1.0
        return seen

    monkeypatch.setattr(bed, "launch", omitting)
    assert not next(check_stopped_server(bed)).passed


# --- the stubs ------------------------------------------------------------------------------------------------------


def test_a_stub_records_each_answer_that_the_bench_got_and_no_answer_is_had_before_its_stamp(bed):
    seen = bed.launch(testbed.make_plan(bed.stub("plain"), load="closed-4"))
    rows = bed.record("plain")
    assert len(rows) == len(seen.samples["slice"]) + 1  # the request of the parity gate
    assert (np.diff(rows, axis=0)[:, READ + 1 : RIGHT] >= 0).all()
    assert set(rows[:, RIGHT]) == {1}
    assert len(set(rows[:, 0])) == 4 + 1  # the users and the gate
    done_ns, answered_ns = np.sort(seen.samples["done_ns"]), np.sort(rows[1:, READ + 1])
    assert (answered_ns <= done_ns).all()


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
