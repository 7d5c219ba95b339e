"""From a chart as matplotlib writes it to one that can stand inside a page: themed by the page, its ids its own, no style of its own.

matplotlib gives long ids, alike in every chart, styles the whole page with a rule for `*`, and knows one set of colours. Here ids
are the chart's name and a number, colours become the page's variables (one per role, so that the dark theme may choose others), and
style attributes become presentation attributes, which a strict content policy allows.
"""

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from bench.show import canvas

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
# The role of each colour that charts are drawn in; the page defines a variable of that name for each theme.
COLOUR_ROLES: Mapping[str, str] = {
    "#ffffff": "page",
    "white": "page",
    canvas.TEXT.lower(): "text",
    canvas.MUTED.lower(): "muted",
    canvas.AXIS.lower(): "axis",
    canvas.GRID.lower(): "grid",
    canvas.BAND.lower(): "band",
    canvas.FRAMEWORK_COLOURS["Flask"].lower(): "flask",
    canvas.FRAMEWORK_COLOURS["FastAPI"].lower(): "fastapi",
    canvas.OTHER_COLOUR.lower(): "other",
    canvas.SERVER_COLOUR.lower(): "server",
    canvas.MODEL_COLOUR.lower(): "model",
    canvas.FAILED.lower(): "failed",
}
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
# Hundredths of a point cannot be seen.
_GEOMETRY = ("d", "x", "y", "width", "height", "points", "transform", "viewBox")
_NUMBER = re.compile(r"-?[0-9]+\.[0-9]+")
# A line's end that another line follows.
_FURTHER_LINE = re.compile(r"((?<=L )\S+ \S+) L (?=\S)")
_LETTER = re.compile(r" ?([A-Za-z]) ?")
_FONT = re.compile(r"(?:(?P<weight>bold|[1-9]00)\s+)?(?P<size>[0-9.]+px)")


def inline_svg(svg: bytes, name: str, title: str, css_class: str) -> str:
    """Return an `<svg>` element for a page: an image called `title`, its ids beginning with `name`.

    Raises `ValueError` on a colour that has no role.
    """
    root = ET.fromstring(svg)  # noqa: S314 - our own drawing
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):
                parent.remove(child)
    short = _references(root, name)
    for element in root.iter():
        _rewrite(element, short)
    drawing = ET.Element(f"{{{SVG}}}g", {"aria-hidden": "true", "stroke-linejoin": "round", "stroke-linecap": "butt"})
    drawing.extend(_unwrapped(root))
    label = ET.Element(f"{{{SVG}}}title", {"id": f"{name}-title"})
    label.text = title
    image = ET.Element(
        f"{{{SVG}}}svg", {"class": css_class, "role": "img", "aria-labelledby": f"{name}-title", "viewBox": root.attrib["viewBox"]}
    )
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
        attributes.setdefault("fill", canvas.TEXT)
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
            element.set(key, _themed(own) if key in ("fill", "stroke") else own)
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


def _themed(colour: str) -> str:
    if colour == "none" or colour.startswith("url("):
        return colour
    role = COLOUR_ROLES.get(colour.lower())
    if role is None:
        message = f"The charts use the colour {colour}, which has no role in the page."
        raise ValueError(message)
    return f"var(--{role})"
