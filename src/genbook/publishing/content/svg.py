"""Figures as Matplotlib writes them, made smaller and measured."""

from __future__ import annotations

import re

_NOISE = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)
_PLACES = re.compile(r'(\s(?:d|x|y)=")([^"]*)"')
_DECIMALS = re.compile(r"(\.\d\d)\d+")


def tidy_svg(svg: str) -> str:
    """Return a figure without comments, metadata, and digits that nobody sees.

    Matplotlib writes six decimals of a point; two are kept, which is a tenth of a
    pixel on the sharpest screen.

    Example:
        >>> tidy_svg('<svg><!-- a -->  <path d="M1.234567 8"/> </svg>')
        '<svg><path d="M1.23 8"/></svg>'
    """
    svg = re.sub(r">\s+<", "><", _NOISE.sub("", svg)).strip()

    def shorter(match: re.Match[str]) -> str:
        return match[1] + _DECIMALS.sub(r"\1", " ".join(match[2].split())) + '"'

    return _PLACES.sub(shorter, svg)


def svg_size(svg: str) -> tuple[int, int] | None:
    """Return the width and height of a figure in CSS pixels, or None.

    Example:
        >>> svg_size('<svg width="446.4pt" height="244.8pt" viewBox="0 0 446.4 244.8">')
        (595, 326)
    """
    box = re.search(r'<svg[^>]*\bviewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    scale = 4 / 3 if re.search(r'<svg[^>]*\bwidth="[\d.]+pt"', svg) else 1.0
    return (round(float(box[1]) * scale), round(float(box[2]) * scale)) if box else None
