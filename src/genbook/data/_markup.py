"""Code, markup and names taken out of a paragraph of documentation."""

from __future__ import annotations

import re
from functools import lru_cache

#: Packages whose docstrings are read: who wrote them, and the import name.
PACKAGES = {
    "NumPy": "numpy",
    "SciPy": "scipy",
    "scikit-learn": "sklearn",
    "Matplotlib": "matplotlib",
    "PyTorch": "torch",
}

#: Stands in a passage where code, a formula or a name was.
UNK = "…"

_NAMES = frozenset(PACKAGES.values()) | {"scikit", "pytorch", "pyplot", "pandas"}
_NAMES |= {"np", "plt", "mpl", "sp", "cuda", "blas", "lapack", "arpack", "qhull"}


_MARKUP = [
    (re.compile(r":math:`[^`]*`"), UNK),
    (re.compile(r"(?::[\w+-]+)+:`[^`]*`"), UNK),
    (re.compile(r"``.*?``"), UNK),
    (re.compile(r"`([^`<]*)\s*<[^>]*>`_{0,2}"), r"\1"),
    (re.compile(r"`[^`]*`_{0,2}"), UNK),
    (re.compile(r"(?<!\S)\[\d+\]_?|\[\w+\]_|\|\w+\|"), ""),
    (re.compile(r"\\\(.*?\\\)|\$[^$]*\$"), UNK),
    (re.compile(r"https?://\S+"), UNK),
    (re.compile(r"\*{1,2}(\w[^*]*?)\*{1,2}"), r"\1"),
]


def without_markup(text: str) -> str:
    """Replace code, formulas, roles, links and names inside a paragraph."""
    if not text.isascii() or _SIGNS.search(text):
        for pattern, replacement in _MARKUP:
            text = pattern.sub(replacement, text)
    words = [_known(word) for word in text.split()]
    text = " ".join(words)
    for pattern, replacement in _TIDY:
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=2**17)
def _known(word: str) -> str:
    """Return a word, or an ellipsis in place of a name or a piece of code."""
    core = word.strip(".,;:!?()'\"“”‘’[]")
    if not core:
        return word
    if (
        core.isalpha()
        and core.lower() not in _NAMES
        and (core.islower() or core.istitle() or len(core) == 1)
    ):
        return word
    plain = all(
        part.isalpha() and part.lower() not in _NAMES and part[1:] == part[1:].lower()
        for part in re.split("['’-]", core)
    )
    if plain:
        return word
    head, _, tail = word.partition(core)
    return head.strip("[") + UNK + tail.strip("]")


_SIGNS = re.compile(r"[`\\$*|\[/]")

_TIDY = (
    (re.compile(rf"{UNK}(?:[\s,.:()'-]*{UNK})+"), UNK),
    (re.compile(r"\(\s*[…,.;: ]*\)"), ""),
    (re.compile(r" (?=[.,;:!?](?: |$))"), ""),
)
