"""Charts inside the page: ids of their own, colours that need no style, no fine print, and a name that states the finding."""

import re
from xml.etree import ElementTree as ET

import pytest
from report_pages import read_text

from bench.show.drawing import sheet as paper
from bench.show.drawing.inline_svg import COLOUR_ROLES, SVG, inline_svg, theme_rules
from bench.show.outputs.page import TEMPLATES

TAGS = ("svg", "title", "g", "defs", "clipPath", "pattern", "path", "rect", "use", "text", "tspan")
REFERENCE = re.compile(r"url\(#([^)]+)\)")
# What matplotlib colours with; `theme_rules` know of no other.
COLOURED = ("fill", "stroke")


@pytest.fixture
def images(reports):
    """Return every chart of the miniature run as the element that stands in its page, by its name."""
    report = reports.report_of("whole")
    found = [ET.fromstring(svg) for svg in re.findall(r"<svg .*?</svg>", read_text(report.folder, "report.html"), re.DOTALL)]  # noqa: S314
    return dict(zip(report.pictures, found, strict=True))


def drawn(body, page_height=1.0):
    """Return what becomes of a small drawing: its root, with its title first."""
    svg = f'<svg xmlns="{SVG}" xmlns:xlink="http://www.w3.org/1999/xlink" width="9pt" height="9pt" viewBox="0 0 9 9">{body}</svg>'
    return ET.fromstring(inline_svg(svg.encode(), "one", "A finding", page_height))  # noqa: S314 - our own drawing


def first(root, tag):
    return next(root.iter(f"{{{SVG}}}{tag}"))


def attributes_of(images):
    return [(name, element, key, value) for name, root in images.items() for element in root.iter() for key, value in element.items()]


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


def test_a_chart_has_the_colours_of_the_light_page_without_any_style(images):
    colours = {value for _, _, key, value in attributes_of(images) if key in COLOURED}
    assert {colour for colour in colours if colour != "none" and not REFERENCE.fullmatch(colour)} <= set(COLOUR_ROLES)
    assert {*COLOUR_ROLES} - colours == {paper.FAILED.lower()}  # nothing has failed in the miniature run
    assert [value for _, _, _, value in attributes_of(images) if "var(" in value] == []
    assert [key for _, _, key, _ in attributes_of(images) if key in ("color", "stop-color", "flood-color")] == []


def test_the_style_of_the_page_gives_every_colour_its_role_in_fill_and_stroke(whole):
    rules = re.findall(r'svg \[(\w+)="([^"]+)"\] \{ (\w+): var\(--(\w+)\); \}', theme_rules())
    assert {(part, colour): (changed, role) for part, colour, changed, role in rules} == {
        (part, colour): (part, role) for colour, role in COLOUR_ROLES.items() for part in COLOURED
    }
    (style,) = re.findall(r"<style>(.*?)</style>", read_text(whole, "report.html"), re.DOTALL)
    assert theme_rules() in style


def test_the_page_has_a_colour_for_every_role_in_both_themes():
    light, dark = re.findall(r":root \{(.*?)\}", (TEMPLATES / "report.css").read_text("utf-8"), re.DOTALL)[:2]
    for theme in (light, dark):
        assert {role for role in COLOUR_ROLES.values() if not re.search(rf"--{role}: #[0-9a-f]{{6}};", theme)} == set()
    assert [role for colour, role in COLOUR_ROLES.items() if f"--{role}: {colour};" not in light] == []


def test_a_colour_without_a_role_is_an_error():
    with pytest.raises(ValueError, match="the colour #123456, which has no role"):
        drawn('<path style="fill: #123456"/>')


@pytest.mark.parametrize(
    ("colour", "kept"),
    [
        ("#FFFFFF", "#ffffff"),
        ("white", "#ffffff"),
        (paper.TEXT, paper.TEXT.lower()),
        ("none", "none"),
        ("url(#h1)", "url(#one-0)"),
    ],
)
def test_a_colour_has_one_form_whether_it_comes_in_a_style_or_an_attribute(colour, kept):
    for body in (f'<path id="h1" style="stroke: {colour}"/>', f'<path id="h1" stroke="{colour}"/>'):
        assert first(drawn(body), "path").get("stroke") == kept


def test_nothing_has_a_style_and_nothing_describes_a_stranger(images):
    assert [element.tag for _, element, key, _ in attributes_of(images) if key in ("style", "font-family") or key.startswith("on")] == []
    tags = {element.tag for root in images.values() for element in root.iter()}
    assert tags <= {f"{{{SVG}}}{tag}" for tag in TAGS}


def test_a_chart_is_an_image_called_by_its_finding_and_has_the_size_of_its_sheet(images, reports):
    pictures = reports.report_of("whole").pictures
    for name, root in images.items():
        title, drawing = root
        assert (title.tag, title.text, title.get("id")) == (f"{{{SVG}}}title", pictures[name].title, f"{name}-title")
        assert drawing.get("aria-hidden") == "true"
        assert root.attrib.keys() == {"role", "aria-labelledby", "viewBox", "width", "height"}
        assert (root.get("role"), root.get("aria-labelledby")) == ("img", f"{name}-title")
        width, height = (float(root.get(side)) for side in ("width", "height"))
        *corner, right, bottom = map(float, root.get("viewBox").split())
        assert corner == [0, 0]
        assert (width, right) == pytest.approx((paper.WIDTH * 96, paper.WIDTH * 72))
        assert width / height == pytest.approx(right / bottom, rel=1e-3)


def test_fine_print_goes_and_the_image_ends_where_it_stood():
    fine = f'<g id="{paper.FINE_PRINT}-0"><text>Run 1</text></g><g id="{paper.FINE_PRINT}-1"><text>commit 2</text></g>'
    root = drawn(f"<text>a</text><g>{fine}</g><text>b</text>", page_height=2.5)
    assert [text.text for text in root.iter(f"{{{SVG}}}text")] == ["a", "b"]
    assert (root.get("viewBox"), root.get("height")) == ("0 0 302.4 180", "240")


def test_text_has_a_colour_a_size_and_its_weight_but_no_font():
    bare = first(drawn("<text style=\"font: 8.5px 'DejaVu Sans', sans-serif; text-anchor: middle\">a</text>"), "text")
    assert bare.attrib == {"font-size": "8.5px", "text-anchor": "middle", "fill": paper.TEXT.lower()}
    bold = first(drawn(f"<text style=\"font: bold 12px 'DejaVu Sans'; fill: {paper.MUTED.lower()}\">a</text>"), "text")
    assert bold.attrib == {"font-size": "12px", "font-weight": "bold", "fill": paper.MUTED.lower()}
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
