"""A launch from fresh processes to samples, against stub servers with a known behaviour, over real sockets."""

import contextlib
import itertools
import math
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from odd_servers import odd_server

from bench.errors import GeneratorError, Interrupted, ParityError, StackError
from bench.judge.cells import make_cell
from bench.judge.index import index_slices
from bench.judge.requests import spooled
from bench.measure import launches
from bench.measure.environment import Cores, choose_cores
from bench.measure.launches import LaunchResult, measure_launch
from bench.measure.processes import kill_group, pinned
from bench.measure.start_up import measure_start
from bench.plan.profiles import Part
from bench.plan.rules import OpenLoopRules, RateRules, Rules, SliceRules
from bench.plan.schedule import PlannedLaunch, Turn, plan_launch
from bench.plan.stacks import BUNDLED_STACKS, load_stacks
from bench.records.loads import parse_load
from bench.records.samples import SAMPLE_COLUMNS, Ints, SampleFile, settled_requests

UNPINNED = Cores((), ())
SLICE, CONNECTION, INTENDED, SENT, FIRST_BYTE, DONE, STATUS, CORRECT = range(len(SAMPLE_COLUMNS))


@dataclass(frozen=True)
class Measured:
    """A launch as it was planned, what it gave, and its samples as they lie on disk."""

    launch: PlannedLaunch
    result: LaunchResult
    samples: Ints
    path: object

    def of(self, place):
        """Return the samples of the slice at a place in the plan."""
        return self.samples[self.samples[:, SLICE] == self.launch.slices[place].index]


@pytest.fixture(scope="module")
def measure(tmp_path_factory):
    """Return a function that measures one launch of a plan."""

    def measure(plan, on_slice=lambda _: None, cores=UNPINNED, **options):
        path = tmp_path_factory.mktemp("launch") / "launch-01.parquet"
        launch = plan_launch(plan, Turn(1, plan.parts[0], 1))
        result = measure_launch(launch, cores, path, on_slice, **options)
        table = pq.read_table(path)
        return Measured(launch, result, np.column_stack([table.column(name).to_numpy() for name in SAMPLE_COLUMNS]), path)

    return measure


@pytest.fixture(scope="module")
def usual(measure, make_stub, plan_of):
    """Return a launch of two stubs without fault, to be read only."""
    return measure(plan_of(make_stub(), make_stub(name="other"), loads=("closed-1", "closed-7")))


def drained_soon(plan, **rules):
    """Return a plan that waits 0.3 s for answers under way, with other rules of open loops."""
    return replace(plan, rules=replace(Rules(), open_loop=replace(OpenLoopRules(), **{"drain_timeout_s": 0.3, **rules})))


def calibrated_soon(plan):
    """Return a plan whose calibration slices and open loops are short."""
    rules = Rules(rates=RateRules(slice_ms=200), slices=SliceRules(own_slice_ms=200, own_answers=50, min_answers=100))
    return replace(plan, rules=rules)


def cell_of(measured):
    """Return the one cell of a launch."""
    slices, file = measured.result.slices, SampleFile(measured.path)
    [(key, own)] = index_slices(slices).items()
    counted = [record for record in slices if not record.warm_up]
    with spooled() as spool:
        for record in counted:
            spool.add(settled_requests(file.read(record.slice), record.settled_ns, record.end_ns))
        return make_cell(key, slices, own, spool.times(), Rules(), cores=1)


def test_every_request_is_a_sample_with_its_stamps_in_order(usual):
    samples = usual.samples
    assert len(samples) == sum(record.answers for record in usual.result.slices)
    assert (samples[:, SENT] < samples[:, FIRST_BYTE]).all()
    assert (samples[:, FIRST_BYTE] <= samples[:, DONE]).all()
    assert (samples[:, STATUS] == 200).all()
    assert (samples[:, CORRECT] == 1).all()


def test_samples_are_kept_as_parquet_slice_by_slice(usual):
    file = pq.ParquetFile(usual.path)
    assert tuple(file.schema_arrow.names) == SAMPLE_COLUMNS
    assert file.metadata.num_row_groups == len(usual.launch.slices)
    for place, planned in enumerate(usual.launch.slices):
        assert SampleFile(usual.path).read(planned.index, ("done_ns",))["done_ns"].tolist() == usual.of(place)[:, DONE].tolist()


def test_requests_are_sent_within_their_slice_and_drained_before_the_next(usual):
    slices = usual.result.slices
    for place, record in enumerate(slices):
        own = usual.of(place)
        assert record.start_ns <= own[:, SENT].min()
        assert own[:, SENT].max() <= record.end_ns
        assert own[:, DONE].max() <= record.drained_ns
    assert all(one.drained_ns <= other.start_ns for one, other in itertools.pairwise(slices))


def test_a_closed_loop_has_as_many_connections_as_users(usual):
    for place, planned in enumerate(usual.launch.slices):
        assert sorted(set(usual.of(place)[:, CONNECTION])) == list(range(1 if planned.load == "closed-1" else 7))


def test_server_and_generator_cpu_time_are_taken_over_the_slice(usual):
    for record in usual.result.slices:
        elapsed_ns = record.drained_ns - record.start_ns
        assert 0 < record.server_cpu_ns <= elapsed_ns * 1.05
        assert 0 < record.generator_cpu_ns <= elapsed_ns * 1.05


def test_a_slice_is_long_enough_for_200_answers(measure, make_stub, plan_of):
    # One user and a server that needs 2 ms or more for each answer: 200 answers take 0.4 s or more, not the plan's 60 ms.
    measured = measure(plan_of(make_stub("slow"), loads=("closed-1",)))
    assert all(record.end_ns - record.start_ns >= 0.39e9 for record in measured.result.slices if not record.warm_up)


def test_where_slices_must_be_longer_a_launch_has_fewer_blocks_of_them_and_takes_as_long_as_planned(measure, make_stub, plan_of):
    # As above, so that one of these blocks takes the time of six or more: of 30 at most five are left, the first one and others after it.
    measured = measure(plan_of(make_stub("slow"), loads=("closed-1",), blocks=30))
    counted = [record for record in measured.result.slices if not record.warm_up]
    stretch = (counted[0].end_ns - counted[0].start_ns) / 60e6
    blocks = list(dict.fromkeys(record.block for record in counted))
    assert stretch > 6
    assert len(blocks) == math.ceil(30 / stretch)
    assert blocks[0] == 0
    assert set(np.diff(blocks)) <= {math.floor(stretch), math.ceil(stretch)}
    assert [record.slice for record in counted] == [place.index for place in measured.launch.slices if place.block in blocks]


@pytest.mark.parametrize("mode", ["status-500", "wrong"])
def test_a_stack_that_answers_wrongly_stops_at_the_gate_with_both_answers_shown(measure, make_stub, plan_of, mode):
    with pytest.raises(ParityError) as caught:
        measure(plan_of(make_stub(mode)))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"stub-{mode} answers predict-1 differently")
    assert lines[2].split()[:2] == ["expected:", "200"]
    assert lines[3].startswith("    got:")


def test_wrong_and_cut_answers_under_load_are_errors_enter_no_figure_and_are_not_sent_again(measure, make_stub, plan_of):
    for mode in ("sometimes-wrong", "cut-short"):
        measured = measure(plan_of(make_stub(mode), loads=("closed-1",)))
        cell = cell_of(measured)
        failed = [place for place, row in enumerate(measured.samples) if not row[CORRECT]]
        assert cell.errors == len(failed) > 0
        assert (cell.unfinished, cell.not_sent) == (0, 0)
        assert cell.samples <= sum(record.answers for record in measured.result.slices if not record.warm_up)
        # Every hundredth request fails; were it repeated, the server would count more requests than there are samples.
        assert {second - first for first, second in itertools.pairwise(failed)} == {100}


@pytest.mark.parametrize("load", ["closed-4", "open-200rps"])
def test_a_server_that_closes_each_connection_is_served_by_new_ones(measure, make_stub, plan_of, load):
    measured = measure(plan_of(make_stub("closing"), loads=(load,)))
    assert (measured.samples[:, CORRECT] == 1).all()
    assert len(measured.samples) > 100


def test_a_chunked_answer_in_pieces_is_read_whole(measure, make_stub, plan_of):
    measured = measure(plan_of(make_stub("chunked")))
    assert (measured.samples[:, CORRECT] == 1).all()
    assert (measured.samples[:, FIRST_BYTE] < measured.samples[:, DONE]).any()


def test_a_server_that_stops_answering_ends_in_time_as_unfinished_requests(measure, make_stub, plan_of):
    measured = measure(drained_soon(plan_of(make_stub("silent"))))
    assert all(record.drained_ns - record.end_ns < 2e9 for record in measured.result.slices)  # twice 0.3 s
    last = measured.of(-1)
    assert len(last) == 4
    assert (last[:, [FIRST_BYTE, DONE, STATUS, CORRECT]] == 0).all()
    cell = cell_of(measured)
    assert (cell.samples, cell.throughput_rps, cell.p50_ms, cell.cpu_us_per_request) == (0, None, None, None)
    assert cell.unfinished >= 4 * 2


def test_a_server_that_dies_fails_its_requests_and_leaves_the_end_of_its_log_while_others_go_on(measure, make_stub, plan_of):
    result = measure(plan_of(make_stub(name="well"), make_stub("dies"))).result
    assert list(result.deaths) == ["stub-dies"]
    assert re.match(r"stub-dies ended by itself \(signal SIGKILL\)(.|\n)*I am about to die", result.deaths["stub-dies"])
    records = result.slices
    assert [record.stack for record in records if record.answers and not record.errors] == [
        record.stack for record in records if record.stack == "well"
    ]
    assert records[-1].errors + records[-2].errors > 0
    assert [row.stack for row in result.memory] == ["well"]
    # The clock of a process that has gone cannot be read: nothing is known of its slice, least of all a negative time.
    assert all(record.server_cpu_ns is None or record.server_cpu_ns >= 0 for record in records)


def test_an_answer_that_passes_the_gate_is_right_under_load(measure, plan_of):
    names = ("until-closed", "early", "varying")
    measured = measure(plan_of(*map(odd_server, names)))
    for place, planned in enumerate(measured.launch.slices):
        own = measured.of(place)
        assert len(own) >= 4, planned.stack
        assert (own[:, [STATUS, CORRECT]] == (200, 1)).all(), planned.stack


@pytest.mark.parametrize(("name", "value"), [("boolean", "false"), ("fraction", "0.0")])
def test_a_value_of_another_kind_than_an_integer_is_refused_at_the_gate(measure, plan_of, name, value):
    with pytest.raises(ParityError) as caught:
        measure(plan_of(odd_server(name)))
    assert str(caught.value).splitlines()[3].strip() == f'got:      200 {{"prediction": [{value}]}}'


def test_whoever_watches_works_between_slices_and_not_beside_them(measure, make_stub, plan_of):
    ends = []

    def watch(_):
        time.sleep(0.05)
        ends.append(time.perf_counter_ns())

    slices = measure(plan_of(make_stub()), watch).result.slices
    for end_ns, record in zip(ends, slices[1:], strict=False):
        assert end_ns <= record.start_ns


@pytest.mark.skipif(not choose_cores().servers, reason="needs two cores")
def test_work_of_other_programs_on_the_servers_core_is_seen(measure, make_stub, plan_of):
    cores = choose_cores()
    with pinned(cores.servers):
        rival = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        slices = measure(plan_of(make_stub("slow"), loads=("closed-1",)), cores=cores).result.slices
    finally:
        kill_group(rival)
    # The stub waits most of the time, so that the rival has most of the core.
    assert all(record.foreign_ratio > 0.4 for record in slices if not record.warm_up)


def test_a_generator_that_falls_silent_is_ended_and_reported(measure, make_stub, plan_of, monkeypatch):
    monkeypatch.setattr(launches, "GENERATOR_EXIT_S", 2)
    children = []

    def stop(_):
        children.extend(find_children("bench.measure.generator"))
        children[-1].suspend()

    plan = plan_of(make_stub())
    with pytest.raises(GeneratorError, match=r"The load generator failed \(it did not end\)"):
        measure(drained_soon(replace(plan, rules=Rules(slices=SliceRules(max_slice_ms=100)))), stop)
    assert not children[-1].is_running()


def test_a_generator_that_fails_is_reported_with_the_end_of_its_output(measure, make_stub, plan_of, monkeypatch):
    monkeypatch.setattr(launches, "GENERATOR", "bench.no_such_module")
    with pytest.raises(GeneratorError, match=r"exit status 1(.|\n)*no_such_module"):
        measure(plan_of(make_stub()))


def test_the_steps_of_a_launch_come_in_order(measure, make_stub, plan_of, tmp_path):
    seen = []

    def note(planned_slice):
        seen.append(f"{planned_slice.stack} {'warm-up' if planned_slice.warm_up else 'slice'}")

    measured = measure(plan_of(make_stub(name="one", record=tmp_path), make_stub(name="two", record=tmp_path)), note)
    order = [planned.stack for planned in measured.launch.slices]
    assert seen == [f"{name} warm-up" for name in order[:2]] + [f"{name} slice" for name in order[2:]]
    assert order[2:] == [*order[2:4], *reversed(order[2:4])]
    lines = (tmp_path / "events.log").read_text().splitlines()
    for name in ("one", "two"):
        assert [line.split()[1] for line in lines if line.startswith(name)] == ["start", "ready", "asked", "stop"]
    first_asked = min(lines.index("one asked"), lines.index("two asked"))
    assert all(lines.index(f"{name} ready") < first_asked for name in ("one", "two"))


def test_all_stacks_are_stopped_when_a_step_fails(measure, make_stub, plan_of, tmp_path):
    with pytest.raises(ParityError):
        measure(plan_of(make_stub(name="one", record=tmp_path), make_stub("wrong", name="two", record=tmp_path)))
    assert {"one stop", "two stop"} <= set((tmp_path / "events.log").read_text().splitlines())


# --- open loops -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(measure, make_stub, plan_of):
    """Return a launch of a stub under open loops, to be read only."""
    return measure(plan_of(make_stub(), loads=("open-1000rps", "open-200rps-constant")))


def test_an_open_loop_sends_exactly_its_arrivals_none_before_it_is_due(opened):
    for place, (planned, record) in enumerate(zip(opened.launch.slices, opened.result.slices, strict=True)):
        if planned.warm_up:
            continue
        own, rate_rps = opened.of(place), parse_load(planned.load).rate_rps
        # Longer than the plan's 60 ms: for 200 arrivals, and at least what an open loop needs.
        length_ms = max(200 / rate_rps * 1e3, SliceRules().open_slice_ms)
        assert record.end_ns - record.start_ns == pytest.approx(length_ms * 1e6)
        assert sorted(own[:, INTENDED] - record.start_ns) == planned.arrivals.draw(rate_rps, length_ms)
        assert (own[:, SENT] >= own[:, INTENDED]).all()
        assert (own[:, CORRECT] == 1).all()
        assert record.offered_rps == rate_rps


def test_an_open_loop_has_no_more_connections_than_requests_were_under_way_and_one_that_waits(opened):
    for place, planned in enumerate(opened.launch.slices):
        if planned.warm_up:
            continue
        rows = opened.of(place)
        under_way = max(((rows[:, SENT] <= at_ns) & (rows[:, DONE] >= at_ns)).sum() for at_ns in rows[:, SENT])
        assert len(set(rows[:, CONNECTION])) <= under_way + 1


def test_an_open_loop_does_not_wait_for_answers(measure, make_stub, plan_of):
    # Each answer takes 50 ms, so ten are under way at any time: users that wait for theirs would be late.
    own = measure(plan_of(make_stub("good", "delay_ms=50"), loads=("open-200rps",))).of(-1)
    assert len(set(own[:, CONNECTION])) >= 5
    waits_ns, lags_ns = own[:, DONE] - own[:, SENT], own[:, SENT] - own[:, INTENDED]
    assert (waits_ns >= 49e6).all()
    assert np.median(lags_ns) < np.median(waits_ns) / 10


def test_what_exceeds_the_bound_in_flight_is_recorded_as_not_sent(measure, make_stub, plan_of):
    plan = plan_of(make_stub("good", "delay_ms=100"), loads=("open-200rps-constant",))
    measured = measure(drained_soon(plan, max_in_flight=4, drain_timeout_s=5.0))
    own = measured.of(-1)
    is_sent = own[:, SENT] > 0
    assert len(own) == 200
    for at_ns in own[is_sent, SENT]:
        assert ((own[:, SENT] > 0) & (own[:, SENT] <= at_ns) & (own[:, DONE] > at_ns)).sum() <= 4
    # Four answers in each 100 ms or more: no more than 40 of 200 within the second of the slice, and what is under way at its ends.
    assert 0 < is_sent.sum() <= 40 + 4
    assert (own[~is_sent, CONNECTION] == -1).all()
    assert (own[~is_sent][:, [FIRST_BYTE, DONE, STATUS, CORRECT]] == 0).all()
    cell = cell_of(measured)
    assert cell.not_sent == sum(record.not_sent for record in measured.result.slices) >= (~is_sent).sum()
    assert cell.p50_ms is None  # most requests took longer than any that was answered
    assert cell.service_p50_ms >= 99


def test_requests_of_an_open_loop_that_stay_unanswered_are_unfinished_not_omitted(measure, make_stub, plan_of):
    measured = measure(drained_soon(plan_of(make_stub("good", "silent_after=20"), loads=("open-200rps-constant",))))
    cell = cell_of(measured)
    assert len(measured.of(-1)) == 200
    assert cell.unfinished >= 400
    assert [record.answers for record in measured.result.slices][1:] == [0, 0]
    assert (cell.errors, cell.p99_ms, cell.carried) == (0, None, False)


def test_a_stop_of_the_server_is_in_the_response_times_of_an_open_loop(measure, make_stub, plan_of, tmp_path):
    stub = make_stub("good", "freeze_after=100", "freeze_s=0.2", name="stopped", record=tmp_path)
    rows = measure(replace(plan_of(stub, loads=("open-400rps-constant",)), warm_up_ms=0)).samples
    [line] = [line for line in (tmp_path / "events.log").read_text().splitlines() if "frozen" in line]
    begin_ns, end_ns = map(int, line.split()[2:])
    caught = (rows[:, INTENDED] >= begin_ns) & (rows[:, INTENDED] < end_ns)
    assert caught.sum() == pytest.approx((end_ns - begin_ns) / 1e9 * 400, abs=2)
    assert (rows[caught, DONE] >= end_ns).all()  # each waited at least until the server went on


# --- equal conditions -----------------------------------------------------------------------------------------------


def with_workers(workers):
    stack = load_stacks(BUNDLED_STACKS)["flask-gthread"]
    place = stack.command.index("--workers") + 1
    command = (*stack.command[:place], str(workers), *stack.command[place + 1 :])
    return replace(stack, name=f"workers-{workers}", command=command)


def test_a_pair_with_unequal_serving_processes_is_refused_unless_asked_for(measure, plan_of):
    config = plan_of(with_workers(1), with_workers(2))
    with pytest.raises(StackError, match="workers-2 serves with 2 processes and workers-1 with 1: no fair comparison"):
        measure(config)
    result = measure(replace(config, allow_unequal=True)).result
    assert [result.conditions[f"workers-{count}"]["serving_processes"] for count in (1, 2)] == [1, 2]


# --- stacks that ask the upstream service ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def enrich_plan(plan_of):
    """Return a function that plans one stack of the bundled file which waits for the upstream service."""

    def make(name="fastapi-enrich"):
        config = plan_of(load_stacks(BUNDLED_STACKS)[name])
        return replace(config, parts=(Part("enrich", (name,), ("enrich-5ms",), ("closed-4",), launches=1, blocks=1, mirrored=False),))

    return make


def find_children(module):
    """Return the processes of a module that this test has started and that run; other tests may keep some for later ones."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends at this moment
            found += [child] if module in child.cmdline() and child.pid not in _others else []
    return found


_others = set()


@pytest.fixture(autouse=True)
def others():
    """Leave out what runs before a test begins."""
    _others.clear()
    _others.update(child.pid for child in psutil.Process().children())


def find_upstream():
    """Return the upstream services of this test."""
    return find_children("bench.servers.upstream")


@pytest.mark.parametrize("name", ["fastapi-enrich", pytest.param("flask-enrich-8", marks=pytest.mark.slow)])
def test_the_upstream_service_runs_beside_the_generator_for_a_launch_that_needs_it_and_its_delay_is_in_every_time(
    measure, enrich_plan, name
):
    seen, cores = [], choose_cores()
    measured = measure(enrich_plan(name), lambda _: seen.append([tuple(sorted(one.cpu_affinity())) for one in find_upstream()]), cores)
    assert seen == [[cores.generator or tuple(sorted(psutil.Process().cpu_affinity()))]] * 2
    assert find_upstream() == []
    samples, result = measured.samples, measured.result
    assert all(len(measured.of(place)) >= 4 for place in range(len(measured.launch.slices)))  # one for each user at least
    assert (samples[:, CORRECT] == 1).all()
    assert (samples[:, DONE] - samples[:, SENT] >= 5e6).all()
    assert result.conditions[name]["environment"]["SERVE_UPSTREAM"].startswith("http://127.0.0.1:")
    assert (result.deaths, result.model_ms) == ({}, {})


def test_no_upstream_service_runs_where_no_stack_asks_it(measure, make_stub, plan_of):
    seen = []
    measure(plan_of(make_stub()), lambda _: seen.append(find_upstream()))
    assert not any(seen)


def test_the_upstream_service_is_stopped_when_a_signal_stops_the_launch(measure, enrich_plan):
    def interrupt(_):
        assert find_upstream()
        raise Interrupted(signal.SIGINT)

    with pytest.raises(Interrupted):
        measure(enrich_plan(), interrupt)
    assert find_upstream() == []


def test_an_upstream_service_that_ends_by_itself_is_told_and_its_failures_are_errors(measure, enrich_plan):
    def kill(planned):
        if planned.warm_up:
            find_upstream()[0].kill()

    measured = measure(enrich_plan(), kill)
    assert list(measured.result.deaths) == ["upstream"]
    assert measured.result.deaths["upstream"].startswith("upstream ended by itself (signal SIGKILL)")
    last = measured.of(-1)[-1]
    assert (last[STATUS], last[CORRECT]) == (502, 0)


def test_a_start_of_a_stack_that_asks_the_upstream_service_is_measured_beside_it():
    start = measure_start(load_stacks(BUNDLED_STACKS)["flask-enrich-8"], 1, "enrich-5ms", UNPINNED)
    assert 0 < start.ready_s < start.first_prediction_s
    assert find_upstream() == []


# --- rates ----------------------------------------------------------------------------------------------------------


def test_a_busy_share_is_that_of_the_baseline_and_its_copy_and_all_stacks_have_its_rate(measure, make_stub, plan_of):
    heavy, copy = (make_stub("good", "work=30000", name=name) for name in ("heavy", "heavy-twin"))
    light = make_stub("good", "work=15000", name="light")
    slices = measure(calibrated_soon(plan_of(heavy, light, copy, loads=("busy-40",)))).result.slices
    calibrated = [record for record in slices if record.warm_up and record.load == "busy-40"]
    assert sorted(record.stack for record in calibrated) == ["heavy", "heavy", "heavy-twin", "heavy-twin"]
    seconds = sum(record.server_cpu_ns for record in calibrated) / 1e9 / sum(record.answers for record in calibrated)
    assert {record.stack for record in slices if not record.warm_up} == {"heavy", "heavy-twin", "light"}
    [rate_rps] = {record.offered_rps for record in slices if not record.warm_up}
    assert rate_rps == pytest.approx(0.4 / seconds, rel=1e-3)


def test_a_share_of_its_own_is_that_of_what_the_stack_answered_in_the_same_launch(measure, make_stub, plan_of):
    measured = measure(calibrated_soon(plan_of(make_stub("good", "delay_ms=20", name="slow"), loads=("own-50",))))
    places = [place for place, planned in enumerate(measured.launch.slices) if planned.calibrates]
    assert [measured.launch.slices[place].load for place in places] == ["closed-16"] * 2
    answered, seconds = 0, 0.0
    for place in places:
        record, done_ns = measured.result.slices[place], measured.of(place)[:, DONE]
        settled_ns = record.start_ns + 10_000_000
        answered += ((done_ns >= settled_ns) & (done_ns < record.end_ns)).sum()
        seconds += (record.end_ns - settled_ns) / 1e9
    [rate_rps] = {record.offered_rps for record in measured.result.slices if not record.warm_up}
    assert rate_rps == pytest.approx(0.5 * answered / seconds, rel=1e-3)


@pytest.mark.slow  # a whole run shows the same
def test_the_next_launch_begins_with_the_rate_of_the_last_one(measure, make_stub, plan_of):
    stubs = [make_stub("good", "work=30000", name=name) for name in ("heavy", "other")]
    slices = measure(calibrated_soon(plan_of(*stubs, loads=("busy-40",))), last_rps={"busy-40": 123.4}).result.slices
    assert {record.offered_rps for record in slices if record.warm_up and record.load == "busy-40"} == {123.4}


# --- beside a load --------------------------------------------------------------------------------------------------


def test_a_probe_asks_whether_a_stack_is_alive_while_the_load_goes_on(measure, plan_of):
    stack = load_stacks(BUNDLED_STACKS)["flask-gthread"]
    plan = plan_of(stack, loads=("closed-4",))
    plan = replace(plan, parts=(replace(plan.parts[0], probe="open-200rps-constant", slice_ms=400),))
    measured = measure(plan)
    pairs = [(record, probe) for record, probe in itertools.pairwise(measured.result.slices) if probe.scenario == "livez"]
    assert len(pairs) == 2
    for record, probe in pairs:
        assert (record.scenario, probe.load) == ("predict-1", "open-200rps-constant")
        assert (record.start_ns, record.end_ns) == (probe.start_ns, probe.end_ns)
        assert (probe.errors, probe.server_cpu_ns) == (0, None)
        assert abs(probe.answers - 200 * (probe.end_ns - probe.start_ns) / 1e9) < 1  # a slow machine has longer slices
        assert record.errors == 0 < record.answers
