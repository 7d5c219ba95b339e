"""From a chart as matplotlib writes it to one that can stand inside a page: themed by the page, its ids its own, no style of its own.

matplotlib numbers ids alike in every chart, styles the whole page with a rule for `*`, and knows one set of colours. Here ids get the
chart's name, colours become the page's variables (one per role, so that the dark theme may choose others), and style attributes
become presentation attributes, which a strict content policy allows.
"""

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from bench.show import canvas

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
# The role of each colour that charts are drawn in; the page defines a variable of that name for each theme.
ROLES: Mapping[str, str] = {
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
    for element in root.iter():
        _rewrite(element, name)
    drawing = ET.Element(f"{{{SVG}}}g", {"aria-hidden": "true", "stroke-linejoin": "round", "stroke-linecap": "butt"})
    drawing.extend(list(root))
    label = ET.Element(f"{{{SVG}}}title", {"id": f"{name}-title"})
    label.text = title
    image = ET.Element(
        f"{{{SVG}}}svg", {"class": css_class, "role": "img", "aria-labelledby": f"{name}-title", "viewBox": root.attrib["viewBox"]}
    )
    image.extend([label, drawing])
    ET.register_namespace("", SVG)
    return ET.tostring(image, encoding="unicode")


def _rewrite(element: ET.Element, name: str) -> None:
    given = dict(element.attrib)
    style = given.pop("style", "")
    declared = dict(part.split(":", 1) for part in style.split(";") if ":" in part)
    attributes = {**given, **{key.strip(): value.strip() for key, value in declared.items()}}
    font = attributes.pop("font", None)
    if font and (match := _FONT.search(font)):
        attributes["font-size"] = match["size"]
        if match["weight"]:
            attributes["font-weight"] = match["weight"]
    attributes.pop("font-family", None)
    if element.tag == f"{{{SVG}}}text":
        attributes.setdefault("fill", canvas.TEXT)
    element.attrib.clear()
    for key, value in attributes.items():
        if key == "id":
            element.set(key, f"{name}-{value}")
        elif key in (f"{{{XLINK}}}href", "href"):
            element.set("href", f"#{name}-{value.removeprefix('#')}")
        elif key in ("fill", "stroke"):
            element.set(key, _themed(_REFERENCE.sub(rf"url(#{name}-\1)", value)))
        else:
            element.set(key, _REFERENCE.sub(rf"url(#{name}-\1)", value))


def _themed(colour: str) -> str:
    if colour == "none" or colour.startswith("url("):
        return colour
    role = ROLES.get(colour.lower())
    if role is None:
        message = f"The charts use the colour {colour}, which has no role in the page."
        raise ValueError(message)
    return f"var(--{role})"
