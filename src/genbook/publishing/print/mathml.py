"""MathML as the readers of today show it."""

from __future__ import annotations

import re
import unicodedata

_STYLED = re.compile(r'<(m[ino]|mtext) mathvariant="([a-z-]+)">([^<&]+)</\1>')
_ALPHABETS = {
    "bold": "MATHEMATICAL BOLD",
    "italic": "MATHEMATICAL ITALIC",
    "bold-italic": "MATHEMATICAL BOLD ITALIC",
    "script": "MATHEMATICAL SCRIPT",
    "bold-script": "MATHEMATICAL BOLD SCRIPT",
    "fraktur": "MATHEMATICAL FRAKTUR",
    "double-struck": "MATHEMATICAL DOUBLE-STRUCK",
    "sans-serif": "MATHEMATICAL SANS-SERIF",
    "bold-sans-serif": "MATHEMATICAL SANS-SERIF BOLD",
    "sans-serif-italic": "MATHEMATICAL SANS-SERIF ITALIC",
    "monospace": "MATHEMATICAL MONOSPACE",
}


def plain_letters(page: str) -> str:
    """Return MathML whose bold and blackboard letters are characters of their own.

    Browsers of today, and the readers built on them, know no ``mathvariant`` but
    ``normal``: a blackboard R would be an italic one.

    Example:
        >>> plain_letters('<mi mathvariant="double-struck">R</mi>')
        '<mi mathvariant="normal">ℝ</mi>'
    """
    return _STYLED.sub(_plain_letters, page)


def _plain_letters(match: re.Match[str]) -> str:
    tag, variant, text = match.groups()
    if variant not in _ALPHABETS:
        return match[0]
    letters = "".join(_letter(character, variant) for character in text)
    return f'<{tag} mathvariant="normal">{letters}</{tag}>'


def _letter(character: str, variant: str) -> str:
    """Return a letter of another alphabet, or the same where there is none."""
    name = unicodedata.name(character, "")
    name = re.sub(r"^(LATIN|GREEK|DIGIT) ", "", name)
    name = name.replace("LETTER ", "").replace("CAPITAL LETTER ", "CAPITAL ")
    for candidate in (
        f"{_ALPHABETS[variant]} {name}",
        f"{_ALPHABETS[variant]} DIGIT {name}",
        f"{_ALPHABETS[variant].removeprefix('MATHEMATICAL ')} {name}",  # ℝ, ℋ, ℌ
        f"BLACK-LETTER {name}" if variant == "fraktur" else "",
    ):
        try:
            return unicodedata.lookup(candidate)
        except KeyError:
            continue
    return character
