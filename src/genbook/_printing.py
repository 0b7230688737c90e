"""Text that can be printed anywhere: signs that an output lacks are written otherwise.

A file on Windows (cp1252) knows no arrow, ASCII no plus-minus: Python would stop at the
first of them.
"""

from __future__ import annotations

import codecs
import sys

_PLAIN = {
    "→": "->",
    "−": "-",
    "—": "-",
    "±": "+/-",
    "∞": "inf",
    "≥": ">=",
    "≤": "<=",
    "✓": "right:",
    "✗": "wrong:",
}


def printable(text: str) -> str:
    """Return a text as the standard output can show it: whole, or with plain signs.

    Example:
        >>> printable("1.4 → 0.6") in ("1.4 → 0.6", "1.4 -> 0.6")
        True
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "genbook-plain").decode(encoding)


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Return what is written for signs that cannot be encoded, and where they end."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign, "?") for sign in signs), error.end


codecs.register_error("genbook-plain", _plain)
