"""A run that is stopped: what was measured is kept, everything that was started is gone."""

import json
import os
import signal

import pytest
from bench_runs import bench, finish, manifest_of, processes_of, run, wait_until

JUDGED = (0, 4)  # beside other tests the generator may have too little of its core for a valid run


@pytest.fixture
def start(tmp_path, stub_file):
    """Return a function that starts a long run of stubs, or of the bundled stacks."""

    def start(*, is_bundled=False, is_drawn=False):
        stubs = ("--profile", "quick", "--stacks-file", stub_file("good", "chunked"), "--compare", "stub-chunked", "stub-good")
        chosen = ("--profile", "smoke") if is_bundled else stubs
        return bench("run", "--launches", 50, *chosen, cwd=tmp_path, env={"TMPDIR": str(tmp_path)}, is_drawn=is_drawn)

    return start


def wait_for_a_launch(process, tmp_path):
    wait_until(process, lambda: any(launch["kept"] for launch in manifest_of(tmp_path / "results").get("launches", ())))


@pytest.mark.parametrize(
    "number", [signal.SIGINT, *(pytest.param(number, marks=pytest.mark.slow) for number in (signal.SIGTERM, signal.SIGHUP))]
)
def test_a_signal_keeps_what_was_measured_as_a_partial_run(tmp_path, start, number):
    is_drawn = number == signal.SIGINT
    process = start(is_drawn=is_drawn)
    wait_for_a_launch(process, tmp_path)
    process.send_signal(number)
    status, out, err = finish(process)
    assert status == 128 + number, err
    assert "Traceback" not in err
    assert "partial" in err
    latest = tmp_path / "results" / "latest"
    assert json.loads((latest / "summary.json").read_text("utf-8"))["partial"] is True
    assert (latest / "report.html").exists() is is_drawn
    assert processes_of(tmp_path) == []
    assert str(latest.resolve().name) in out
    if is_drawn:  # what was kept can be judged again, with the same result
        before = (latest / "summary.json").read_bytes()
        assert run("judge", latest, cwd=tmp_path)[0] in JUDGED
        assert (latest / "summary.json").read_bytes() == before


@pytest.mark.slow  # the same is seen of the last step of a run alone
def test_ctrl_c_while_the_report_is_drawn_says_where_the_run_is_and_how_to_draw_it(tmp_path, stub_file):
    chosen = ("--profile", "quick", "--stacks-file", stub_file("good", "chunked"), "--compare", "stub-chunked", "stub-good")
    process = bench("run", "--launches", 1, *chosen, cwd=tmp_path, env={"TMPDIR": str(tmp_path)}, is_drawn=True)
    wait_until(process, lambda: list((tmp_path / "results").glob("*/summary.json")))
    process.send_signal(signal.SIGINT)
    status, out, err = finish(process)
    latest = tmp_path / "results" / "latest"
    [line] = [line for line in err.splitlines() if line.startswith("bench: ")]
    assert (status, out) == (130, "")
    assert line.startswith(f"bench: stopped by SIGINT. The measurements are safe in results/{latest.resolve().name};")
    assert list(latest.resolve().rglob(".*")) == []
    assert processes_of(tmp_path) == []


def test_a_second_ctrl_c_does_not_disturb_the_cleaning_up(tmp_path, start):
    process = start(is_bundled=True)
    wait_for_a_launch(process, tmp_path)
    wait_until(process, lambda: len(processes_of(tmp_path)) > 3)  # the servers of the next launch
    process.send_signal(signal.SIGINT)
    wait_until(process, lambda: len(processes_of(tmp_path)) <= 3)  # they are being stopped
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert status == 130
    assert "Traceback" not in err
    assert processes_of(tmp_path) == []


def test_ctrl_c_before_anything_was_measured_leaves_nothing_behind(tmp_path, start):
    process = start(is_bundled=True)
    wait_until(process, lambda: manifest_of(tmp_path / "results"))
    process.send_signal(signal.SIGINT)
    status, out, err = finish(process)
    assert (status, out) == (130, "")
    assert "nothing was measured" in err
    assert list((tmp_path / "results").iterdir()) == []
    assert processes_of(tmp_path) == []


def test_a_killed_main_process_is_reported_and_its_workers_are_gone(tmp_path, start):
    process = start(is_bundled=True)

    def find_masters():
        own = [found for found in processes_of(tmp_path) if found.ppid() == process.pid]
        return [found for found in own if "gunicorn" in " ".join(found.cmdline())]

    wait_until(process, lambda: manifest_of(tmp_path / "results"))
    master = wait_until(process, find_masters)[0]
    os.kill(master.pid, signal.SIGKILL)
    status, _, err = finish(process)
    assert status == 3
    assert "SIGKILL" in err
    assert processes_of(tmp_path) == []


def test_a_run_that_was_killed_can_be_judged_from_what_it_left(tmp_path, start):
    process = start()
    wait_for_a_launch(process, tmp_path)
    process.kill()
    finish(process)
    [path] = (tmp_path / "results").glob("*-quick")
    assert not (path / "summary.json").exists()
    status, out, _ = run("judge", path, cwd=tmp_path)
    assert status in JUDGED
    assert f"python -m bench report {path}" in out
    assert json.loads((path / "summary.json").read_text("utf-8"))["partial"] is True
