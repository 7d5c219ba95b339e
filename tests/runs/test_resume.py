"""A run that was cut off goes on where it was: each launch once, by the same plan, on the same machine, in the same version."""

import contextlib
import json
import random
import shutil
import signal
import subprocess
from dataclasses import replace

import pytest
from bench_runs import bench, finish, manifest_of, wait_for_none, wait_until

from bench.commands.list import describe_state
from bench.commands.main import main
from bench.errors import RunFolderError
from bench.measure.environment import choose_cores, describe_machine
from bench.plan.described import describe, hash_plan
from bench.plan.plan import make_plan
from bench.plan.profiles import Part
from bench.records import Memory, SliceRecord
from bench.records.folder import RunFolder
from bench.run import loop
from bench.run.resume import read_begun, refuse_differences

JUDGED = (0, 4)  # beside other tests the generator may have too little of its core for a valid run
LAUNCHES = 3


def form_of(summary):
    """Return what a summary has, without its figures; how many launches have a percentile is a matter of their answers."""
    cells = sorted((cell["part"], cell["stack"], cell["scenario"], cell["load"], cell["launches"]) for cell in summary["cells"])
    counted = [row for row in summary["comparisons"] if row["metric"] in {"throughput_rps", "cpu_us_per_request"}]
    rows = sorted((row["contender"], row["baseline"], row["metric"], row["launches"]) for row in counted)
    return summary.keys(), summary["partial"], cells, rows


# --- real processes, killed -----------------------------------------------------------------------------------------


@pytest.fixture
def start(tmp_path, stub_file):
    """Return a function that starts a run of stubs, or goes on with one."""
    stubs = ("--stacks-file", stub_file("good", "chunked"))
    new = ("--profile", "quick", "--launches", LAUNCHES, "--compare", "stub-chunked", "stub-good")

    def start(resumed=None, **options):
        chosen = ("--resume", resumed) if resumed else new
        return bench("run", *stubs, *chosen, cwd=tmp_path, env={"TMPDIR": str(tmp_path)}, **options)

    return start


@pytest.mark.slow  # four sittings
def test_a_run_that_was_killed_anywhere_goes_on_until_it_has_each_launch_once_and_is_like_one_that_was_not(tmp_path, start):
    draw = random.Random(20261129)  # noqa: S311 - no secret
    results = tmp_path / "results"
    for _ in range(4):
        process = start(*results.glob("*-quick"))
        wait_until(process, lambda: manifest_of(results))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0, 8))
        process.kill()
        finish(process)
        wait_for_none(tmp_path)
    [path] = results.glob("*-quick")
    if manifest_of(results)["partial"]:
        status, out, err = finish(start(path))
        assert status in JUDGED, err
        assert path.name in out
    manifest = json.loads((path / "manifest.json").read_text("utf-8"))
    assert [row["launch"] for row in manifest["launches"] if row["kept"]] == list(range(1, LAUNCHES + 1))
    assert [number for sitting in manifest["sittings"] for number in sitting["launches"]] == list(range(1, LAUNCHES + 1))
    assert not manifest["partial"]
    assert list(path.rglob(".*")) == list(path.rglob("*.part")) == []
    cut = json.loads((path / "summary.json").read_text("utf-8"))
    shutil.move(path, tmp_path / "cut")
    assert finish(start())[0] in JUDGED
    [path] = results.glob("*-quick")
    assert form_of(json.loads((path / "summary.json").read_text("utf-8"))) == form_of(cut)


def test_a_run_that_was_stopped_is_listed_goes_on_and_knows_its_sittings(tmp_path, start, monkeypatch):
    monkeypatch.chdir(tmp_path)
    process = start()
    wait_until(process, lambda: any(row["kept"] for row in manifest_of(tmp_path / "results").get("launches", ())))
    [path] = (tmp_path / "results").glob("*-quick")
    name = path.relative_to(tmp_path)
    process.send_signal(signal.SIGSTOP)  # so that it does not end while another one asks
    status, out, err = finish(start(name))
    assert (status, out) == (2, "")
    assert err == f"bench: {path} is being measured by another bench now; wait until that one has ended.\n"
    assert describe_state(RunFolder(path)).endswith(f" of {LAUNCHES} launches, being measured now")
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)
    status, _, err = finish(process)
    assert (status, err.splitlines()[-1].partition(" To go on: ")[2]) == (143, f"python -m bench run --resume {name}")
    assert describe_state(RunFolder(name)).endswith(f"partial; to go on: python -m bench run --resume {name}")

    status, _, err = finish(start(name))
    assert status in JUDGED, err
    assert "launches are measured already" in err
    assert len(manifest_of(tmp_path / "results")["sittings"]) == 2
    assert describe_state(RunFolder(path)) == ""
    again = finish(start(name))
    assert (again[0], again[1]) == (2, "")
    assert again[2].startswith(f"bench: {name} is finished, so there is nothing to go on with. To judge and draw it again: python -m bench")


# --- what a run has, and what it lacks ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plan(make_stub, plan_of):
    """Return a plan of two parts and single starts."""
    plan = plan_of(make_stub(), make_stub(name="other"), launches=2)
    extra = Part("extra", ("other",), ("predict-1",), ("closed-2",), launches=1, blocks=1)
    return replace(plan, starts=1, parts=(*plan.parts, extra))


@pytest.fixture(scope="module")
def cut(plan, tmp_path_factory):
    """Return a run that was cut off after its first launch, to be copied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "conclude", lambda recorder, _: recorder.folder.unlock())
        measure = loop.measure_turn
        patch.setattr(loop, "measure_turn", lambda plan, turn, *rest: measure(plan, turn, *rest) if turn.number == 1 else None)
        return loop.run(plan, "a command", tmp_path_factory.mktemp("results"))[0]


@pytest.fixture
def begun(cut, tmp_path):
    """Return a copy of that run."""
    shutil.copytree(cut.path, tmp_path / cut.path.name)
    return RunFolder(tmp_path / cut.path.name)


def go_on(plan, begun):
    begun.lock()
    return loop.run(plan, "not this command", begun=begun, report=lambda _: None)


def test_what_a_run_has_stays_byte_for_byte_and_only_what_it_lacks_is_measured(plan, begun, monkeypatch):
    monkeypatch.setattr(loop, "measure_starts", lambda *_: pytest.fail("the starts were measured already"))
    before = begun.read_manifest()
    samples, slices = begun.samples_path(1).read_bytes(), begun.read_rows("slices.csv", SliceRecord)
    (begun.path / "samples" / "launch-02.part").touch()  # as a killed bench leaves it
    (begun.path / ".manifest.json.99").touch()
    folder, stopped = go_on(plan, begun)
    manifest = folder.read_manifest()
    assert (stopped, folder.path, manifest["partial"]) == (None, begun.path, False)
    assert (begun.samples_path(1).read_bytes(), folder.read_rows("slices.csv", SliceRecord)[: len(slices)]) == (samples, slices)
    assert [row["launch"] for row in manifest["launches"]] == [1, 2, 3]
    assert [sitting["launches"] for sitting in manifest["sittings"]] == [[1], [2, 3]]
    assert [manifest[key] for key in ("command", "created_utc", "plan_sha256")] == [
        before[key] for key in ("command", "created_utc", "plan_sha256")
    ]
    assert {row.launch for row in folder.read_rows("memory.csv", Memory)} == {1, 2, 3}
    assert {cell.launches for cell in folder.read_summary().cells} == {1, 2}
    assert list(folder.path.rglob(".*")) == list(folder.path.rglob("*.part")) == []


def test_the_starts_of_a_run_that_lacks_them_are_measured(plan, begun, monkeypatch):
    measured = []
    monkeypatch.setattr(loop, "measure_starts", lambda *_: measured.append("starts") or [])
    (begun.path / "starts.csv").unlink()
    go_on(plan, begun)
    assert measured == ["starts"]


def test_rows_of_a_launch_that_the_manifest_does_not_name_do_not_count(plan, begun):
    # The bench was killed after it wrote slices.csv and before it wrote the manifest: launch 2 is measured again.
    slices = begun.read_rows("slices.csv", SliceRecord)
    begun.write_rows("slices.csv", [*slices, *(replace(record, launch=2) for record in slices)], SliceRecord)
    folder, _ = go_on(plan, begun)
    rows = [(record.launch, record.slice) for record in folder.read_rows("slices.csv", SliceRecord)]
    assert len(rows) == len(set(rows))


def test_a_run_without_the_samples_of_a_launch_does_not_go_on(plan, begun):
    begun.samples_path(1).unlink()
    with pytest.raises(RunFolderError, match=r"launch-01\.parquet is missing, so this run cannot go on"):
        go_on(plan, begun)


# --- as it began ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def machine(plan):
    return describe_machine(choose_cores(), plan.stacks.values())


def changed(document, path, value):
    """Set a value in a document by its path."""
    *way, last = path.split("/")
    for key in way:
        document = document[key]
    document[last] = value


def test_a_run_goes_on_as_it_began(plan, begun, machine):
    refuse_differences(begun, plan, machine)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("environment/cpu", "Other CPU", "the CPU: Other CPU then, "),
        ("environment/cores_allowed", [7, 8, 9], "the cores: 7, 8, 9 then, "),
        ("environment/server_cores", [9], "the cores of the servers: 9 then, "),
        ("environment/generator_cores", [], "the core of the load generator: none then, "),
        ("environment/kernel", "5.0", "the kernel: 5.0 then, "),
        ("environment/python", "CPython 3.9.1", "Python: CPython 3.9.1 then, "),
        ("environment/packages/flask", "2.0", "flask: 2.0 then, "),
        ("environment/served_sha256", "0" * 64, "the applications, the model or the lock file have changed since"),
        ("bench_sha256", "0" * 64, "the bench itself has changed since"),
        ("plan/seed", 2, "the plan differs in seed"),
        ("plan/stacks/other/command", ["serve", "{port}"], "the plan differs in stacks.other.command"),
    ],
)
def test_what_is_not_as_it_was_is_named_in_one_line(plan, begun, machine, path, value, words):
    manifest = begun.read_manifest()
    changed(manifest, path, value)
    begun.write_manifest({key: kept for key, kept in manifest.items() if key != "schema"})
    with pytest.raises(RunFolderError) as caught:
        refuse_differences(begun, plan, machine)
    said = str(caught.value)
    assert said.startswith(f"{begun.path} cannot go on: {words}")
    assert said.endswith(". What was measured stays as it is; start a new run.")
    assert "\n" not in said


@pytest.mark.parametrize(
    "options", [{"profile": "smoke"}, {"profile": "default"}, {"profile": "quick", "compare": [("bare-wsgi-granian", "flask-granian")]}]
)
def test_the_plan_of_a_run_is_found_again_in_its_manifest(begun, options):
    document = json.loads(json.dumps(describe(make_plan(**options))))
    begun.write_manifest({"partial": True, "plan": document})
    folder, plan = read_begun(begun.path)
    folder.unlock()
    assert hash_plan(describe(plan)) == hash_plan(document)


@pytest.mark.parametrize("options", [("--profile", "smoke"), ("--launches", "3"), ("--seed", "1"), ("--results", "elsewhere")])
def test_a_run_goes_on_by_its_own_plan_alone(begun, capsys, options):
    assert main(["run", "--resume", str(begun.path), *options]) == 2
    assert capsys.readouterr() == ("", f"bench: --resume goes on with a run by its own plan: leave out {options[0]}.\n")


def test_a_run_with_stacks_of_the_users_own_needs_their_file_again(begun, capsys):
    assert main(["run", "--resume", str(begun.path)]) == 2
    assert capsys.readouterr().err.endswith(". A run with stacks of your own goes on with the same --stacks-file.\n")
