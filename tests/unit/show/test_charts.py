"""Every chart of every run: nothing cut, nothing overlapping, a title that says what was found, both widths alike."""

import itertools
import re
from xml.etree import ElementTree as ET

from reports import NARROW_FORM, WIDE_FORM

from bench.show import canvas
from bench.show.canvas import NARROW, WIDE
from bench.show.finished import fine_print, read_run
from bench.show.report import SHEETS, WIDTHS


def read_words(svg):
    root = ET.fromstring(svg)  # noqa: S314 - our own drawing
    return " ".join("".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text"))


def test_the_miniature_run_has_every_chart_in_both_widths(reports):
    pictures = reports.report_of("whole").pictures
    assert list(pictures[WIDE_FORM]) == list(pictures[NARROW_FORM]) == list(SHEETS)


def overlap(one, other):
    """Return whether two texts share more than a pixel's breadth both ways."""
    across = min(one.right, other.right) - max(one.left, other.left)
    return across > 1 and min(one.top, other.top) - max(one.bottom, other.bottom) > 1


def test_no_text_is_cut_and_no_two_texts_overlap(drawn):
    found = {}
    for form, pictures in drawn.pictures.items():
        for name, picture in pictures.items():
            right, top = picture.size
            cut = [box.text for box in picture.boxes if box.left < 0 or box.bottom < 0 or box.right > right or box.top > top]
            overlaps = [(one.text, other.text) for one, other in itertools.combinations(picture.boxes, 2) if overlap(one, other)]
            if cut or overlaps:
                found[form, name] = (cut, overlaps)
    assert found == {}


def test_every_picture_is_as_wide_as_its_column_and_carries_its_fine_print(drawn):
    run = read_run(drawn.folder)
    printed = fine_print(run.name, run.summary, run.manifest)
    for name in drawn.charts:
        wide, narrow = (drawn.pictures[form][name] for form in (WIDE_FORM, NARROW_FORM))
        assert (wide.width, narrow.width) == (WIDTHS.get(name, WIDE), NARROW)
        assert printed in wide.words
        assert printed in narrow.words


def test_the_narrow_form_of_a_chart_says_what_the_wide_one_says(drawn):
    wide, narrow = ([(name, picture.title) for name, picture in drawn.pictures[form].items()] for form in (WIDE_FORM, NARROW_FORM))
    assert narrow == wide


RATIOS_TITLE = (
    "Requests per second: FastAPI on uvicorn 2.008 (1.990 to 2.026) times Flask on gunicorn gthread; "
    "Flask on granian 1.798 (1.783 to 1.813) times Flask on gunicorn gthread; "
    "FastAPI on granian 0.9020 (0.8939 to 0.9101) times Flask on granian"
)
TITLES = {
    "answer": RATIOS_TITLE,
    "cost": "A million answers take 109 s (FastAPI on uvicorn) to 220 s (Flask on gunicorn gthread) of CPU time",
    "ratios": RATIOS_TITLE,
    "break-even": (
        "FastAPI on uvicorn / Flask on gunicorn gthread: 2.103 (2.081 to 2.121) times the requests per second with engine constant, "
        "1.0778 (1.0714 to 1.0845) with spin-10ms"
    ),
    "ladder": (
        "CPU time of one request: 108.8 (107.5 to 110.1) us (FastAPI on uvicorn) to 219.6 (217.0 to 222.3) us (Flask on gunicorn gthread)"
    ),
    "changes": (
        "The largest single change from The article's Flask on gunicorn gthread: engine: NumPy for pandas and scikit-learn, "
        "13.12 (12.93 to 13.31) times the requests per second"
    ),
    "latency": "With 1 user the median answer took 0.163 ms (FastAPI on uvicorn) to 0.283 ms (FastAPI with def on uvicorn)",
    "equal-load": (
        "At equal rate, baseline 40 % busy the p95 response time was 0.297 ms (FastAPI on uvicorn) to 0.518 ms "
        "(FastAPI with def on uvicorn)"
    ),
    "offered": (
        "Flask on gunicorn gthread keeps p99 within 10 ms up to 4,830 (4,769 to 4,881) req/s; "
        "Flask on granian keeps p99 within 10 ms up to more than 9,990 req/s"
    ),
    "throughput": (
        "Requests per second, predict-1: 5,050 (4,994 to 5,111) with Flask on gunicorn gthread to 10,140 (10,030 to 10,260) "
        "with FastAPI on uvicorn"
    ),
    "sweep": "More users than needed only wait: the highest throughput is 10,330 (10,170 to 10,490) req/s, FastAPI on uvicorn",
    "enrich": (
        "With a wait of 100 ms, requests per second: 637.5 (627.9 to 647.6) (FastAPI on uvicorn, async client), "
        "318.7 (313.9 to 323.8) (Flask, 32 threads, on gunicorn gthread), "
        "9.96 (9.81 to 10.12) (FastAPI on uvicorn, blocking client in async def)"
    ),
    "aa": "Two copies of the same code: 0 of 6 intervals exclude 1",
    "drift": "Over the run single slices ranged from 0.96 to 1.02 of their stack's median",
}


def test_every_title_says_something_and_a_bad_run_says_it_first(reports):
    for variant, words in (("whole", ""), ("partial", "Partial run. "), ("invalid", "Not valid, for diagnosis only. ")):
        pictures = reports.report_of(variant).pictures[WIDE_FORM]
        assert {chart: picture.title for chart, picture in pictures.items()} == {chart: words + title for chart, title in TITLES.items()}
    smoke = reports.report_of("smoke").pictures[WIDE_FORM]
    assert "2.01 times Flask on gunicorn gthread (no interval)" in smoke["ratios"].title


def test_an_svg_keeps_its_text_and_names_no_date_and_no_stranger(reports):
    charts = reports.report_of("whole").charts
    assert list(charts) == list(SHEETS)
    for chart in charts.values():
        for svg in (chart.svg, chart.narrow_svg):
            assert "Flask on gunicorn gthread" in read_words(svg) or chart.name == "enrich"
            assert not re.search(rb"<dc:date>|href=\"https?:|url\(['\"]?https?:", svg)
        assert chart.png.startswith(b"\x89PNG")


def test_a_label_with_dollars_is_no_formula(reports):
    charts = reports.report_of("user").folder.path / "charts"
    for name in ("ratios", "throughput", "latency"):
        assert 'Mine <b>|$x_1$ "&amp;' in read_words((charts / f"{name}.svg").read_bytes())


def test_the_two_frameworks_stay_apart_in_grey_print():
    """Relative luminance as in WCAG 2: contrast to each other and to the paper."""

    def luminance(colour):
        values = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    flask, fastapi = (luminance(canvas.FRAMEWORK_COLOURS[name]) + 0.05 for name in ("Flask", "FastAPI"))
    assert fastapi / flask > 1.5
    assert min(1.05 / flask, 1.05 / fastapi) > 4.5
    assert len({*canvas.FRAMEWORK_MARKERS.values(), canvas.OTHER_MARKER}) == 3
