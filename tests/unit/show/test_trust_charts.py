"""The charts of trust: what two copies differ by, and how steady the machine was over the run."""

from dataclasses import replace
from statistics import median

import pytest
from report_pages import RUN
from sheets import draw, with_summary

from bench.records import find_floor
from bench.show.canvas import NARROW, WIDE
from bench.show.trust_charts import LEAST_SLICES, MAX_ROWS

PAIR = ("flask-gthread", "fastapi-uvicorn")


def slices_of(stack, run=RUN):
    return [record for record in run.slices if (record.stack, record.load) == (stack, "closed-16") and not record.warm_up]


def ticks_of(axis):
    low, high = sorted(axis.get_view_interval())
    return [tick for tick in axis.get_majorticklocs() if low <= tick <= high]


def points_drawn(run):
    (axes,) = draw("aa", run).figure.axes
    return [tuple(map(float, line.get_xdata())) for line in axes.lines]


def test_the_copies_that_verdicts_rest_on_and_all_of_throughput_are_drawn_with_their_launches():
    judged = [find_floor(row, RUN.summary.noise_floor) for row in RUN.summary.comparisons if row.role != "exploratory"]
    wanted = [row for row in RUN.summary.noise_floor if row in judged or row.metric == "throughput_rps"]
    points = points_drawn(RUN)
    assert {row.metric for row in wanted} == {"throughput_rps", "cpu_us_per_request", "p95_ms"}
    assert [row for row in wanted if (row.ratio,) not in points or row.launch_ratios not in points] == []
    others = [row for row in RUN.summary.noise_floor if row not in wanted]
    assert [row for row in others if row.launch_ratios in points] == []


def test_no_more_copies_are_drawn_than_can_be_read():
    row = RUN.summary.noise_floor[0]
    many = [replace(row, load=f"closed-{users}", launch_ratios=(1.0, 1.0 + users / 1e3)) for users in range(1, MAX_ROWS + 4)]
    points = points_drawn(with_summary(noise_floor=tuple(many)))
    assert [row.launch_ratios in points for row in many] == [True] * MAX_ROWS + [False] * 3


@pytest.mark.parametrize(
    ("ends", "count"), [((0.99, 1.01), 0), ((1.001, 1.02), 1), ((0.98, 0.999), 1), ((1.0, 1.01), 0), ((None, None), 0)]
)
def test_the_title_counts_the_intervals_that_exclude_one(ends, count):
    row = replace(RUN.summary.noise_floor[0], ci_low=ends[0], ci_high=ends[1])
    other = replace(row, ci_low=0.9, ci_high=1.1, load="closed-1")
    assert draw("aa", with_summary(noise_floor=(row, other))).title == f"Two copies of the same code: {count} of 2 intervals exclude 1"


def test_without_a_figure_of_two_copies_there_is_no_chart():
    assert draw("aa", with_summary(noise_floor=())) is None
    assert draw("aa", with_summary(noise_floor=(replace(RUN.summary.noise_floor[0], ratio=None),))) is None


def test_every_slice_of_the_first_pair_is_drawn_as_a_share_of_its_stacks_median():
    [axes] = [axes for axes in draw("drift", RUN).figure.axes if axes.get_xlabel()]
    start_ns = min(record.start_ns for record in RUN.slices)
    for stack in PAIR:
        own = slices_of(stack)
        middle = median(record.throughput_rps for record in own)
        points = [((record.start_ns - start_ns) / 60e9, record.throughput_rps / middle) for record in own]
        lines = [list(zip(map(float, line.get_xdata()), map(float, line.get_ydata()), strict=True)) for line in axes.lines]
        assert sorted(points) in lines
    assert len(slices_of(PAIR[0])) == 12


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_drift_is_shown_near_one_where_it_can_be_seen(width):
    [axes] = [axes for axes in draw("drift", RUN, width).figure.axes if axes.get_xlabel()]
    low, high = axes.get_ylim()
    assert 0.8 < low < 0.9
    assert 1.1 < high < 1.25
    assert 1.0 in ticks_of(axes.yaxis)


@pytest.mark.parametrize(("count", "is_drawn"), [(LEAST_SLICES - 1, False), (LEAST_SLICES, True)])
def test_fewer_than_four_slices_show_no_drift(count, is_drawn):
    slices = [record for stack in PAIR for record in slices_of(stack)[:count]]
    assert bool(draw("drift", replace(RUN, slices=slices))) == is_drawn


def test_warm_ups_and_slices_without_an_answer_are_no_drift():
    spoilt = [replace(record, warm_up=True) for record in slices_of(PAIR[0])]
    assert draw("drift", replace(RUN, slices=[*spoilt, *slices_of(PAIR[1])])) is None
    spoilt = [replace(record, throughput_rps=None) for record in slices_of(PAIR[0])]
    assert draw("drift", replace(RUN, slices=[*spoilt, *slices_of(PAIR[1])])) is None


def test_a_run_without_comparisons_has_no_drift():
    assert draw("drift", with_summary(comparisons=())) is None
