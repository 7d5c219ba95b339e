"""A run may be judged again at any time: the same way with the same tables, or anew by another method than it was planned for."""

from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from judge_launches import judged, write_run
from judge_rows import small_config

from bench.errors import RunFolderError
from bench.judge.judgement import JUDGED_FILES, judge
from bench.plan.described import FORMER_METHOD
from bench.records import SliceRecord


@pytest.fixture(scope="module")
def config():
    return small_config(launches=3, blocks=1)


def test_a_run_that_is_judged_again_has_the_same_tables_byte_for_byte(config, tmp_path):
    folder = write_run(tmp_path / "run", config)
    judge(folder)
    first = {name: (folder.path / name).read_bytes() for name in JUDGED_FILES}
    judge(folder)
    assert {name: (folder.path / name).read_bytes() for name in JUDGED_FILES} == first


def test_samples_that_are_not_kept_slice_by_slice_are_read_the_same(config, tmp_path):
    folder = write_run(tmp_path / "run", config)
    summary = judge(folder)
    for launch in range(1, 4):
        path = folder.samples_path(launch)
        pq.write_table(pq.read_table(path), path)  # one row group, as older versions wrote it
    assert pq.ParquetFile(path).num_row_groups == 1
    assert judge(folder) == summary


def test_a_run_whose_samples_are_gone_cannot_be_judged_again_and_keeps_its_tables(config, tmp_path):
    folder = write_run(tmp_path / "run", config)
    judge(folder)
    before = (folder.path / "summary.json").read_bytes()
    folder.samples_path(3).unlink()
    with pytest.raises(RunFolderError, match=r"launch-03\.parquet cannot be read .*; without its samples a run cannot be judged again"):
        judge(folder)
    assert (folder.path / "summary.json").read_bytes() == before


# --- judging anew by another method ---------------------------------------------------------------------------------


@pytest.fixture
def former_run(config, tmp_path):
    """Return a run whose plan names no method, with rates of its slices and tables as another version made them."""
    folder = write_run(tmp_path / "run", config)
    manifest = folder.read_manifest()
    del manifest["plan"]["method"]
    folder.write_manifest(manifest)
    slices = [replace(record, throughput_rps=1.0, settled_answers=1) for record in folder.read_rows("slices.csv", SliceRecord)]
    folder.write_rows("slices.csv", slices, SliceRecord)
    for name in JUDGED_FILES:
        (folder.path / name).write_text(f"former {name}")
    return folder


def test_a_run_of_a_former_method_is_judged_anew_from_its_samples_and_says_so(config, former_run):
    judgement = judged(config)
    slices = (former_run.path / "slices.csv").read_bytes()
    anew = judge(former_run)
    assert (anew.cells, anew.comparisons) == (judgement.cells, judgement.comparisons)
    [warning] = anew.validity.warnings
    assert warning.code == "judged-anew"
    assert f"({FORMER_METHOD})" in warning.text
    assert f"former-{FORMER_METHOD}." in warning.next_step
    assert (former_run.path / "slices.csv").read_bytes() == slices


def test_its_former_tables_are_kept_beside_the_new_ones_however_often_it_is_judged(former_run):
    for _ in range(2):
        judge(former_run)
    aside = former_run.path / f"former-{FORMER_METHOD}"
    assert {path.name: path.read_text() for path in aside.iterdir()} == {name: f"former {name}" for name in JUDGED_FILES}


def test_a_run_of_today_s_method_sets_nothing_aside(config, tmp_path):
    folder = write_run(tmp_path / "run", config, launches=1)
    judge(folder)
    judge(folder)
    assert not list(folder.path.glob("former-*"))
