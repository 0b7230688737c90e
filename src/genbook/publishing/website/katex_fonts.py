"""Fonts for formulas, with the characters that the book's formulas draw.

The fonts of KaTeX hold some two thousand signs, and the formulas of a book draw two
hundred. The finished pages are read for them, and the site gets fonts that hold these
alone. Their licence (SIL OFL 1.1) wants a changed font to have another name: the tables
inside say ``Formulas``; the style sheet's own names for them stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

FONTS = Path(__file__).with_name("katex_assets") / "fonts"

# A font, and the classes in which KaTeX's style sheet asks for it; none: in all.
_ASKED_IN = {
    "AMS": {"amsrm", "mathbb", "textbb"},
    "Caligraphic": {"mathcal"},
    "Fraktur": {"mathfrak", "textfrak", "mathboldfrak", "textboldfrak"},
    "Main-Bold": {"mathbf", "textbf"},
    "Main-BoldItalic": {"mathbf", "textbf"},
    "Main-Italic": {"mathit", "textit"},
    "Math-Italic": {"mathnormal", "boldsymbol"},
    "Math-BoldItalic": {"boldsymbol"},
    "SansSerif": {
        *("mathsf", "textsf", "mathboldsf", "textboldsf"),
        *("mathitsf", "mathsfit", "textitsf"),
    },
    "Script": {"mathscr", "textscr"},
    "Typewriter": {"mathtt", "texttt"},
}
_DRAWN = '<span class="katex-html"'
_TOKEN = re.compile(r'<span(?: class="([^"]*)")?[^>]*>|(</span>)|<[^>]+>|([^<]+)')


def drawn_characters(page: str) -> dict[str, set[str]]:
    """Return the characters that the formulas of a page draw.

    Args:
        page: HTML.

    Returns:
        For each class of KaTeX the characters inside it, and under ``""`` all of them.

    Example:
        >>> page = '<p>a<span class="katex-html"><span class="mathbf">x</span>+</span>b'
        >>> found = drawn_characters(page)
        >>> sorted(found[""]), found["mathbf"]
        (['+', 'x'], {'x'})
    """
    found: dict[str, set[str]] = {"": set()}
    start = page.find(_DRAWN)
    while start >= 0:
        inside: list[list[str]] = []
        for token in _TOKEN.finditer(page, start):
            classes, closing, text = token.groups()
            if text is not None:
                for name in {"", *(name for names in inside for name in names)}:
                    found.setdefault(name, set()).update(text)
            elif closing:
                inside.pop()
                if not inside:
                    break
            elif token[0].startswith("<span"):
                inside.append((classes or "").split())
        start = page.find(_DRAWN, token.end())
    return found


def needed(found: dict[str, set[str]], font: str) -> str:
    """Return the characters that a font must hold, in order.

    Args:
        found: what :func:`drawn_characters` found.
        font: the name of its file, ``KaTeX_Main-Bold``.
    """
    name = font.removeprefix("KaTeX_")
    asked = _ASKED_IN.get(name) or _ASKED_IN.get(name.partition("-")[0]) or {""}
    return "".join(sorted(set().union(*(found.get(part, set()) for part in asked))))


def cut(source: Path, target: Path, characters: Iterable[str]) -> None:
    """Write a font that holds some of the characters of another.

    Args:
        source: a font of KaTeX.
        target: the file to write.
        characters: what it must hold, where the source has it.
    """
    from fontTools import subset

    names = [0, 1, 2, 3, 4, 5, 6, 13, 14]  # the last two: the licence and its address
    options = subset.Options(flavor="woff2", layout_features=["*"], name_IDs=names)
    font = subset.load_font(str(source), options)
    cutter = subset.Subsetter(options)
    cutter.populate(text="".join(characters))
    cutter.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 3, 4, 6):
            record.string = record.toUnicode().replace("KaTeX_", "Formulas_")
    subset.save_font(font, str(target), options)


def write_fonts(app: Sphinx, exception: Exception | None) -> None:
    """Write the fonts of the finished site, again only if they must hold others."""
    if exception or app.builder.name != "html":
        return
    found: dict[str, set[str]] = {}
    for page in sorted(Path(app.outdir).rglob("*.html")):
        for part, drawn in drawn_characters(page.read_text("utf-8")).items():
            found.setdefault(part, set()).update(drawn)
    folder = Path(app.outdir, "_static", "katex", "fonts")
    folder.mkdir(parents=True, exist_ok=True)
    record = Path(app.doctreedir, "katex_fonts.json")
    before = json.loads(record.read_text("utf-8")) if record.is_file() else {}
    wanted = {file.name: needed(found, file.stem) for file in FONTS.glob("*.woff2")}
    for name, characters in wanted.items():
        if before.get(name) != characters or not (folder / name).is_file():
            cut(FONTS / name, folder / name, characters)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(wanted), "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the writing of the fonts, when all pages are there."""
    app.connect("build-finished", write_fonts)
    return {"version": "0.1", "parallel_read_safe": True, "parallel_write_safe": True}
