"""Matplotlib's SVG made fit for a page: small, without identifiers that clash, and in the page's colours.

A picture of matplotlib is a tree of groups, each with an identifier, and every element has its style in full.  Here the
groups go, coordinates get one decimal, and styles become classes that all pictures of a page share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
# Matplotlib knows no variables of a style sheet: each is drawn in a colour that stands for it, and nothing else has.
STAND_INS = {
    name: f"#0102{number:02x}"
    for number, name in enumerate(
        ("ink", "faint", "ground", "limit", "litert", "tflite-runtime", "onnxruntime", "tensorflow"), 1
    )
}
_VARIABLES = {colour: f"var(--{name})" for name, colour in STAND_INS.items()}
# Of elements of these ids only what is drawn is kept; what else has an id given by us is named for a pointer.
_MATPLOTLIBS_IDS = re.compile(
    r"(figure|axes|patch|line2d|text|[xy]tick|matplotlib\.axis|LineCollection)_?\d*"
)


class Styles:
    """What all pictures of a page share: classes, by what matplotlib wrote, and the shapes of markers."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._shapes: dict[str, str] = {}

    def name(self, style: str) -> str:
        """The class for a style."""
        return self._names.setdefault(style, f"p{len(self._names)}")

    def rules(self) -> str:
        """The rules for a style sheet."""
        return "\n".join(f".{name}{{{style}}}" for style, name in self._names.items())

    def shape(self, path: str) -> str:
        """The identifier of a marker's shape."""
        return self._shapes.setdefault(path, f"s{len(self._shapes)}")

    def shapes(self) -> str:
        """An element without size that has all shapes, for the beginning of the page."""
        paths = "".join(f'<path d="{path}" id="{name}"/>' for path, name in self._shapes.items())
        return f'<svg width="0" height="0" aria-hidden="true" class="shapes"><defs>{paths}</defs></svg>'


def for_a_page(content: bytes, prefix: str, styles: Styles, title: str, description: str) -> str:
    """The `svg` element of a file that matplotlib wrote with `svg.fonttype: none`.

    Args:
        content: the file.
        prefix: of all identifiers, unique on the page.
        styles: the classes of the page, to which those of the picture are added.
        title: what the picture is called to those who do not see it.
        description: what is seen in it.
    """
    root = ElementTree.fromstring(content)
    _, _, width, height = root.get("viewBox", "").split()
    made = Element("svg", viewBox=f"0 0 {float(width):g} {float(height):g}", role="img")
    made.set("aria-labelledby", f"{prefix}t {prefix}d")
    SubElement(made, "title", id=f"{prefix}t").text = title
    SubElement(made, "desc", id=f"{prefix}d").text = description
    shapes: dict[str, str] = {}
    last: Element | None = None
    small = (_small(element, called, shapes, styles) for element, called in _drawn(root, None))
    # Words come last: nothing covers them, and lines of one style follow each other.
    for drawn in sorted((each for each in small if each is not None), key=lambda each: each.tag == "text"):
        if last is not None and last.tag == drawn.tag == "path" and last.get("class") == drawn.get("class"):
            last.set("d", last.get("d", "") + drawn.get("d", ""))
            continue
        made.append(drawn)
        last = drawn
    text = ElementTree.tostring(made, encoding="unicode", short_empty_elements=True).replace(" />", "/>")
    return re.sub(r'(?<==)"([\w.#-]+)"(?=[ >])', r"\1", text)  # HTML needs no quotes there


def _drawn(group: Element, called: str | None) -> Iterator[tuple[Element, str | None]]:
    """Everything in a group that draws, in its order, with the name that we gave it."""
    for element in group:
        kind = element.tag.removeprefix(_SVG)
        if kind in ("path", "text", "use"):
            yield element, called
        elif kind in ("g", "defs"):
            given = element.get("id", "")
            yield from _drawn(element, called if _MATPLOTLIBS_IDS.fullmatch(given) or not given else given)


def _small(element: Element, called: str | None, shapes: dict[str, str], styles: Styles) -> Element | None:
    """One element as the page has it; None of a marker's shape, which is kept in `shapes` for where it is used."""
    kind = element.tag.removeprefix(_SVG)
    if kind == "path" and element.get("id"):
        shapes[element.attrib["id"]] = styles.shape(_rounded(element.get("d", "")))
        return None
    made = Element(kind)
    style = element.get("style", "")
    for colour, variable in _VARIABLES.items():
        style = style.replace(colour, variable)
    if kind == "path":
        made.set("d", _straight(_rounded(element.get("d", ""))))
    else:
        for name in ("x", "y"):
            made.set(name, _rounded(element.get(name, "")))
    if kind == "use":
        made.set("href", f"#{shapes[element.get(_LINK, '')[1:]]}")
        if called:
            SubElement(made, "title").text = called
    if kind == "text":
        made.text = element.text
        turn = element.get("transform", "")
        if "rotate(-0 " not in turn:
            made.set("transform", _rounded(turn))
        # Matplotlib's letters are measured in its own font, and the page has another.
        style = "; ".join(part for part in style.split("; ") if part.startswith(("fill", "text-anchor")))
    if style:
        made.set("class", styles.name(style))
    return made


def _straight(path: str) -> str:
    """A path with the short words for lines that are upright or level, and without those that have no length."""
    found, at = [], ("", "")
    for letter, x, y in re.findall(r"([A-Za-z])(?:(-?[\d.]+) (-?[\d.]+)(?= ?[MLz]|$))?", path):
        if letter not in "ML" or not x:
            return path
        if letter == "M":
            found.append(f"M{x} {y}")
        elif (x, y) != at:
            found.append(f"V{y}" if x == at[0] else f"H{x}" if y == at[1] else f"L{x} {y}")
        at = (x, y)
    return re.sub(r"M[^MVHL]*(?=M|$)", "", "".join(found))


def _rounded(text: str) -> str:
    """Numbers with one decimal, and no space that is not needed."""
    short = re.sub(r"-?\d+\.\d+", lambda found: f"{round(float(found[0]), 1) + 0:g}", text)
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", " ".join(short.split()))
