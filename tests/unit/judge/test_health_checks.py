"""Health checks beside a load: how many were late, from the requests of their own cell."""

import math
from dataclasses import replace

import pytest
from judge_launches import COLUMN, MS, RATES_RPS, SERVICE_NS, cells_of, judged
from judge_rows import make_cell_of, make_times, small_config
from sample_rows import unfinished_rows

from bench.judge.probes import judge_probe
from bench.plan.profiles import Part
from bench.plan.rules import Rules
from bench.plan.scenarios import PROBE
from bench.records import CellKey

PART = Part("probes", ("fastapi-def@spin-100ms",), ("predict-1",), ("closed-4",), launches=4, blocks=1, probe="open-10rps-constant")
LIMIT_MS = Rules().late_probe_ms


def probe_of(response_ms, **fields):
    key = CellKey(PART.name, PART.stacks[0], PROBE, PART.probe)
    return judge_probe(PART, make_cell_of(key, **fields), make_times(response_ms, service_ms=[0.5] * len(response_ms)), Rules())


def test_a_row_says_of_which_stack_beside_which_load_and_how_often_it_was_asked():
    row = probe_of([1.0] * 40, p50_ms=1.0, p95_ms=2.0, max_ms=3.0, launches=4)
    assert (row.part, row.stack, row.scenario, row.load) == ("probes", "fastapi-def@spin-100ms", "predict-1", "closed-4")
    assert (row.probe_load, row.probes, row.launches) == ("open-10rps-constant", 40, 4)
    assert (row.p50_ms, row.p95_ms, row.max_ms) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("response_ms", "late_ratio"),
    [
        ([1.0] * 4, 0.0),
        ([1.0, LIMIT_MS, LIMIT_MS + 0.001, 5000.0], 0.5),
        ([1.0, 2.0, 3.0, math.inf], 0.25),  # not answered at all
        ([math.inf] * 4, 1.0),
        ([], None),
    ],
)
def test_a_probe_is_late_after_its_limit_and_without_an_answer(response_ms, late_ratio):
    row = probe_of(response_ms)
    assert (row.probes, row.late_ratio, row.late_ms) == (len(response_ms), late_ratio, LIMIT_MS)


# --- a run ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def config():
    plan = small_config(launches=2, blocks=1)
    return replace(plan, parts=(replace(plan.parts[0], probe="open-100rps-constant"),))


def slow_to_say(planned, rows):
    """Let FastAPI say so late, or in the second half of a slice not at all, that it is alive."""
    if not planned.beside or planned.stack != "fastapi-uvicorn":
        return rows
    rows[:, COLUMN["done_ns"]] += 1200 * MS
    half = len(rows) // 2
    rows[half:] = unfinished_rows(planned.index, rows[half:, COLUMN["sent_ns"]])
    return rows


def test_the_probes_of_a_run_are_judged_by_stack_from_when_they_were_due(config):
    usual, slow = (judged(config, spoil=spoil, partial=True) for spoil in (None, slow_to_say))
    for run in (usual, slow):
        rows = {row.stack: row for row in run.probes}
        assert set(rows) == set(RATES_RPS)
        assert {(row.probe_load, row.load, row.launches) for row in rows.values()} == {("open-100rps-constant", "closed-16", 2)}
        assert {row.probes for row in rows.values()} == {84}  # 21 in the settled time of each of four slices
        assert rows["flask-gthread"].late_ratio == 0.0
        assert rows["flask-gthread"].p50_ms == pytest.approx(SERVICE_NS["flask-gthread"] / MS, rel=0.1)
    assert [row.late_ratio for row in usual.probes] == [0.0] * 3
    assert next(row.late_ratio for row in slow.probes if row.stack == "fastapi-uvicorn") == 1.0


def test_probes_are_cells_of_their_own_that_are_compared_with_nothing_and_change_nothing(config):
    without = judged(replace(config, parts=(replace(config.parts[0], probe=None),)), partial=True)
    run = judged(config, spoil=slow_to_say, partial=True)
    assert {cell.scenario for cell in run.cells} == {"predict-1", PROBE}
    assert {row.scenario for row in (*run.comparisons, *run.noise_floor)} == {"predict-1"}
    found, usual = cells_of(run), cells_of(without)
    assert {stack: (cell.launches, cell.failures) for stack, cell in found.items()} == dict.fromkeys(usual, (2, 0))
    assert {stack: cell.throughput_rps for stack, cell in found.items()} == pytest.approx(
        {stack: cell.throughput_rps for stack, cell in usual.items()}, rel=0.01
    )
    assert without.probes == ()
