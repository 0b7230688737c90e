"""Make the typeface of the figures from the one of the pages.

Source Sans 3 in two weights, as Matplotlib reads it. Its small letters are lower than
those of DejaVu Sans, for which the figures were laid out, so all is an eighth larger.

``python tools/draw_letters.py`` writes ``src/genbook/course/fonts/``.
"""

from __future__ import annotations

from pathlib import Path

from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

ROOT = Path(__file__).parents[1]
SOURCE = (
    ROOT / "src/genbook/publishing/website/theme/static/fonts"
    "/source-sans-3-latin-wght-normal.woff2"
)
TARGET = ROOT / "src/genbook/course/fonts"
FAMILY = "Genbook Sans"  # the licence keeps the name "Source" for the original
LARGER = 1.125
ABOVE, BELOW = 0.928, 0.236  # what a line takes over and under its base, in ems
STYLES = {"Regular": 400, "Bold": 650}


def main() -> None:
    """Write both files."""
    TARGET.mkdir(exist_ok=True)
    for style, weight in STYLES.items():
        font = instantiateVariableFont(TTFont(SOURCE), {"wght": weight})
        font.flavor = None
        em = round(font["head"].unitsPerEm / LARGER)
        font["head"].unitsPerEm = em
        up, down = round(ABOVE * em), round(BELOW * em)
        font["hhea"].ascent, font["hhea"].descent, font["hhea"].lineGap = up, -down, 0
        font["OS/2"].sTypoAscender, font["OS/2"].sTypoDescender = up, -down
        font["OS/2"].usWinAscent, font["OS/2"].usWinDescent = up, down
        bold = style == "Bold"
        font["OS/2"].usWeightClass = 700 if bold else 400
        font["OS/2"].fsSelection = 1 << 5 if bold else 1 << 6
        font["head"].macStyle = int(bold)
        names = {
            1: FAMILY,
            2: style,
            3: f"{FAMILY} {style}",
            4: f"{FAMILY} {style}",
            6: f"{FAMILY.replace(' ', '')}-{style}",
        }
        table = font["name"]
        table.names = [r for r in table.names if r.nameID in {0, 13, 14}]
        for number, text in names.items():
            table.setName(text, number, 3, 1, 0x409)
        for unused in ("STAT", "GSUB", "GPOS", "GDEF", "HVAR", "gasp"):
            if unused in font:
                del font[unused]
        font.recalcTimestamp = False
        font.save(TARGET / f"{FAMILY.replace(' ', '')}-{style}.ttf")


if __name__ == "__main__":
    main()
