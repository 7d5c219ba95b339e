"""A run that is stopped: what was measured is kept, everything that was started is gone."""

import json
import os
import signal
import time

import pytest
from bench_runs import RUN_TIMEOUT_S, bench, finish, processes_of, run, wait_for


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_what_was_measured_as_a_partial_run(tmp_path, number):
    process = bench("run", "--profile", "smoke", "--launches", 50, cwd=tmp_path, env={"TMPDIR": str(tmp_path)})
    wait_for(tmp_path / "results" / "*" / "summary.json", process)
    process.send_signal(number)
    status, out, err = finish(process)
    assert status == 128 + number, err
    assert "Traceback" not in err
    assert "partial" in err
    latest = tmp_path / "results" / "latest"
    assert json.loads((latest / "summary.json").read_text("utf-8"))["partial"] is True
    assert run("report", latest, cwd=tmp_path)[0] == 0
    assert processes_of(tmp_path) == []
    assert str(latest.resolve().name) in out


def test_a_second_ctrl_c_does_not_disturb_the_cleaning_up(tmp_path):
    process = bench("run", "--profile", "smoke", "--launches", 50, cwd=tmp_path, env={"TMPDIR": str(tmp_path)})
    wait_for(tmp_path / "results" / "*" / "summary.json", process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert status == 130
    assert "Traceback" not in err
    assert processes_of(tmp_path) == []


def test_ctrl_c_before_anything_was_measured_leaves_nothing_behind(tmp_path):
    process = bench("run", "--profile", "smoke", "--launches", 50, cwd=tmp_path, env={"TMPDIR": str(tmp_path)})
    wait_for(tmp_path / "results" / "*" / "manifest.json", process)
    process.send_signal(signal.SIGINT)
    status, out, err = finish(process)
    assert (status, out) == (130, "")
    assert "nothing was measured" in err
    assert list((tmp_path / "results").iterdir()) == []
    assert processes_of(tmp_path) == []


def test_a_killed_main_process_is_reported_and_its_workers_are_gone(tmp_path):
    process = bench("run", "--profile", "smoke", "--launches", 50, cwd=tmp_path, env={"TMPDIR": str(tmp_path)})
    wait_for(tmp_path / "results" / "*" / "slices.csv", process)
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while time.monotonic() < deadline:
        masters = [found for found in processes_of(tmp_path) if "gunicorn" in " ".join(found.cmdline()) and found.ppid() == process.pid]
        if masters:
            os.kill(masters[0].pid, signal.SIGKILL)
            break
        time.sleep(0.02)
    status, _, err = finish(process)
    assert status == 3
    assert "SIGKILL" in err
    assert processes_of(tmp_path) == []
