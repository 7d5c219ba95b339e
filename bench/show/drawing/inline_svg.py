"""From a chart as matplotlib writes it to one that can stand inside a page: its ids its own, no style of its own, no fine print.

matplotlib gives long ids, alike in every chart, and styles the whole page with a rule for `*`. Here ids are the chart's name and a number,
and style attributes become presentation attributes, which a strict content policy allows. Colours stay what they are, so that a chart is
readable where a host refuses the page's style; `theme_rules` lets the style choose others by their roles.
"""

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from bench.show.drawing import sheet as paper

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
# The role of each colour that charts are drawn in; the page has a variable of that name for each theme.
COLOUR_ROLES: Mapping[str, str] = {
    "#ffffff": "page",
    paper.TEXT.lower(): "text",
    paper.MUTED.lower(): "muted",
    paper.AXIS.lower(): "axis",
    paper.GRID.lower(): "grid",
    paper.BAND.lower(): "band",
    paper.FRAMEWORK_COLOURS["Flask"].lower(): "flask",
    paper.FRAMEWORK_COLOURS["FastAPI"].lower(): "fastapi",
    paper.OTHER_COLOUR.lower(): "other",
    paper.SERVER_COLOUR.lower(): "server",
    paper.MODEL_COLOUR.lower(): "model",
    paper.FAILED.lower(): "failed",
}
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
# Hundredths of a point cannot be seen.
_GEOMETRY = ("d", "x", "y", "width", "height", "points", "transform", "viewBox")
_NUMBER = re.compile(r"-?[0-9]+\.[0-9]+")
# A line's end that another line follows.
_FURTHER_LINE = re.compile(r"((?<=L )\S+ \S+) L (?=\S)")
PIXELS_PER_POINT = 4 / 3
_LETTER = re.compile(r" ?([A-Za-z]) ?")
_FONT = re.compile(r"(?:(?P<weight>bold|[1-9]00)\s+)?(?P<size>[0-9.]+px)")


def inline_svg(svg: bytes, name: str, title: str, page_height: float) -> str:
    """Return an `<svg>` element for a page: an image called `title`, its ids beginning with `name`, its first `page_height` inches.

    Raises `ValueError` on a colour that has no role.
    """
    root = ET.fromstring(svg)  # noqa: S314 - our own drawing
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style") or child.get("id", "").startswith(paper.FINE_PRINT):
                parent.remove(child)
    short = _references(root, name)
    for element in root.iter():
        _rewrite(element, short)
    drawing = ET.Element(f"{{{SVG}}}g", {"aria-hidden": "true", "stroke-linejoin": "round", "stroke-linecap": "butt"})
    drawing.extend(_unwrapped(root))
    label = ET.Element(f"{{{SVG}}}title", {"id": f"{name}-title"})
    label.text = title
    width, height = paper.WIDTH * paper.POINTS_PER_INCH, page_height * paper.POINTS_PER_INCH
    place = {"viewBox": f"0 0 {width:g} {height:g}", "width": f"{width * PIXELS_PER_POINT:g}", "height": f"{height * PIXELS_PER_POINT:g}"}
    image = ET.Element(f"{{{SVG}}}svg", {"role": "img", "aria-labelledby": f"{name}-title", **place})
    image.extend([label, drawing])
    ET.register_namespace("", SVG)
    return ET.tostring(image, encoding="unicode")


def _references(root: ET.Element, name: str) -> dict[str, str]:
    """Return the short id in the page of each id that something refers to; all others would only add to the page."""
    found: dict[str, str] = {}
    for element in root.iter():
        for key, value in element.attrib.items():
            referred = [value.removeprefix("#")] if key in (f"{{{XLINK}}}href", "href") else _REFERENCE.findall(value)
            for identity in referred:
                found.setdefault(identity, f"{name}-{len(found)}")
    return found


def _unwrapped(element: ET.Element) -> Iterator[ET.Element]:
    """Yield the children of an element, with groups that say nothing replaced by what is in them."""
    for child in list(element):
        children = list(_unwrapped(child))
        if child.tag == f"{{{SVG}}}g" and not child.attrib:
            yield from children
        else:
            child[:] = children
            yield child


def _short_path(path: str) -> str:
    """Return a path without the spaces around its letters, and without a line's letter where the next is a line as well."""
    return _LETTER.sub(r"\1", _FURTHER_LINE.sub(r"\1 ", path))


def _rewrite(element: ET.Element, short: Mapping[str, str]) -> None:
    attributes = _presentation(element)
    if element.tag == f"{{{SVG}}}text":
        attributes.setdefault("fill", paper.TEXT)
    element.attrib.clear()
    for key, value in attributes.items():
        if key == "id":
            if value in short:
                element.set(key, short[value])
        elif key in (f"{{{XLINK}}}href", "href"):
            element.set("href", f"#{short[value.removeprefix('#')]}")
        elif key in _GEOMETRY:
            rounded = " ".join(_NUMBER.sub(lambda match: f"{round(float(match[0]), 2):g}", value).split())
            element.set(key, _short_path(rounded) if key == "d" else rounded)
        else:
            own = _REFERENCE.sub(lambda match: f"url(#{short[match[1]]})", value)
            element.set(key, _known(own) if key in ("fill", "stroke") else own)
    element.text = (element.text or "").strip() or None
    element.tail = None


def _presentation(element: ET.Element) -> dict[str, str]:
    """Return an element's attributes with its style among them; the page has a font of its own."""
    attributes = dict(element.attrib)
    declared = [part.split(":", 1) for part in attributes.pop("style", "").split(";") if ":" in part]
    attributes |= {key.strip(): value.strip() for key, value in declared}
    font = _FONT.search(attributes.pop("font", ""))
    if font:
        attributes["font-size"] = font["size"]
        attributes |= {"font-weight": font["weight"]} if font["weight"] else {}
    attributes.pop("font-family", None)
    if attributes.get("transform", "").startswith("rotate(-0 "):
        del attributes["transform"]
    return attributes


def theme_rules() -> str:
    """Return the rules of a style sheet that give each colour of a chart the page's own for its role."""
    return "\n".join(
        f'svg [{part}="{colour}"] {{ {part}: var(--{role}); }}' for colour, role in COLOUR_ROLES.items() for part in ("fill", "stroke")
    )


def _known(colour: str) -> str:
    """Return a colour in the one form that `theme_rules` look for."""
    if colour == "none" or colour.startswith("url("):
        return colour
    plain = {"white": "#ffffff"}.get(colour, colour.lower())
    if plain not in COLOUR_ROLES:
        message = f"The charts use the colour {colour}, which has no role in the page."
        raise ValueError(message)
    return plain
