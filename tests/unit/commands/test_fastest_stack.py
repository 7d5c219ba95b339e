"""What the load generator is measured against: the fastest stack of the newest run that has a framework."""

import shutil
from dataclasses import replace
from pathlib import Path

from bench.commands.calibrate import find_fastest_stack
from bench.records.folder import RunFolder

MINI_RUN = Path(__file__).parents[2] / "fixtures" / "mini_run"


def test_a_bare_server_that_is_fastest_of_all_is_passed_over(tmp_path):
    shutil.copytree(MINI_RUN, tmp_path / "latest")
    folder = RunFolder.open(tmp_path / "latest")
    summary = folder.read_summary()
    bare = next(cell for cell in summary.cells if cell.stack == "bare-asgi-uvicorn")
    folder.write_summary(replace(summary, cells=(*summary.cells, replace(bare, load="closed-16", throughput_rps=1e6))))
    assert find_fastest_stack(tmp_path) == find_fastest_stack(shutil.copytree(MINI_RUN, tmp_path / "other" / "latest").parent)


def test_without_a_run_there_is_none(tmp_path):
    assert find_fastest_stack(tmp_path) is None
