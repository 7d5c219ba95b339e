"""Servers and load on machines of their own: network namespaces that the test makes."""

import subprocess
from dataclasses import replace

import namespaces
import psutil
import pytest
from bench_runs import bench, finish, manifest_of, wait_until

from bench.measure.environment import Cores
from bench.measure.launches import measure_launch
from bench.plan.places import make_load, make_server_place
from bench.plan.schedule import Turn, plan_launch

WHY_NOT = namespaces.why_not()
pytestmark = [
    pytest.mark.skipif(bool(WHY_NOT), reason=f"network namespaces cannot be made here: {WHY_NOT}"),
    pytest.mark.xdist_group("namespaces"),
]


@pytest.fixture(scope="module")
def hosts():
    """One host for servers, two for load."""
    with namespaces.hosts(2) as made:
        yield made


@pytest.fixture
def far_plan(make_stub, plan_of, hosts):
    """Return a function to a plan of two stubs on the servers' host, loaded from both others."""
    servers, *load = hosts

    def make(**changes):
        stubs = [replace(make_stub(name=name), command=(*make_stub(name=name).command, "host={host}")) for name in ("one", "two")]
        plan = plan_of(*stubs, **changes)
        return replace(
            plan,
            load=make_load(None, [host.template for host in load], namespaces.BENCH),
            servers=make_server_place(servers.template, servers.address),
        )

    return make


def measured(plan, path, on_slice=lambda _: None):
    return measure_launch(plan_launch(plan, Turn(1, plan.parts[0], 1)), Cores((), ()), path, on_slice)


def processes_in(host):
    """Return the processes in a namespace."""
    found = subprocess.run(["ip", "netns", "pids", host.name], check=True, capture_output=True, text=True).stdout.split()  # noqa: S607
    return [psutil.Process(int(pid)) for pid in found]


def test_a_launch_is_measured_on_other_machines_and_leaves_nothing_there(far_plan, hosts, tmp_path):
    busy = []

    def look(_):
        if not busy:
            busy.extend(len(processes_in(host)) for host in hosts)

    result = measured(far_plan(blocks=2), tmp_path / "samples.parquet", look)
    assert all(count > 0 for count in busy)
    assert [processes_in(host) for host in hosts] == [[], [], []]
    assert {record.stack for record in result.slices} == {"one", "two"}
    assert sum(record.errors + record.unfinished for record in result.slices) == 0
    assert all(record.answers > 0 and record.server_cpu_ns > 0 for record in result.slices)
    assert all(row.loaded_rss_bytes > 1e6 for row in result.memory)
    assert {name: conditions["serving_processes"] for name, conditions in result.conditions.items()} == {"one": 1, "two": 1}


@pytest.mark.slow
def test_a_delay_on_the_way_shows_in_latency_and_not_in_cpu_time(far_plan, hosts, tmp_path):
    plan = replace(far_plan(), slice_ms=500, settle_ms=100)
    near = measured(plan, tmp_path / "near.parquet")
    try:
        with hosts[0].delayed(30):
            far = measured(plan, tmp_path / "far.parquet")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this kernel delays nothing: {error.stderr.decode(errors='replace').strip()}")
    for before, after in zip(near.slices, far.slices, strict=True):
        if not after.warm_up:
            assert 100 < after.throughput_rps < 4 / 0.030  # four users whose answers take 30 ms
            assert before.throughput_rps > 2 * after.throughput_rps
            # A server that idles between requests has cold caches, and wakes for each: so much more, and no 30 ms.
            assert after.server_cpu_ns / after.answers < before.server_cpu_ns / before.answers + 1e6


@pytest.mark.slow
def test_a_load_host_that_is_lost_in_mid_run_is_named_and_its_launch_is_repeated(stub_file, hosts, tmp_path):
    servers, *load = hosts
    path = stub_file("good", "chunked")
    path.write_text(path.read_text("utf-8").replace('"{port}"', '"{port}", "host={host}"'), "utf-8")
    chosen = ["--profile", "quick", "--launches", "3", "--stacks-file", path, "--compare", "stub-chunked", "stub-good"]
    chosen += ["--servers-from", servers.template, "--servers-at", servers.address, "--load-bind", namespaces.BENCH]
    for host in load:
        chosen += ["--load-from", host.template]
    program = {"TMPDIR": str(tmp_path), "SHORT_REPEATS": "1"}
    process = bench("run", *chosen, cwd=tmp_path, env=program)
    wait_until(process, lambda: any(row["kept"] for row in manifest_of(tmp_path / "results").get("launches", ())))
    wait_until(process, lambda: processes_in(load[1]))
    for lost in processes_in(load[1]):
        lost.kill()
    status, _, err = finish(process)
    assert status in (0, 4), err
    assert "is repeated: Load process 2 of 2 (ip netns exec" in err
    manifest = manifest_of(tmp_path / "results")
    assert not manifest["partial"]
    assert [row["launch"] for row in manifest["launches"] if row["kept"]] == [1, 2, 3]
    assert len([row for row in manifest["launches"] if "failure" in row]) == 1
    assert manifest["environment"]["servers_machine"]["cores_allowed"]
