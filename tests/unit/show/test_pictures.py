"""Every chart of every run: nothing cut, nothing overlapping, a title that says what was found, the same words in file and page."""

import itertools
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from report_pages import RUN, read_text
from reports import look_at
from sheets import draw, with_summary

from bench.show.drawing import sheet as paper
from bench.show.drawing.sheet import NO_LETTER, Sheet, drawable, drawing
from bench.show.finished import read_run
from bench.show.topics.latency import section

CHARTS = ("answer", "break-even", "changes", "waiting", "ladder", "latency", "capacity", "stacks", "users", "speed")
LACKING = "\U0010fffd"  # a letter that no font has
STATES = {"partial": "Partial run. ", "invalid": "Not valid, for diagnosis only. "}


def read_words(svg):
    root = ET.fromstring(svg)  # noqa: S314 - our own drawing
    return " ".join("".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text"))


def words_of_file(folder, name):
    return read_words((folder.path / "charts" / f"{name}.svg").read_bytes())


def words_in_page(folder):
    """Return the words on each chart of a page, in their order."""
    return [read_words(svg) for svg in re.findall(r"<svg .*?</svg>", read_text(folder, "report.html"), re.DOTALL)]


def faults(picture):
    """Return the texts that the border cuts, and those that share more than a pixel's breadth both ways."""
    right, top = picture.size
    cut = [box.text for box in picture.boxes if box.left < 0 or box.bottom < 0 or box.right > right or box.top > top]
    overlapping = []
    for one, other in itertools.combinations(picture.boxes, 2):
        across = min(one.right, other.right) - max(one.left, other.left)
        if across > 1 and min(one.top, other.top) - max(one.bottom, other.bottom) > 1:
            overlapping.append((one.text, other.text))
    return [*cut, *overlapping]


def test_the_miniature_run_has_a_picture_of_each_of_its_topics_as_svg_and_png(reports):
    report = reports.report_of("whole")
    assert tuple(report.pictures) == CHARTS
    assert {path.name for path in (report.folder.path / "charts").iterdir()} == {
        f"{name}.{kind}" for name in CHARTS for kind in ("svg", "png")
    }


def test_no_text_is_cut_and_no_two_texts_overlap(drawn):
    assert {name: found for name, picture in drawn.pictures.items() if (found := faults(picture))} == {}


def test_a_run_of_several_equal_loads_keeps_the_texts_of_its_curve_apart_as_well():
    """The miniature run has one such load, and so no curve."""
    busy = [cell for cell in RUN.summary.cells if cell.load == "busy-40"]
    lighter = [replace(cell, load=f"busy-{share}", offered_rps=45.5 * share) for share in (20, 60, 80) for cell in busy]
    with drawing():
        found = {name: faults(look_at(sheet)) for name, sheet in draw(section, with_summary(cells=(*RUN.summary.cells, *lighter))).items()}
    assert found == {"latency": [], "latency-by-load": [], "capacity": []}


def test_every_picture_is_as_wide_as_a_phone_shows_it(drawn):
    assert {picture.width for picture in drawn.pictures.values()} <= {paper.WIDTH}


def test_the_fine_print_is_on_every_file_and_on_no_chart_of_the_page(drawn):
    fine_print = read_run(drawn.folder).fine_print
    assert [name for name, picture in drawn.pictures.items() if fine_print not in picture.words] == []
    assert [name for name in drawn.pictures if fine_print not in words_of_file(drawn.folder, name)] == []
    charts = words_in_page(drawn.folder)
    assert len(charts) == len(drawn.pictures)
    begin, end = fine_print.split()[:2], fine_print.split()[-1]
    assert [words for words in charts if " ".join(begin) in words or words.endswith(end)] == []


def test_a_chart_in_the_page_has_all_other_words_of_its_file(drawn):
    fine_print = read_run(drawn.folder).fine_print
    in_files = [" ".join(words_of_file(drawn.folder, name).replace(fine_print, "").split()) for name in drawn.pictures]
    assert [" ".join(words.split()) for words in words_in_page(drawn.folder)] == in_files


def test_a_title_tells_what_was_found_and_stands_on_its_picture(reports):
    pictures = reports.report_of("whole").pictures
    assert [name for name, picture in pictures.items() if not re.match(r"[A-Zp].*\d", picture.title)] == []
    assert len({picture.title for picture in pictures.values()}) == len(pictures)
    assert [name for name, picture in pictures.items() if not picture.words.startswith(picture.title)] == []


@pytest.mark.parametrize(("variant", "words"), STATES.items())
def test_the_title_of_a_bad_run_says_so_first(variant, words, reports):
    whole, bad = (reports.report_of(name).pictures for name in ("whole", variant))
    assert {name: picture.title for name, picture in bad.items()} == {name: words + picture.title for name, picture in whole.items()}


def test_an_svg_keeps_its_text_and_names_no_date_and_no_stranger(reports):
    report = reports.report_of("whole")
    for name, picture in report.pictures.items():
        svg = (report.folder.path / "charts" / f"{name}.svg").read_bytes()
        assert picture.title in read_words(svg)
        assert not re.search(rb"<dc:date>|href=\"https?:|url\(['\"]?https?:", svg)


def test_a_label_with_dollars_is_no_formula(reports):
    folder = reports.report_of("user").folder
    for name in ("answer", "changes", "ladder", "stacks"):
        assert 'Mine <b>|$x_1$ "&amp;' in words_of_file(folder, name)


def test_letters_that_no_font_has_stay_in_svg_and_page(reports):
    report = reports.report_of("user")
    texts = [*(words_of_file(report.folder, name) for name in ("answer", "stacks")), *words_in_page(report.folder)]
    assert [text for text in texts if NO_LETTER in text] == []
    assert all("漢" in text for text in texts[:3])


def test_letters_that_no_font_has_are_marked_in_png_with_a_note_and_nowhere_after_it(monkeypatch):
    sheet, saved = None, {}
    with drawing():
        sheet = Sheet(f"One {LACKING}{LACKING} two", "", 1.0, "fine print")
        save = sheet.figure.savefig

        def look(out, **options):
            saved.setdefault(options["format"], []).append([text.get_text() for text in sheet.figure.texts])
            save(out, **options)

        monkeypatch.setattr(sheet.figure, "savefig", look)
        before, _, after = sheet.svg(), sheet.png(), sheet.svg()
    (marked,) = saved["png"]
    assert marked[0] == "One [?] two"
    assert marked[-1].startswith("[?]: letters that no font")
    assert saved["svg"] == [[f"One {LACKING}{LACKING} two", "fine print"]] * 2
    assert before == after


@pytest.mark.parametrize(
    ("text", "marked"),
    [("Flask on granian, 2.01 ▲", "Flask on granian, 2.01 ▲"), (f"a{LACKING}{LACKING}b {LACKING}\n", "a[?]b [?]\n"), ("", "")],
)
def test_each_run_of_letters_that_no_font_has_is_one_mark(text, marked):
    assert drawable(text) == marked


def test_the_two_frameworks_stay_apart_in_grey_print():
    """Relative luminance as in WCAG 2: contrast to each other and to the paper."""

    def luminance(colour):
        values = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    flask, fastapi = (luminance(paper.FRAMEWORK_COLOURS[name]) + 0.05 for name in ("Flask", "FastAPI"))
    assert fastapi / flask > 1.5
    assert min(1.05 / flask, 1.05 / fastapi) > 4.5
    assert len({*paper.FRAMEWORK_MARKERS.values(), paper.OTHER_MARKER}) == 3
