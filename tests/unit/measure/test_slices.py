"""What the generator said of each slice, and its samples, as the records of slices.csv."""

import numpy as np
import pytest
from sample_rows import MS, not_sent_rows, sample_rows, unfinished_rows

from bench.measure.slices import describe_slices
from bench.plan.arrivals import Arrivals
from bench.plan.schedule import PlannedSlice

CLOCKS = dict.fromkeys(("server_cpu_ns", "server_user_ns", "server_kernel_ns", "generator_cpu_ns"), 0) | dict.fromkeys(
    ("generator_wait_ratio", "steal_ratio", "pressure_ratio"), 0.0
)
FACT = CLOCKS | dict.fromkeys(("start_ns", "settled_ns", "drained_ns", "connections", "received_bytes"), 0) | {"offered_rps": None}


def slices_of(*rows, warm_up=False, **fact):
    """Return what one slice for each of these samples gave, all of a closed loop."""
    planned = [PlannedSlice(index, "headline", 0, "a", "predict-1", "closed-16", warm_up=warm_up) for index in range(len(rows))]
    facts = [FACT | {"slice": index, "end_ns": 10 * MS} | fact for index in range(len(rows))]
    return describe_slices(1, planned, facts, np.concatenate(rows))


def test_each_slice_has_its_own_samples_whatever_their_number():
    records = slices_of(
        sample_rows(0, np.array([1, 2]) * MS, [MS, MS]), sample_rows(1, [], []), sample_rows(2, np.array([1, 3, 5]) * MS, [2 * MS] * 3)
    )
    assert [record.settled_answers for record in records] == [2, 0, 3]
    assert [record.throughput_rps for record in records] == [pytest.approx(200), None, pytest.approx(300)]


def test_every_request_of_a_slice_is_an_answer_or_an_error_or_unfinished_or_not_sent():
    rows = [
        sample_rows(0, [MS] * 5, [MS] * 5),
        sample_rows(0, [MS] * 3, [MS] * 3, correct=False),
        sample_rows(0, [MS], [MS], correct=False, status=0),
        unfinished_rows(0, [MS] * 2),
        not_sent_rows(0, [MS] * 7),
    ]
    [record] = slices_of(np.concatenate(rows))
    assert (record.answers, record.errors, record.unfinished, record.not_sent, record.failures) == (5, 4, 2, 7, 13)


def test_the_answers_of_the_trimmed_start_are_counted_but_not_settled():
    rows = sample_rows(0, np.array([1, 2, 3, 4, 5]) * MS, [MS] * 5)
    [record] = slices_of(rows, settled_ns=3 * MS)
    assert (record.answers, record.settled_answers, record.settled_time_ns) == (5, 4, 7 * MS)
    assert record.throughput_rps == pytest.approx(4 / 0.007)


def test_nothing_of_a_warm_up_is_trimmed():
    rows = sample_rows(0, np.array([1, 2, 3, 4, 5]) * MS, [MS] * 5)
    [record] = slices_of(rows, settled_ns=3 * MS, warm_up=True)
    assert (record.answers, record.settled_answers, record.settled_ns) == (5, 5, record.start_ns)


def test_a_slice_of_a_closed_loop_has_neither_offered_rate_nor_send_lag():
    [record] = slices_of(sample_rows(0, np.arange(1, 1001) * 1000, [MS] * 1000))
    assert (record.offered_rps, record.send_lag_p99_ms) == (None, None)


def test_a_slice_has_the_connections_that_were_opened_in_it_and_the_bytes_that_came():
    [record] = slices_of(sample_rows(0, [MS], [MS]), connections=16, received_bytes=123_456)
    assert (record.connections, record.received_bytes) == (16, 123_456)


def test_the_throughput_of_a_closed_loop_is_the_same_whichever_connection_got_the_answers():
    sent, rates = np.array([1, 2, 3, 4]) * MS, set()
    for connections in ([1, 1, 1, 1], [1, 2, 3, 4], [1, 1, 2, 2], [2, 1, 1, 2]):
        [record] = slices_of(
            np.concatenate([sample_rows(0, [at], [MS], connections=one) for at, one in zip(sent, connections, strict=True)])
        )
        rates.add(record.throughput_rps)
    assert rates == {400.0}


def test_a_slice_that_was_not_measured_has_no_record_and_the_others_keep_their_places():
    planned = [PlannedSlice(index, "headline", index, stack, "predict-1", "closed-16", warm_up=False) for index, stack in enumerate("abcd")]
    facts = [FACT | {"slice": index, "end_ns": 10 * MS} for index in (0, 3)]
    rows = np.concatenate([sample_rows(0, [MS], [MS]), sample_rows(3, [MS] * 2, [MS] * 2)])
    records = describe_slices(1, planned, facts, rows)
    assert [(record.slice, record.block, record.stack, record.answers) for record in records] == [(0, 0, "a", 1), (3, 3, "d", 2)]


# --- open loops -----------------------------------------------------------------------------------------------------


def slice_of(*rows, offered_rps=100.0):
    """Return the record of one slice of 200 ms, of which 40 are trimmed, with these samples."""
    samples = np.concatenate(rows)
    arrivals = Arrivals("seed", busy_share=0.4)
    planned = PlannedSlice(0, "headline", 0, "a", "predict-1", "busy-40", warm_up=False, arrivals=arrivals)
    fact = FACT | {"slice": 0, "settled_ns": 40 * MS, "end_ns": 200 * MS, "drained_ns": 250 * MS, "offered_rps": offered_rps}
    [record] = describe_slices(1, [planned], [fact], samples)
    return record


def done_at(*done_ms, intended_ms=10):
    """Return correct answers that were done at these times."""
    sent = [intended_ms * MS] * len(done_ms)
    return sample_rows(0, sent, np.array(done_ms) * MS - intended_ms * MS)


def test_throughput_counts_the_answers_that_were_done_between_settling_and_the_end_whenever_they_were_due():
    assert slice_of(done_at(39, 40, 41, 199, 200, 249)).throughput_rps == pytest.approx(3 / 0.16)
    assert slice_of(done_at(201, 202, intended_ms=150)).throughput_rps is None


def test_throughput_counts_correct_answers_only():
    wrong = sample_rows(0, [50 * MS] * 9, [MS] * 9, correct=False)
    rows = (done_at(100, 101), wrong, unfinished_rows(0, [60 * MS] * 9), not_sent_rows(0, [70 * MS] * 9))
    assert slice_of(*rows).throughput_rps == pytest.approx(2 / 0.16)


def test_a_slice_has_the_rate_that_its_launch_found_and_the_send_lag_of_its_settled_requests():
    due = np.linspace(50, 190, 1000) * MS
    late = due + np.linspace(0, 2, 1000) * MS
    early = sample_rows(0, [60 * MS] * 500, [MS] * 500, intended_ns=[20 * MS] * 500)
    record = slice_of(early, sample_rows(0, late, [MS] * 1000, intended_ns=due), offered_rps=2345.0)
    assert record.offered_rps == 2345
    assert record.send_lag_p99_ms == pytest.approx(1.98, abs=0.005)


def test_the_send_lag_of_few_requests_is_not_known():
    assert slice_of(sample_rows(0, [60 * MS] * 661, [MS] * 661)).send_lag_p99_ms is None
