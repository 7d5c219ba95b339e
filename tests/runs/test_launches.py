"""A launch from fresh processes to samples, against stub servers with a known behaviour, over real sockets."""

import itertools
import re
import signal
import time
from dataclasses import replace

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from bench.judge.tables import Tables, read_launch

from bench.errors import ConfigError, GeneratorError, Interrupted, ParityError, StackError
from bench.measure import launches
from bench.measure.environment import Cores, choose_cores
from bench.measure.launches import generator_plan, measure_launch
from bench.measure.start_up import measure_start
from bench.plan.plan import make_plan as plan_profile
from bench.plan.profiles import Part
from bench.plan.schedule import draw_arrivals, schedule_slices
from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from bench.records.loads import parse_load
from bench.records.samples import SAMPLE_COLUMNS, write_samples
from bench.run.rates import calibrate_loads

UNPINNED = Cores((), ())
SLICE, CONNECTION, INTENDED, SENT, FIRST_BYTE, DONE, STATUS, CORRECT = range(8)


def measure(config):
    planned = schedule_slices(config, config.parts[0], 1)
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


def test_every_request_is_a_sample_with_its_stamps_in_order(make_stub, plan_of):
    result = measure(plan_of(make_stub()))
    samples = result.samples
    assert len(samples) == sum(record.answers for record in read(result).records)
    assert samples.shape[1] == len(SAMPLE_COLUMNS)
    assert (samples[:, SENT] < samples[:, FIRST_BYTE]).all()
    assert (samples[:, FIRST_BYTE] <= samples[:, DONE]).all()
    assert (samples[:, STATUS] == 200).all()
    assert (samples[:, CORRECT] == 1).all()


def test_requests_are_sent_within_their_slice_and_drained_before_the_next(make_stub, plan_of):
    result = measure(plan_of(make_stub(), make_stub(name="other")))
    for fact in result.facts:
        own = result.samples[result.samples[:, SLICE] == fact["slice"]]
        assert fact["start_ns"] <= own[:, SENT].min()
        assert own[:, SENT].max() <= fact["end_ns"]
        assert own[:, DONE].max() <= fact["drained_ns"]
    starts = [fact["start_ns"] for fact in result.facts]
    ends = [fact["drained_ns"] for fact in result.facts]
    assert all(end <= start for end, start in zip(ends[:-1], starts[1:], strict=True))


def test_a_closed_loop_has_as_many_connections_as_users(make_stub, plan_of):
    result = measure(plan_of(make_stub(), loads=("closed-1", "closed-7")))
    for planned in result.planned:
        own = result.samples[result.samples[:, SLICE] == planned.index]
        assert sorted(set(own[:, 1])) == list(range(1 if planned.load == "closed-1" else 7))


def test_server_and_generator_cpu_time_are_taken_over_the_slice(make_stub, plan_of):
    result = measure(plan_of(make_stub()))
    for fact in result.facts:
        elapsed_ns = fact["drained_ns"] - fact["start_ns"]
        assert 0 < fact["server_cpu_ns"] <= elapsed_ns * 1.05
        assert 0 < fact["generator_cpu_ns"] <= elapsed_ns * 1.05


def test_a_slice_is_long_enough_for_200_answers(make_stub, plan_of):
    # One user and a server that needs 2 ms or more for each answer: 200 answers take 0.4 s or more, not the plan's 60 ms.
    result = measure(plan_of(make_stub("slow"), loads=("closed-1",)))
    facts = [fact for fact, planned in zip(result.facts, result.planned, strict=True) if not planned.warm_up]
    assert all(fact["end_ns"] - fact["start_ns"] >= 0.39e9 for fact in facts)


@pytest.mark.parametrize("mode", ["status-500", "wrong"])
def test_a_stack_that_answers_wrongly_stops_at_the_gate_with_both_answers_shown(make_stub, plan_of, mode):
    with pytest.raises(ParityError) as caught:
        measure(plan_of(make_stub(mode)))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"stub-{mode} answers predict-1 differently")
    assert lines[2].split()[:2] == ["expected:", "200"]
    assert lines[3].startswith("    got:")


@pytest.mark.parametrize("mode", ["sometimes-wrong", "cut-short"])
def test_wrong_and_cut_answers_under_load_are_errors_and_enter_no_figure(make_stub, plan_of, mode):
    config = plan_of(make_stub(mode))
    result = measure(config)
    cell = cell_of(config, result)
    wrong = result.samples[result.samples[:, CORRECT] == 0]
    assert cell.errors == len(wrong) > 0
    assert (cell.unfinished, cell.not_sent) == (0, 0)
    assert cell.samples <= sum(record.answers for record in read(result).records if not record.warm_up)


def test_a_failed_request_is_not_sent_again(make_stub, plan_of):
    result = measure(plan_of(make_stub("cut-short"), loads=("closed-1",)))
    # Every hundredth request is cut; were it repeated, the server would count more requests than there are samples.
    failed = [place for place, row in enumerate(result.samples) if not row[CORRECT]]
    gaps = {second - first for first, second in itertools.pairwise(failed)}
    assert gaps == {100}


def test_a_server_that_closes_each_connection_is_served_by_new_ones(make_stub, plan_of):
    result = measure(plan_of(make_stub("closing")))
    assert (result.samples[:, CORRECT] == 1).all()
    assert len(result.samples) > 100


def test_a_chunked_answer_in_pieces_is_read_whole(make_stub, plan_of):
    result = measure(plan_of(make_stub("chunked")))
    assert (result.samples[:, CORRECT] == 1).all()
    assert (result.samples[:, FIRST_BYTE] < result.samples[:, DONE]).any()


def test_a_server_that_stops_answering_ends_in_time_as_unfinished_requests(make_stub, plan_of, monkeypatch):
    monkeypatch.setattr(launches, "DRAIN_TIMEOUT_S", 0.3)
    config = plan_of(make_stub("silent"))
    start_s = time.monotonic()
    result = measure(config)
    assert time.monotonic() - start_s < 15
    last = counted(result)
    assert len(last) == 4
    assert (last[:, [FIRST_BYTE, DONE, STATUS, CORRECT]] == 0).all()
    cell = cell_of(config, result)
    assert (cell.samples, cell.throughput_rps, cell.p50_ms, cell.cpu_us_per_request) == (0, None, None, None)
    assert cell.unfinished >= 4 * 2


def test_a_server_that_dies_fails_its_requests_and_leaves_the_end_of_its_log_while_others_go_on(make_stub, plan_of):
    config = plan_of(make_stub(name="well"), make_stub("dies"))
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


def test_a_generator_that_fails_is_reported_with_the_end_of_its_output(make_stub, plan_of, monkeypatch):
    monkeypatch.setattr(launches, "GENERATOR", "bench.no_such_module")
    with pytest.raises(GeneratorError, match=r"exit status 1(.|\n)*no_such_module"):
        measure(plan_of(make_stub()))


def test_the_steps_of_a_launch_come_in_order(make_stub, plan_of, tmp_path):
    config = plan_of(make_stub(name="one", record=tmp_path), make_stub(name="two", record=tmp_path))
    planned = schedule_slices(config, config.parts[0], 1)
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


def test_all_stacks_are_stopped_when_a_step_fails(make_stub, plan_of, tmp_path):
    with pytest.raises(ParityError):
        measure(plan_of(make_stub(name="one", record=tmp_path), make_stub("wrong", name="two", record=tmp_path)))
    assert {"one stop", "two stop"} <= set((tmp_path / "events.log").read_text().splitlines())


def test_samples_are_kept_as_parquet_with_named_columns(make_stub, plan_of, tmp_path):
    result = measure(plan_of(make_stub()))
    write_samples(tmp_path / "launch-01.parquet", result.samples)
    table = pq.read_table(tmp_path / "launch-01.parquet")
    assert tuple(table.column_names) == SAMPLE_COLUMNS
    assert table.column("done_ns").to_pylist() == result.samples[:, DONE].tolist()


# --- open loops -----------------------------------------------------------------------------------------------------


def test_an_open_loop_sends_exactly_its_arrivals_none_before_it_is_due(make_stub, plan_of):
    config = plan_of(make_stub(), loads=("open-1000rps",))
    result = measure(config)
    for planned, fact in zip(result.planned, result.facts, strict=True):
        own = result.samples[result.samples[:, SLICE] == planned.index]
        due = draw_arrivals(parse_load("open-1000rps"), 1000, planned.length_ms, planned.arrivals)
        assert sorted(own[:, INTENDED] - fact["start_ns"]) == due
        assert (own[:, SENT] >= own[:, INTENDED]).all()
        assert (own[:, CORRECT] == 1).all()
        # 200 arrivals take longer than the plan's 60 ms, which is enough for a warm-up.
        assert fact["end_ns"] - fact["start_ns"] == pytest.approx(0.06e9 if planned.warm_up else 0.2e9)


def test_an_open_loop_does_not_wait_for_answers(make_stub, plan_of):
    # Each answer takes 50 ms, so ten are under way at any time: users that wait for theirs would be late.
    result = measure(plan_of(make_stub("good", "delay_ms=50"), loads=("open-200rps",)))
    own = counted(result)
    assert len(set(own[:, CONNECTION])) >= 5
    assert np.median(own[:, SENT] - own[:, INTENDED]) < 2e6
    assert ((own[:, DONE] - own[:, SENT]) >= 49e6).all()


def test_an_open_loop_has_no_more_connections_than_requests_were_under_way_and_one_that_waits(make_stub, plan_of):
    result = measure(plan_of(make_stub(), loads=("open-200rps-constant",)))
    rows = result.samples
    under_way = max(((rows[:, SENT] <= at_ns) & (rows[:, DONE] >= at_ns)).sum() for at_ns in rows[:, SENT])
    assert len(set(rows[:, CONNECTION])) <= under_way + 1


def test_what_exceeds_the_bound_in_flight_is_recorded_as_not_sent(make_stub, plan_of, monkeypatch):
    monkeypatch.setattr(launches, "MAX_IN_FLIGHT", 4)
    config = plan_of(make_stub("good", "delay_ms=100"), loads=("open-200rps-constant",))
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


def test_requests_of_an_open_loop_that_stay_unanswered_are_unfinished_not_omitted(make_stub, plan_of, monkeypatch):
    monkeypatch.setattr(launches, "DRAIN_TIMEOUT_S", 0.3)
    config = plan_of(make_stub("good", "silent_after=20"), loads=("open-200rps-constant",))
    result = measure(config)
    cell = cell_of(config, result)
    assert len(counted(result)) == 200
    assert cell.unfinished >= 200
    assert (cell.errors, cell.p99_ms) == (0, None)


def test_a_stop_of_the_server_is_in_the_response_times_of_an_open_loop(make_stub, plan_of):
    config = plan_of(make_stub("good", "freeze_after=100", "freeze_s=0.2"), loads=("open-400rps-constant",))
    result = measure(config)
    waits_ms = np.sort(result.samples[:, DONE] - result.samples[:, INTENDED])[::-1] / 1e6
    assert (waits_ms > 20).sum() == pytest.approx(400 * 0.18, abs=12)
    assert waits_ms[0] == pytest.approx(200, abs=20)


def test_an_open_loop_serves_a_server_that_closes_each_connection(make_stub, plan_of):
    result = measure(plan_of(make_stub("closing"), loads=("open-200rps",)))
    assert (result.samples[:, CORRECT] == 1).all()


# --- equal conditions -----------------------------------------------------------------------------------------------


def with_workers(workers):
    stack = load_stacks(BUNDLED_STACKS)["flask-gthread"]
    place = stack.command.index("--workers") + 1
    command = (*stack.command[:place], str(workers), *stack.command[place + 1 :])
    return replace(stack, name=f"workers-{workers}", command=command)


def test_a_pair_with_unequal_serving_processes_is_refused_unless_asked_for(plan_of):
    config = plan_of(with_workers(1), with_workers(2))
    with pytest.raises(StackError, match="workers-2 serves with 2 processes and workers-1 with 1: no fair comparison"):
        measure(config)
    result = measure(replace(config, allow_unequal=True))
    assert [result.conditions[f"workers-{count}"]["serving_processes"] for count in (1, 2)] == [1, 2]


# --- stacks that ask the upstream service ---------------------------------------------------------------------------


@pytest.mark.parametrize(("mirrored", "answers", "drains"), [(True, 200, 10), (False, 140, 7)])
def test_a_slice_of_a_part_that_is_only_explored_needs_fewer_answers(enrich_config, mirrored, answers, drains):
    config = enrich_config()
    config = replace(config, parts=(replace(config.parts[0], mirrored=mirrored),))
    plan = generator_plan(config, schedule_slices(config, config.parts[0], 1), [], {}, UNPINNED)
    assert (plan["min_answers"], plan["drains_per_slice"]) == pytest.approx((answers, drains))


@pytest.fixture
def enrich_config(plan_of):
    """Return a function that plans one stack of the bundled file which waits for the upstream service."""

    def make(name="fastapi-enrich"):
        config = plan_of(load_stacks(BUNDLED_STACKS)[name])
        return replace(config, parts=(Part("enrich", (name,), ("enrich-5ms",), ("closed-4",), launches=1, blocks=1, mirrored=False),))

    return make


def find_upstream():
    """Return the upstream services that this process has started and that run."""
    children = psutil.Process().children()
    return [child for child in children if child.status() != psutil.STATUS_ZOMBIE and "bench.servers.upstream" in child.cmdline()]


def measure_enrich(config, on_slice, cores=UNPINNED):
    return measure_launch(config, 1, schedule_slices(config, config.parts[0], 1), cores, on_slice)


@pytest.mark.parametrize("name", ["fastapi-enrich", "flask-enrich-8"])
def test_the_upstream_service_runs_for_a_launch_that_needs_it_and_its_delay_is_in_every_service_time(enrich_config, name):
    seen = []
    result = measure_enrich(enrich_config(name), lambda _: seen.append(len(find_upstream())))
    assert seen == [1, 1]
    assert find_upstream() == []
    assert len(result.samples) >= 140
    assert (result.samples[:, CORRECT] == 1).all()
    assert (result.samples[:, DONE] - result.samples[:, SENT] >= 5e6).all()
    assert result.conditions[name]["environment"]["SERVE_UPSTREAM"].startswith("http://127.0.0.1:")
    assert (result.deaths, result.model_ms) == ({}, {})


def test_the_upstream_service_shares_the_cores_of_the_generator(enrich_config):
    cores = choose_cores()
    seen = []
    measure_enrich(enrich_config(), lambda _: seen.append(sorted(find_upstream()[0].cpu_affinity())), cores)
    assert set(map(tuple, seen)) == {cores.generator or tuple(sorted(psutil.Process().cpu_affinity()))}


def test_no_upstream_service_runs_where_no_stack_asks_it(make_stub, plan_of):
    seen = []
    measure_enrich(plan_of(make_stub()), lambda _: seen.append(find_upstream()))
    assert not any(seen)


def test_the_upstream_service_is_stopped_when_a_signal_stops_the_launch(enrich_config):
    def interrupt(_):
        assert find_upstream()
        raise Interrupted(signal.SIGINT)

    with pytest.raises(Interrupted):
        measure_enrich(enrich_config(), interrupt)
    assert find_upstream() == []


def test_an_upstream_service_that_ends_by_itself_is_told_and_its_failures_are_errors(enrich_config):
    def kill(planned):
        if planned.warm_up:
            find_upstream()[0].kill()

    result = measure_enrich(enrich_config(), kill)
    assert list(result.deaths) == ["upstream"]
    assert result.deaths["upstream"].startswith("upstream ended by itself (signal SIGKILL)")
    last = counted(result)[-1]
    assert (last[STATUS], last[CORRECT]) == (502, 0)


def test_a_start_of_a_stack_that_asks_the_upstream_service_is_measured_beside_it():
    start = measure_start(load_stacks(BUNDLED_STACKS)["flask-enrich-8"], 1, ["enrich-5ms"], UNPINNED)
    assert 0 < start.ready_s < start.first_prediction_s
    assert find_upstream() == []


def test_a_saturation_is_not_sought_with_a_scenario_that_a_stack_cannot_answer():
    config = plan_profile("quick")
    part = replace(config.parts[0], loads=("open-60",))
    waiting = replace(part, name="enrich", stacks=("fastapi-enrich",), scenarios=("enrich-5ms",))
    stacks = {**config.stacks, "fastapi-enrich": load_stacks(BUNDLED_STACKS)["fastapi-enrich"]}
    with pytest.raises(ConfigError, match=r"Stack 'fastapi-enrich' cannot answer scenario 'predict-1', only enrich-0ms, "):
        calibrate_loads(replace(config, parts=(part, waiting), stacks=stacks), UNPINNED, lambda _: None)
