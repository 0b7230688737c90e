"""Figures in fewer bytes, which look the same.

A figure as Matplotlib writes it says many things many times over: the coast of a map in
every panel, the colour of each of a thousand dots. Here lines are shortened
(:mod:`genbook.publishing.website.light_paths`), a shape that returns is written once,
the marks of one kind become one line with a mark at each of its points, and pixels are
packed as WebP without loss. Points move by less than a tenth of a CSS pixel.
"""

from __future__ import annotations

import base64
import io
import itertools
import re

import numpy as np
from PIL import Image

from genbook.publishing.website.light_paths import (
    read_path,
    short_path,
    write_numbers,
)

_PATH = re.compile(r"<path\b[^>]*>")
_D = re.compile(r'(?<=\sd=")[^"]*')
_LETTER = 'transform="scale(0.015625)"'  # Matplotlib's shapes of letters
_PNG = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")

_LONG = 1_000  # characters from which on it pays to look for a shape's return
_SAME = 0.025  # points; what was cut at two decimals may differ by two of them

_USE = r'<use xlink:href="#[^"]+" x="[-\d.]+" y="[-\d.]+" style="[^"]*"/>'
_USED = re.compile(r'<use xlink:href="(#[^"]+)" x="([^"]+)" y="([^"]+)" style="([^"]*)')
_CLIPPED = re.compile(rf'(?:<g clip-path="[^"]+">{_USE}</g>){{2,}}')
_CLIP = re.compile(r'<g clip-path="([^"]+)">(.*?)</g>')
_FEW = 8  # marks that are left as they are
_RUN = re.compile(rf"(?:{_USE}){{{_FEW},}}")
_MARK = re.compile(r'<path id="([^"]+)"[^>]*? style="([^"]*)"')
_COLOUR = re.compile(r"\b(fill|stroke): ([^;]+)")


def light_shapes(svg: str) -> str:
    """Return a figure with short paths, each shape and each kind of mark written once.

    Args:
        svg: the figure, as :func:`~genbook.publishing.content.svg.tidy_svg` leaves it.
    """
    return _marks(_shorten(_once(svg)))


def light_pixels(svg: str) -> str:
    """Return a figure whose pixels are WebP, where that is smaller than PNG.

    Nothing is lost but the colour of pixels that are wholly clear.
    """
    return _PNG.sub(_webp, svg)


def _webp(match: re.Match[str]) -> str:
    png = base64.b64decode(match[1])
    stream = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    image.save(stream, "WEBP", lossless=True, quality=80, method=5)
    if stream.tell() >= len(png):
        return match[0]
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()


def _shorten(svg: str) -> str:
    """Shorten the paths of a figure."""

    def element(match: re.Match[str]) -> str:
        kind = {"letters": _LETTER in match[0], "dashed": "dasharray" in match[0]}
        return _D.sub(lambda d: short_path(d[0], **kind), match[0])

    return _PATH.sub(element, svg)


def _once(svg: str) -> str:
    """Write a long shape that stands in several panels once, and refer to it."""
    shapes: list[tuple[str, np.ndarray, list[re.Match[str]]]] = []
    for match in _PATH.finditer(svg):
        found = _D.search(match[0])
        if not found or len(found[0]) < _LONG or " id=" in match[0]:
            continue
        commands = re.sub(r"[^A-Za-z]", "", found[0])
        segments = read_path(found[0])
        if segments is None or "transform=" in match[0]:
            continue
        points = np.concatenate([p for _, p in segments])
        points = points - points[0]
        for known, shape, places in shapes:
            if known == commands and np.abs(shape - points).max() <= _SAME:
                places.append(match)
                break
        else:
            shapes.append((commands, points, [match]))
    changes: list[tuple[int, int, str]] = []
    for number, (_, _, places) in enumerate(shapes):
        if len(places) > 1:
            changes += _references(f"shape{number}", places)
    for start, end, text in sorted(changes, reverse=True):
        svg = svg[:start] + text + svg[end:]
    return svg


def _references(name: str, places: list[re.Match[str]]) -> list[tuple[int, int, str]]:
    """Return what stands in the places of a shape: where from, where to, and what."""
    changes = []
    first = np.zeros(2)
    for match in places:
        d = _D.search(match[0])
        assert d is not None
        start = np.array(d[0].split()[1:3], float)
        rest = match[0].replace(f' d="{d[0]}"', "")
        rest = rest.removeprefix("<path").removesuffix("/>").rstrip()
        text = f'<g{rest}><use xlink:href="#{name}"'
        if match is places[0]:
            first = start
            text = f'<defs><path id="{name}" d="{d[0]}"/></defs>{text}'
        x, y = start - first
        text += f' x="{x:.2f}" y="{y:.2f}"/></g>'
        changes.append((match.start(), match.end(), text))
    return changes


def _marks(svg: str) -> str:
    """Write many marks of one kind as one line with a mark at each of its points."""
    names = map("marks{}".format, itertools.count())
    svg = _CLIPPED.sub(_together, svg)
    own = {f"#{name}": style for name, style in _MARK.findall(svg)}

    def run(match: re.Match[str]) -> str:
        out = []
        uses = [found.groups() for found in _USED.finditer(match[0])]
        for (mark, style), group in itertools.groupby(uses, lambda u: (u[0], u[3])):
            points = np.array([[float(x), float(y)] for _, x, y, _ in group])
            if _of_one_colour(f"{style};{own.get(mark, '')}"):
                points = _nearby(points)
            out.append(_line_of_marks(next(names), mark, style, points))
        return "".join(out)

    return _RUN.sub(run, svg)


def _together(match: re.Match[str]) -> str:
    """Put marks that are cut at one edge into one group."""
    groups = itertools.groupby(_CLIP.findall(match[0]), lambda found: found[0])
    return "".join(
        f'<g clip-path="{edge}">' + "".join(use for _, use in group) + "</g>"
        for edge, group in groups
    )


def _line_of_marks(name: str, mark: str, style: str, points: np.ndarray) -> str:
    """Return a line that is not seen, with the mark at each point."""
    if len(points) < _FEW:
        return "".join(
            f'<use xlink:href="{mark}" x="{x:g}" y="{y:g}" style="{style}"/>'
            for x, y in points
        )
    whole = np.rint(points * 10).astype(int)
    steps = np.diff(whole, axis=0, prepend=0)
    texts = [write_numbers(step.tolist(), 1) for step in steps]
    rest = "".join(t if t[0] == "-" else f" {t}" for t in texts[1:])
    return (
        f'<marker id="{name}" markerUnits="userSpaceOnUse" overflow="visible">'
        f'<use xlink:href="{mark}" style="{style}"/></marker>'
        f'<path d="m{texts[0]}{rest}" style="fill:none;marker:url(#{name})"/>'
    )


def _of_one_colour(style: str) -> bool:
    """Return whether marks of a style look the same whichever is drawn first."""
    found = dict(_COLOUR.findall(style))  # a mark's own style stands last, and holds
    return "fill" in found and len(set(found.values()) - {"none"}) == 1


def _nearby(points: np.ndarray) -> np.ndarray:
    """Return points in an order of short steps: strip by strip, to and fro."""
    low, high = points.min(0), points.max(0)
    width, height = high - low
    strip = max(0.1, (2 * width * height / len(points)) ** 0.5)
    row = (points[:, 1] - low[1]) // strip
    along = np.where(row % 2, -points[:, 0], points[:, 0])
    return points[np.lexsort((points[:, 1], along, row))]
