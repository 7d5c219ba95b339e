"""A launch from fresh processes to samples, against stub servers with a known behaviour, over real sockets."""

import itertools
import re
import time
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from bench.errors import GeneratorError, ParityError, StackError
from bench.judge.tables import Tables, read_launch
from bench.measure import launches
from bench.measure.environment import Cores
from bench.measure.launches import measure_launch, write_samples
from bench.plan.loads import parse_load
from bench.plan.schedule import draw_arrivals, schedule_launch
from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from bench.records import SAMPLE_COLUMNS

UNPINNED = Cores((), ())
SLICE, CONNECTION, INTENDED, SENT, FIRST_BYTE, DONE, STATUS, CORRECT = range(8)


def measure(config):
    planned = schedule_launch(config, config.parts[0], 1)
    return measure_launch(config, 1, planned, UNPINNED, lambda _: None)


def read(result):
    return read_launch(1, result.planned, result.facts, result.samples)


def cell_of(config, result):
    """Return the one cell of a launch."""
    tables = Tables(config)
    tables.add_launch(1, read(result), [])
    (cell,) = tables.judge([], partial=False).cells
    return cell


def counted(result, *, place=-1):
    """Return the samples of a counted slice: the last one, or that of a place in the plan."""
    return result.samples[result.samples[:, SLICE] == result.planned[place].index]


def test_every_request_is_a_sample_with_its_stamps_in_order(make_stub, make_config):
    result = measure(make_config(make_stub()))
    samples = result.samples
    assert len(samples) == sum(record.answers for record in read(result).records)
    assert samples.shape[1] == len(SAMPLE_COLUMNS)
    assert (samples[:, SENT] < samples[:, FIRST_BYTE]).all()
    assert (samples[:, FIRST_BYTE] <= samples[:, DONE]).all()
    assert (samples[:, STATUS] == 200).all()
    assert (samples[:, CORRECT] == 1).all()


def test_requests_are_sent_within_their_slice_and_drained_before_the_next(make_stub, make_config):
    result = measure(make_config(make_stub(), make_stub(name="other")))
    for fact in result.facts:
        own = result.samples[result.samples[:, SLICE] == fact["slice"]]
        assert fact["start_ns"] <= own[:, SENT].min()
        assert own[:, SENT].max() <= fact["end_ns"]
        assert own[:, DONE].max() <= fact["drained_ns"]
    starts = [fact["start_ns"] for fact in result.facts]
    ends = [fact["drained_ns"] for fact in result.facts]
    assert all(end <= start for end, start in zip(ends[:-1], starts[1:], strict=True))


def test_a_closed_loop_has_as_many_connections_as_users(make_stub, make_config):
    result = measure(make_config(make_stub(), loads=("closed-1", "closed-7")))
    for planned in result.planned:
        own = result.samples[result.samples[:, SLICE] == planned.index]
        assert sorted(set(own[:, 1])) == list(range(1 if planned.load == "closed-1" else 7))


def test_server_and_generator_cpu_time_are_taken_over_the_slice(make_stub, make_config):
    result = measure(make_config(make_stub()))
    for fact in result.facts:
        elapsed_ns = fact["drained_ns"] - fact["start_ns"]
        assert 0 < fact["server_cpu_ns"] <= elapsed_ns * 1.05
        assert 0 < fact["generator_cpu_ns"] <= elapsed_ns * 1.05


def test_a_slice_is_long_enough_for_200_answers(make_stub, make_config):
    # One user and a server that needs 2 ms or more for each answer: 200 answers take 0.4 s or more, not the plan's 60 ms.
    result = measure(make_config(make_stub("slow"), loads=("closed-1",)))
    facts = [fact for fact, planned in zip(result.facts, result.planned, strict=True) if not planned.warm_up]
    assert all(fact["end_ns"] - fact["start_ns"] >= 0.39e9 for fact in facts)


@pytest.mark.parametrize("mode", ["status-500", "wrong"])
def test_a_stack_that_answers_wrongly_stops_at_the_gate_with_both_answers_shown(make_stub, make_config, mode):
    with pytest.raises(ParityError) as caught:
        measure(make_config(make_stub(mode)))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"stub-{mode} answers predict-1 differently")
    assert lines[2].split()[:2] == ["expected:", "200"]
    assert lines[3].startswith("    got:")


@pytest.mark.parametrize("mode", ["sometimes-wrong", "cut-short"])
def test_wrong_and_cut_answers_under_load_are_errors_and_enter_no_figure(make_stub, make_config, mode):
    config = make_config(make_stub(mode))
    result = measure(config)
    cell = cell_of(config, result)
    wrong = result.samples[result.samples[:, CORRECT] == 0]
    assert cell.errors == len(wrong) > 0
    assert (cell.unfinished, cell.not_sent) == (0, 0)
    assert cell.samples <= sum(record.answers for record in read(result).records if not record.warm_up)


def test_a_failed_request_is_not_sent_again(make_stub, make_config):
    result = measure(make_config(make_stub("cut-short"), loads=("closed-1",)))
    # Every hundredth request is cut; were it repeated, the server would count more requests than there are samples.
    failed = [place for place, row in enumerate(result.samples) if not row[CORRECT]]
    gaps = {second - first for first, second in itertools.pairwise(failed)}
    assert gaps == {100}


def test_a_server_that_closes_each_connection_is_served_by_new_ones(make_stub, make_config):
    result = measure(make_config(make_stub("closing")))
    assert (result.samples[:, CORRECT] == 1).all()
    assert len(result.samples) > 100


def test_a_chunked_answer_in_pieces_is_read_whole(make_stub, make_config):
    result = measure(make_config(make_stub("chunked")))
    assert (result.samples[:, CORRECT] == 1).all()
    assert (result.samples[:, FIRST_BYTE] < result.samples[:, DONE]).any()


def test_a_server_that_stops_answering_ends_in_time_as_unfinished_requests(make_stub, make_config, monkeypatch):
    monkeypatch.setattr(launches, "DRAIN_TIMEOUT_S", 0.3)
    config = make_config(make_stub("silent"))
    start_s = time.monotonic()
    result = measure(config)
    assert time.monotonic() - start_s < 15
    last = counted(result)
    assert len(last) == 4
    assert (last[:, [FIRST_BYTE, DONE, STATUS, CORRECT]] == 0).all()
    cell = cell_of(config, result)
    assert (cell.samples, cell.throughput_rps, cell.p50_ms, cell.cpu_us_per_request) == (0, None, None, None)
    assert cell.unfinished >= 4 * 2


def test_a_server_that_dies_fails_its_requests_and_leaves_the_end_of_its_log_while_others_go_on(make_stub, make_config):
    config = make_config(make_stub(name="well"), make_stub("dies"))
    result = measure(config)
    assert list(result.deaths) == ["stub-dies"]
    assert re.match(r"stub-dies ended by itself \(signal SIGKILL\)(.|\n)*I am about to die", result.deaths["stub-dies"])
    records = read(result).records
    assert [record.stack for record in records if record.answers and not record.errors] == [
        record.stack for record in records if record.stack == "well"
    ]
    assert records[-1].errors + records[-2].errors > 0
    assert [row.stack for row in result.memory] == ["well"]
    # The clock of a process that has gone cannot be read: nothing is known of its slice, least of all a negative time.
    assert all(record.server_cpu_ns is None or record.server_cpu_ns >= 0 for record in records)


def test_a_generator_that_fails_is_reported_with_the_end_of_its_output(make_stub, make_config, monkeypatch):
    monkeypatch.setattr(launches, "GENERATOR", "bench.no_such_module")
    with pytest.raises(GeneratorError, match=r"exit status 1(.|\n)*no_such_module"):
        measure(make_config(make_stub()))


def test_the_steps_of_a_launch_come_in_order(make_stub, make_config, tmp_path):
    config = make_config(make_stub(name="one", record=tmp_path), make_stub(name="two", record=tmp_path))
    planned = schedule_launch(config, config.parts[0], 1)
    seen = []

    def note(planned_slice):
        seen.append(f"{planned_slice.stack} {'warm-up' if planned_slice.warm_up else 'slice'}")

    measure_launch(config, 1, planned, UNPINNED, note)
    order = [slice_.stack for slice_ in planned]
    assert seen == [f"{name} warm-up" for name in order[:2]] + [f"{name} slice" for name in order[2:]]
    assert order[2:] == [*order[2:4], *reversed(order[2:4])]
    lines = (tmp_path / "events.log").read_text().splitlines()
    for name in ("one", "two"):
        assert [line.split()[1] for line in lines if line.startswith(name)] == ["start", "ready", "asked", "stop"]
    first_asked = min(lines.index("one asked"), lines.index("two asked"))
    assert all(lines.index(f"{name} ready") < first_asked for name in ("one", "two"))


def test_all_stacks_are_stopped_when_a_step_fails(make_stub, make_config, tmp_path):
    with pytest.raises(ParityError):
        measure(make_config(make_stub(name="one", record=tmp_path), make_stub("wrong", name="two", record=tmp_path)))
    assert {"one stop", "two stop"} <= set((tmp_path / "events.log").read_text().splitlines())


def test_samples_are_kept_as_parquet_with_named_columns(make_stub, make_config, tmp_path):
    result = measure(make_config(make_stub()))
    write_samples(tmp_path / "launch-01.parquet", result.samples)
    table = pq.read_table(tmp_path / "launch-01.parquet")
    assert tuple(table.column_names) == SAMPLE_COLUMNS
    assert table.column("done_ns").to_pylist() == result.samples[:, DONE].tolist()


# --- open loops -----------------------------------------------------------------------------------------------------


def test_an_open_loop_sends_exactly_its_arrivals_none_before_it_is_due(make_stub, make_config):
    config = make_config(make_stub(), loads=("open-1000rps",))
    result = measure(config)
    for planned, fact in zip(result.planned, result.facts, strict=True):
        own = result.samples[result.samples[:, SLICE] == planned.index]
        due = draw_arrivals(parse_load("open-1000rps"), 1000, planned.length_ms, planned.arrivals)
        assert sorted(own[:, INTENDED] - fact["start_ns"]) == due
        assert (own[:, SENT] >= own[:, INTENDED]).all()
        assert (own[:, CORRECT] == 1).all()
        # 200 arrivals take longer than the plan's 60 ms, which is enough for a warm-up.
        assert fact["end_ns"] - fact["start_ns"] == pytest.approx(0.06e9 if planned.warm_up else 0.2e9)


def test_an_open_loop_does_not_wait_for_answers(make_stub, make_config):
    # Each answer takes 50 ms, so ten are under way at any time: users that wait for theirs would be late.
    result = measure(make_config(make_stub("good", "delay_ms=50"), loads=("open-200rps",)))
    own = counted(result)
    assert len(set(own[:, CONNECTION])) >= 5
    assert np.median(own[:, SENT] - own[:, INTENDED]) < 2e6
    assert ((own[:, DONE] - own[:, SENT]) >= 49e6).all()


def test_an_open_loop_has_no_more_connections_than_requests_were_under_way_and_one_that_waits(make_stub, make_config):
    result = measure(make_config(make_stub(), loads=("open-200rps-constant",)))
    rows = result.samples
    under_way = max(((rows[:, SENT] <= at_ns) & (rows[:, DONE] >= at_ns)).sum() for at_ns in rows[:, SENT])
    assert len(set(rows[:, CONNECTION])) <= under_way + 1


def test_what_exceeds_the_bound_in_flight_is_recorded_as_not_sent(make_stub, make_config, monkeypatch):
    monkeypatch.setattr(launches, "MAX_IN_FLIGHT", 4)
    config = make_config(make_stub("good", "delay_ms=100"), loads=("open-200rps-constant",))
    result = measure(config)
    own = counted(result)
    not_sent = own[own[:, SENT] == 0]
    assert len(own) == 200
    assert len(not_sent) == pytest.approx(200 * 0.8, abs=12)
    assert (not_sent[:, CONNECTION] == -1).all()
    assert (not_sent[:, [FIRST_BYTE, DONE, STATUS, CORRECT]] == 0).all()
    cell = cell_of(config, result)
    assert cell.not_sent == sum(record.not_sent for record in read(result).records) >= len(not_sent)
    assert cell.p50_ms is None  # most requests took longer than any that was answered
    assert cell.service_p50_ms == pytest.approx(100, rel=0.2)


def test_requests_of_an_open_loop_that_stay_unanswered_are_unfinished_not_omitted(make_stub, make_config, monkeypatch):
    monkeypatch.setattr(launches, "DRAIN_TIMEOUT_S", 0.3)
    config = make_config(make_stub("good", "silent_after=20"), loads=("open-200rps-constant",))
    result = measure(config)
    cell = cell_of(config, result)
    assert len(counted(result)) == 200
    assert cell.unfinished >= 200
    assert (cell.errors, cell.p99_ms) == (0, None)


def test_a_stop_of_the_server_is_in_the_response_times_of_an_open_loop(make_stub, make_config):
    config = make_config(make_stub("good", "freeze_after=100", "freeze_s=0.2"), loads=("open-400rps-constant",))
    result = measure(config)
    waits_ms = np.sort(result.samples[:, DONE] - result.samples[:, INTENDED])[::-1] / 1e6
    assert (waits_ms > 20).sum() == pytest.approx(400 * 0.18, abs=12)
    assert waits_ms[0] == pytest.approx(200, abs=20)


def test_an_open_loop_serves_a_server_that_closes_each_connection(make_stub, make_config):
    result = measure(make_config(make_stub("closing"), loads=("open-200rps",)))
    assert (result.samples[:, CORRECT] == 1).all()


# --- equal conditions -----------------------------------------------------------------------------------------------


def with_workers(workers):
    stack = load_stacks(BUNDLED_STACKS)["flask-gthread"]
    place = stack.command.index("--workers") + 1
    command = (*stack.command[:place], str(workers), *stack.command[place + 1 :])
    return replace(stack, name=f"workers-{workers}", command=command)


def test_a_pair_with_unequal_serving_processes_is_refused_unless_asked_for(make_config):
    config = make_config(with_workers(1), with_workers(2))
    with pytest.raises(StackError, match="workers-2 serves with 2 processes and workers-1 with 1: no fair comparison"):
        measure(config)
    result = measure(replace(config, allow_unequal=True))
    assert [result.conditions[f"workers-{count}"]["serving_processes"] for count in (1, 2)] == [1, 2]
