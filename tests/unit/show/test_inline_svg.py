"""Charts inside the page: ids of their own, the colours of the page, no style of their own, and a name that states the finding."""

import re
from xml.etree import ElementTree as ET

import pytest

from bench.show import canvas
from bench.show.inline_svg import COLOUR_ROLES, SVG, inline_svg
from bench.show.page import TEMPLATES
from bench.show.report import SHEETS

# What a whole run's charts become is made once for these tests.
pytestmark = pytest.mark.xdist_group("inline-svg")

TAGS = ("svg", "title", "g", "defs", "clipPath", "pattern", "path", "rect", "use", "text", "tspan")
REFERENCE = re.compile(r"url\(#([^)]+)\)")


@pytest.fixture(scope="module")
def charts(reports):
    return reports.report_of("whole").charts


@pytest.fixture(scope="module")
def images(charts):
    """Return every chart of the miniature run in both widths as an element, by its name."""
    both = {f"{name}-{form}": svg for name, chart in charts.items() for form, svg in (("wide", chart.svg), ("narrow", chart.narrow_svg))}
    return {name: ET.fromstring(inline_svg(svg, name, f"Finding of {name}", "wide")) for name, svg in both.items()}  # noqa: S314


def drawn(body, **attributes):
    """Return what becomes of a small drawing: its root, without its title."""
    svg = f'<svg xmlns="{SVG}" xmlns:xlink="http://www.w3.org/1999/xlink" width="9pt" height="9pt" viewBox="0 0 9 9">{body}</svg>'
    options = {"name": "one", "title": "A finding", "css_class": "wide", **attributes}
    return ET.fromstring(inline_svg(svg.encode(), **options))  # noqa: S314 - our own drawing


def first(root, tag):
    return next(root.iter(f"{{{SVG}}}{tag}"))


def attributes_of(images):
    return [(name, element, key, value) for name, root in images.items() for element in root.iter() for key, value in element.items()]


def test_every_chart_has_both_forms(images):
    assert list(images) == [f"{name}-{form}" for name in SHEETS for form in ("wide", "narrow")]


def test_ids_begin_with_the_name_of_their_chart_and_none_stands_twice(images):
    ids = [(name, value) for name, _, key, value in attributes_of(images) if key == "id"]
    assert [found for name, found in ids if not found.startswith(f"{name}-")] == []
    assert len({found for _, found in ids}) == len(ids) > len(images)


def test_every_reference_is_to_an_id_of_the_same_chart(images):
    for name, root in images.items():
        ids = {element.get("id") for element in root.iter()} - {None}
        references = {found for element in root.iter() for value in element.attrib.values() for found in REFERENCE.findall(value)}
        references |= {value.removeprefix("#") for element in root.iter() if (value := element.get("href"))}
        assert references, name
        assert ids - {f"{name}-title"} == references


def test_every_colour_is_a_variable_of_the_page(images):
    colours = {value for _, _, key, value in attributes_of(images) if key in ("fill", "stroke", "color", "stop-color")}
    variables = {f"var(--{role})" for role in COLOUR_ROLES.values()}
    assert {colour for colour in colours if colour != "none" and not REFERENCE.fullmatch(colour)} <= variables
    assert variables - colours == {"var(--failed)"}  # nothing has failed in the miniature run
    values = " ".join(value for _, _, _, value in attributes_of(images))
    assert not re.search(r"#[0-9a-fA-F]{6}\b|rgb\(", values)


def test_the_page_has_a_colour_for_every_role_in_both_themes():
    style = (TEMPLATES / "report.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    for theme in (light, dark):
        assert {role for role in COLOUR_ROLES.values() if not re.search(rf"--{role}: #[0-9a-f]{{6}};", theme)} == set()
    for colour, role in COLOUR_ROLES.items():  # a chart in a file has the colours of the light page
        assert colour == "white" or f"--{role}: {colour};" in light


def test_a_colour_without_a_role_is_an_error():
    with pytest.raises(ValueError, match="the colour #123456, which has no role"):
        drawn('<path style="fill: #123456"/>')


@pytest.mark.parametrize(
    ("colour", "themed"),
    [("#FFFFFF", "var(--page)"), ("white", "var(--page)"), (canvas.TEXT, "var(--text)"), ("none", "none"), ("url(#h1)", "url(#one-0)")],
)
def test_a_colour_becomes_its_role_whether_in_a_style_or_an_attribute(colour, themed):
    for body in (f'<path id="h1" style="stroke: {colour}"/>', f'<path id="h1" stroke="{colour}"/>'):
        assert first(drawn(body), "path").get("stroke") == themed


def test_nothing_has_a_style_and_nothing_describes_a_stranger(images):
    assert [element.tag for _, element, key, _ in attributes_of(images) if key in ("style", "font-family") or key.startswith("on")] == []
    tags = {element.tag for root in images.values() for element in root.iter()}
    assert tags <= {f"{{{SVG}}}{tag}" for tag in TAGS}


def test_a_chart_is_an_image_called_by_its_finding_and_as_wide_as_the_page_lets_it(images):
    for name, root in images.items():
        title, drawing = root
        assert (title.tag, title.text) == (f"{{{SVG}}}title", f"Finding of {name}")
        assert dict(root.items()).keys() == {"class", "role", "aria-labelledby", "viewBox"}
        assert (root.get("role"), root.get("aria-labelledby"), title.get("id")) == ("img", f"{name}-title", f"{name}-title")
        assert drawing.get("aria-hidden") == "true"


def test_the_title_in_the_page_is_that_of_the_picture_and_says_where_its_figures_are(charts, whole):
    html = (whole.path / "report.html").read_text("utf-8")
    for name, chart in charts.items():
        where = "" if name == "answer" else ". The table below holds the same figures."
        for form in ("wide", "narrow"):
            assert f'<title id="{name}-{form}-title">{chart.title}{where}</title>' in html


def test_a_chart_in_the_page_has_the_words_of_its_file(charts, images):
    for name, chart in charts.items():
        for form, svg in (("wide", chart.svg), ("narrow", chart.narrow_svg)):
            root = ET.fromstring(svg)  # noqa: S314 - our own drawing
            words = [["".join(text.itertext()) for text in tree.iter(f"{{{SVG}}}text")] for tree in (root, images[f"{name}-{form}"])]
            assert words[0] == words[1] != []


def test_text_has_a_colour_a_size_and_its_weight_but_no_font():
    bare = first(drawn("<text style=\"font: 8.5px 'DejaVu Sans', sans-serif; text-anchor: middle\">a</text>"), "text")
    assert bare.attrib == {"font-size": "8.5px", "text-anchor": "middle", "fill": "var(--text)"}
    bold = first(drawn(f"<text style=\"font: bold 12px 'DejaVu Sans'; fill: {canvas.MUTED.lower()}\">a</text>"), "text")
    assert bold.attrib == {"font-size": "12px", "font-weight": "bold", "fill": "var(--muted)"}
    heavy = first(drawn("<text style=\"font: 700 12px 'DejaVu Sans'\">a</text>"), "text")
    assert heavy.get("font-weight") == "700"


def test_places_are_shortened_and_words_are_not():
    root = drawn('<g><path d="M 1.234567 -0.005 L 10 2.5 L 3 4 Q 1 2 3 4 L 5 6 z"/> <text x="7.123456">0.00020983</text>\n</g>')
    assert first(root, "path").get("d") == "M1.23 -0.01L10 2.5 3 4Q1 2 3 4L5 6z"
    assert (first(root, "text").get("x"), first(root, "text").text) == ("7.12", "0.00020983")
    assert "\n" not in ET.tostring(root, encoding="unicode")


def test_a_group_that_says_nothing_goes_and_what_is_in_it_stays_in_order():
    root = drawn('<g><g><path d="M 1 1"/></g><g clip-path="url(#c1)"><g><text>a</text></g><text>b</text></g></g><clipPath id="c1"/>')
    assert [element.tag.rpartition("}")[2] for element in root.iter()][2:] == ["g", "path", "g", "text", "text", "clipPath"]


def test_an_id_that_nothing_refers_to_goes_and_the_others_stay():
    body = '<defs><path id="m1"/><path id="m2"/></defs><use xlink:href="#m1" clip-path="url(#c1)"/><clipPath id="c1"/>'
    root = drawn(body)
    assert {element.get("id") for element in root.iter()} == {None, "one-title", "one-0", "one-1"}
    assert first(root, "use").attrib == {"href": "#one-0", "clip-path": "url(#one-1)"}
