"""A launch from fresh processes to samples, against stub servers with a known behaviour, over real sockets."""

import itertools
import time

import pyarrow.parquet as pq
import pytest

from bench.errors import GeneratorError, ParityError, StackError
from bench.judge.tables import Tables
from bench.measure import launches
from bench.measure.environment import Cores
from bench.measure.launches import measure_launch, write_samples
from bench.plan.schedule import schedule_launch
from bench.records import SAMPLE_COLUMNS

UNPINNED = Cores((), ())
SENT, FIRST_BYTE, DONE, STATUS, CORRECT = 3, 4, 5, 6, 7


def measure(config):
    planned = schedule_launch(config.parts, 1, config.seed)
    return measure_launch(config, 1, planned, UNPINNED, lambda _: None)


def table_of(config, result):
    tables = Tables(config)
    tables.add_launch(1, result.planned, result.facts, result.samples)
    return tables


def test_every_request_is_a_sample_with_its_stamps_in_order(make_stub, make_config):
    result = measure(make_config(make_stub()))
    samples = result.samples
    assert len(samples) == sum(fact["answers"] + fact["errors"] for fact in result.facts)
    assert samples.shape[1] == len(SAMPLE_COLUMNS)
    assert (samples[:, SENT] < samples[:, FIRST_BYTE]).all()
    assert (samples[:, FIRST_BYTE] <= samples[:, DONE]).all()
    assert (samples[:, STATUS] == 200).all()
    assert (samples[:, CORRECT] == 1).all()


def test_requests_are_sent_within_their_slice_and_drained_before_the_next(make_stub, make_config):
    result = measure(make_config(make_stub(), make_stub(name="other")))
    for fact in result.facts:
        own = result.samples[result.samples[:, 0] == fact["slice"]]
        assert fact["start_ns"] <= own[:, SENT].min()
        assert own[:, SENT].max() <= fact["end_ns"]
        assert own[:, DONE].max() <= fact["drained_ns"]
    starts = [fact["start_ns"] for fact in result.facts]
    ends = [fact["drained_ns"] for fact in result.facts]
    assert all(end <= start for end, start in zip(ends[:-1], starts[1:], strict=True))


def test_a_closed_loop_has_as_many_connections_as_users(make_stub, make_config):
    result = measure(make_config(make_stub(), loads=("closed-1", "closed-7")))
    for planned in result.planned:
        own = result.samples[result.samples[:, 0] == planned.index]
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
    counted = [fact for fact, planned in zip(result.facts, result.planned, strict=True) if not planned.warm_up]
    assert all(fact["end_ns"] - fact["start_ns"] >= 0.39e9 for fact in counted)


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
    (cell,) = table_of(config, result).judge([], partial=False).cells
    wrong = result.samples[result.samples[:, CORRECT] == 0]
    counted = {planned.index for planned in result.planned if not planned.warm_up}
    assert cell.errors == len(wrong) > 0
    assert cell.samples <= sum(fact["answers"] for fact in result.facts if fact["slice"] in counted)


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


def test_a_server_that_stops_answering_ends_in_time_as_failed_requests(make_stub, make_config, monkeypatch):
    monkeypatch.setattr(launches, "DRAIN_TIMEOUT_S", 0.3)
    start_s = time.monotonic()
    result = measure(make_config(make_stub("silent")))
    assert time.monotonic() - start_s < 15
    last = result.samples[result.samples[:, 0] == result.planned[-1].index]
    assert (last[:, STATUS] == 0).all()
    assert len(last) >= 4


def test_a_server_that_dies_is_reported_with_the_end_of_its_log(make_stub, make_config):
    with pytest.raises(StackError, match=r"stub-dies ended by itself \(signal SIGKILL\)(.|\n)*I am about to die"):
        measure(make_config(make_stub("dies")))


def test_a_generator_that_fails_is_reported_with_the_end_of_its_output(make_stub, make_config, monkeypatch):
    monkeypatch.setattr(launches, "GENERATOR", "bench.no_such_module")
    with pytest.raises(GeneratorError, match=r"exit status 1(.|\n)*no_such_module"):
        measure(make_config(make_stub()))


def test_the_steps_of_a_launch_come_in_order(make_stub, make_config, tmp_path):
    log = tmp_path / "events.log"
    config = make_config(make_stub(name="one", log=log), make_stub(name="two", log=log))
    planned = schedule_launch(config.parts, 1, config.seed)
    seen = []

    def note(planned_slice):
        seen.append(f"{planned_slice.stack} {'warm-up' if planned_slice.warm_up else 'slice'}")

    measure_launch(config, 1, planned, UNPINNED, note)
    order = [slice_.stack for slice_ in planned]
    assert seen == [f"{name} warm-up" for name in order[:2]] + [f"{name} slice" for name in order[2:]]
    assert order[2:] == [*order[2:4], *reversed(order[2:4])]
    for name in ("one", "two"):
        events = [line.split()[1] for line in log.read_text().splitlines() if line.startswith(name)]
        assert events == ["start", "ready", "asked", "stop"]
    lines = log.read_text().splitlines()
    first_asked = min(lines.index("one asked"), lines.index("two asked"))
    assert all(lines.index(f"{name} ready") < first_asked for name in ("one", "two"))


def test_all_stacks_are_stopped_when_a_step_fails(make_stub, make_config, tmp_path):
    log = tmp_path / "events.log"
    with pytest.raises(ParityError):
        measure(make_config(make_stub(name="one", log=log), make_stub("wrong", name="two", log=log)))
    assert {"one stop", "two stop"} <= set(log.read_text().splitlines())


def test_samples_are_kept_as_parquet_with_named_columns(make_stub, make_config, tmp_path):
    result = measure(make_config(make_stub()))
    write_samples(tmp_path / "launch-01.parquet", result.samples)
    table = pq.read_table(tmp_path / "launch-01.parquet")
    assert tuple(table.column_names) == SAMPLE_COLUMNS
    assert table.column("done_ns").to_pylist() == result.samples[:, DONE].tolist()
