"""What became of the requests of a slice that were due after settling and before its end."""

import math

import numpy as np
import pytest
from sample_rows import MS, columns, not_sent_rows, sample_rows, unfinished_rows

from bench.records.samples import join_settled, settled_requests

INF = math.inf


def settled_of(*rows, settled_ms=0, end_ms=200):
    return settled_requests(columns(np.concatenate(rows)), settled_ms * MS, end_ms * MS)


def test_requests_count_that_were_due_after_settling_and_before_the_end():
    rows = sample_rows(0, np.array([39, 40, 199, 200]) * MS, [5 * MS] * 4)
    settled = settled_of(rows, settled_ms=40)
    assert (settled.done_ns.tolist(), settled.due) == ([45 * MS, 204 * MS], 2)


def test_answers_count_for_the_rate_that_came_after_settling_and_before_the_end_whenever_they_were_sent():
    done_ms = np.array([39, 40, 100, 199, 200])
    assert settled_of(sample_rows(0, (done_ms - 35) * MS, [35 * MS] * 5), settled_ms=40).answered == 3


def test_it_is_due_time_that_decides_not_when_a_request_was_sent():
    rows = sample_rows(0, np.array([41, 201]) * MS, [5 * MS] * 2, intended_ns=np.array([39, 199]) * MS)
    assert settled_of(rows, settled_ms=40).response_ms.tolist() == [7]


def test_a_service_time_is_from_sent_to_done_and_a_response_time_from_due_to_done_in_milliseconds():
    settled = settled_of(sample_rows(0, [50 * MS], [1_234_567], intended_ns=[48 * MS]))
    assert (settled.service_ms.tolist(), settled.response_ms.tolist(), settled.send_lag_ms.tolist()) == ([1.234567], [3.234567], [2])


def test_in_a_closed_loop_both_times_are_the_same_and_nothing_is_sent_late():
    settled = settled_of(sample_rows(0, np.arange(1, 9) * MS, np.arange(8) * 1000))
    assert settled.response_ms.tolist() == settled.service_ms.tolist()
    assert set(settled.send_lag_ms) == {0}


def test_wrong_and_failed_answers_enter_no_time_and_no_rate():
    wrong = sample_rows(0, [50 * MS], [MS], correct=False)
    failed = sample_rows(0, [60 * MS], [MS], correct=False, status=0)
    settled = settled_of(wrong, failed)
    assert [len(values) for values in (settled.done_ns, settled.response_ms, settled.service_ms)] == [0] * 3
    assert (settled.answered, settled.due) == (0, 2)


def test_a_request_that_was_sent_late_shows_in_the_send_lag_whatever_its_answer():
    late = {"intended_ns": [50 * MS]}
    wrong = sample_rows(0, [53 * MS], [MS], correct=False, **late)
    settled = settled_of(wrong, unfinished_rows(0, [54 * MS], **late), sample_rows(0, [55 * MS], [MS], **late))
    assert sorted(settled.send_lag_ms) == [3, 4, 5]


def test_an_unfinished_request_is_longer_than_any_other_in_both_times():
    settled = settled_of(sample_rows(0, [50 * MS], [MS]), unfinished_rows(0, [60 * MS, 61 * MS]))
    assert settled.response_ms.tolist() == settled.service_ms.tolist() == [1, INF, INF]
    assert settled.done_ns.tolist() == [51 * MS]


def test_a_request_that_was_not_sent_is_longer_than_any_other_in_response_time_and_has_no_service_time_nor_send_lag():
    settled = settled_of(sample_rows(0, [50 * MS], [MS]), not_sent_rows(0, [60 * MS, 61 * MS]))
    assert settled.response_ms.tolist() == [1, INF, INF]
    assert (settled.service_ms.tolist(), settled.send_lag_ms.tolist()) == ([1], [0])


@pytest.mark.parametrize("kind", [unfinished_rows, not_sent_rows])
def test_a_request_without_an_answer_counts_only_if_it_was_due_after_settling_and_before_the_end(kind):
    settled = settled_of(kind(0, np.array([39, 40, 199, 200]) * MS), settled_ms=40)
    assert settled.response_ms.tolist() == [INF, INF]


def test_requests_without_an_answer_were_due_and_are_not_answered():
    settled = settled_of(sample_rows(0, [50 * MS], [MS]), unfinished_rows(0, [60 * MS]), not_sent_rows(0, [70 * MS]))
    assert (settled.due, settled.answered) == (3, 1)


def test_the_settled_requests_of_several_slices_are_all_of_them():
    first = settled_of(sample_rows(0, [50 * MS], [MS], intended_ns=[49 * MS]))
    second = settled_of(sample_rows(1, [60 * MS, 190 * MS], [3 * MS, 20 * MS]), not_sent_rows(1, [61 * MS]))
    joined = join_settled([first, second])
    assert (joined.due, joined.answered) == (4, 2)
    assert joined.done_ns.tolist() == [51 * MS, 63 * MS, 210 * MS]
    assert joined.response_ms.tolist() == [2, 3, 20, INF]
    assert joined.service_ms.tolist() == [1, 3, 20]
    assert joined.send_lag_ms.tolist() == [1, 0, 0]
