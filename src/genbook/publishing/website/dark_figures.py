"""Figures that suit light and dark pages.

A chapter draws each figure once, in the colours of :mod:`genbook.course.style` on a
clear ground. The website gets a twin in the dark colours and shows the one that suits
the page; the EPUB and the PDF keep the single figure.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from genbook.course._telephone import second_drawing
from genbook.course.plotting import (
    ACCENT,
    BAD,
    DARK,
    DATA,
    GOOD,
    INK,
    LAND,
    MODEL,
)
from genbook.publishing.content.svg import svg_size, tidy_svg
from genbook.publishing.website.light_figures import light_pixels, light_shapes
from genbook.publishing.website.linked_figures import (
    has_links,
    linked_figure,
    visit_linked_figure,
)
from genbook.publishing.website.panels import panels, whole, windows

_HEX = re.compile(r"#[0-9a-fA-F]{6}\b")
_EMBEDDED = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
_MARKS = (DATA, MODEL, ACCENT, GOOD, BAD, LAND)  # what pixels may be drawn in


def _rgb(colour: str) -> np.ndarray:
    return np.array(list(bytes.fromhex(colour[1:])), np.float32)


def dark_pixels(png: bytes, colours: Mapping[str, str] = DARK) -> bytes:
    """Return a drawing in pixels with its colours changed; a picture stays as it is.

    Points and washes that are too many for vectors lie in the figure as pixels: each
    in one colour of the palette, more or less clear, or in a blend of two where marks
    lie over one another. If nine tenths of the ink is like that, the image is a
    drawing; otherwise it is a picture, of digits say.

    Args:
        png: the image.
        colours: light colour to dark colour.

    Returns:
        The bytes of a PNG.
    """
    image = Image.open(io.BytesIO(png))
    if image.mode != "RGBA":
        return png
    pixels = np.asarray(image)
    each, where, count = np.unique(
        pixels.view(np.uint32).ravel(), return_inverse=True, return_counts=True
    )  # there are far fewer colours than pixels
    colour = each.view(np.uint8).reshape(-1, 4).astype(np.float32)
    rgb, alpha = colour[:, :3], colour[:, 3]
    ends = [(_rgb(light), _rgb(colours[light])) for light in _MARKS if light in colours]
    changed, known = rgb.copy(), alpha == 0
    for a, b in combinations_with_replacement(range(len(ends)), 2):
        (start, dark_start), (end, dark_end) = ends[a], ends[b]
        along = end - start
        t = ((rgb - start) @ along / max(along @ along, 1.0)).clip(0, 1)[:, None]
        error = np.abs(start + t * along - rgb).max(1) * alpha
        close = (error <= 8 * 255) & ~known  # nearly clear may be off: nobody sees it
        changed[close] = (dark_start + t * (dark_end - dark_start))[close]
        known |= close
    ink = alpha * count
    if ink[known].sum() < 0.9 * ink.sum() or not ink.any():
        return png
    colour[:, :3] = changed
    pixels = colour.round().astype(np.uint8)[where].reshape(pixels.shape)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def dark_svg(svg: str, colours: Mapping[str, str] = DARK) -> str:
    """Return a figure in the colours of a dark page.

    Args:
        svg: the figure, as Matplotlib writes it.
        colours: light colour to dark colour, as hexadecimal codes.

    Returns:
        The same figure. What has no colour of its own (SVG then draws it black) takes
        the dark colour of the ink.

    Example:
        >>> dark_svg('<svg width="1"><path style="fill: #AABBCC"/></svg>',
        ...          {"#aabbcc": "#001122", INK: "#ffffff"})
        '<svg fill="#ffffff" width="1"><path style="fill: #001122"/></svg>'
    """
    table = {light.lower(): dark for light, dark in colours.items()}
    table["#000000"] = table[INK.lower()]

    def pixels(match: re.Match[str]) -> str:
        png = dark_pixels(base64.b64decode(match[1]), colours)
        return "data:image/png;base64," + base64.b64encode(png).decode()

    svg = _HEX.sub(lambda match: table.get(match[0].lower(), match[0]), svg)
    svg = _EMBEDDED.sub(pixels, svg)
    return re.sub(r"<svg\b", f'<svg fill="{table[INK.lower()]}"', svg, count=1)


class themed_image(nodes.General, nodes.Inline, nodes.Element):
    """A figure with a twin for dark pages, and the size that it takes."""


def visit_themed_image(self: Any, node: nodes.Element) -> None:
    """Write the figure, and its twin when there is one; the style sheet shows one."""
    width, height = node["size"]

    def addresses(light: str, dark: str) -> dict[str, str]:
        looks = {"": light}
        if light != dark:
            looks = {"only-light": light, "only-dark": dark}
        return {name: f"{self.builder.imgpath}/{file}" for name, file in looks.items()}

    looks = addresses(node["light"], node["dark"])
    mark = " gb-whole" if node["panels"] else ""
    for name, file in looks.items():
        attributes = {
            "src": file,
            "alt": node.get("alt", ""),
            "width": width,
            "height": height,
            "loading": "lazy",
            "decoding": "async",
        }
        self.body.append(
            self.emptytag(node, "img", "\n", CLASS=name + mark, **attributes)
        )
    if mark:
        self.body.append(
            windows(
                node["panels"],
                addresses(node["small-light"], node["small-dark"]),
                node["small-size"],
                node.get("alt", ""),
            )
        )
    raise nodes.SkipNode


class DarkTwins(SphinxPostTransform):
    """Give each SVG of the website its twin and its size."""

    default_priority = 9  # after myst-nb has chosen among the formats of an output
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Change the page in place."""
        if self.app.builder.name != "html":
            return
        for image in list(self.document.findall(nodes.image)):
            path = Path(self.app.srcdir, image["uri"])
            if path.suffix == ".svg" and path.is_file():
                self.replace(image, path)

    def replace(self, image: nodes.image, path: Path) -> None:
        """Put a :class:`themed_image` in the place of an image."""
        svg = path.read_text("utf-8")
        size = svg_size(svg)
        if size is None or "width" in image or "height" in image:
            return
        pieces, second = panels(svg), second_drawing(svg)
        svg = light_shapes(tidy_svg(svg))
        if has_links(svg):
            looks = {"light": svg, "dark": dark_svg(svg), "name": path.stem}
            image.replace_self(linked_figure("", **image.attributes | looks))
            return
        kept = {**image.attributes, "size": size, "panels": pieces}
        kept["light"], kept["dark"] = self.looks(svg, path.stem)
        for part in ("light", "dark", "size"):
            kept[f"small-{part}"] = kept[part]
        if second:
            kept["panels"] = panels(second) or [whole(second)]
            kept["small-size"] = svg_size(second)
            second = light_shapes(tidy_svg(second))
            names = self.looks(second, f"{path.stem}-small")
            kept["small-light"], kept["small-dark"] = names
        image.replace_self(themed_image("", **kept))

    def looks(self, svg: str, stem: str) -> tuple[str, str]:
        """Keep a figure for light pages and one for dark pages; return their names."""
        ours = any(code.lower() in DARK for code in _HEX.findall(svg))
        light = self.write(f"{stem}.svg", light_pixels(svg))
        if not ours:
            return light, light
        return light, self.write(f"{stem}-dark.svg", light_pixels(dark_svg(svg)))

    def write(self, name: str, svg: str) -> str:
        """Keep a figure and have Sphinx copy it to the site's images."""
        file = Path(self.app.doctreedir, "figures", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(svg, encoding="utf-8")
        self.app.builder.images[str(file)] = name
        return name


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the dark twins."""
    app.add_node(themed_image, html=(visit_themed_image, None))
    app.add_node(linked_figure, html=(visit_linked_figure, None))
    app.add_post_transform(DarkTwins)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
