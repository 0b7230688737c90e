"""A novel of 1818: most of Jane Austen's *Persuasion*, chapter by chapter.

Extracted by ``tools/make_novel.py`` from a package that carries her novels. The last
three of its twenty-four chapters are left out: how it ends, read there.
"""

from __future__ import annotations

from functools import cache

from genbook._validate import check_choice
from genbook.data._files import FOLDER, read_arrays

__all__ = ["load_novel"]

SHA256 = "cadceade16fa846750d04984331f36e41b1b874c24dc102ea8d90290930be3a8"
#: Which chapters are in which part, counted from 0.
PARTS = {"train": slice(0, 17), "validation": slice(17, 19), "test": slice(19, 21)}


def load_novel(split: str = "train") -> tuple[str, ...]:
    """Return the chapters of a part of the novel, in their order.

    The parts follow one another, as a reader meets them: whoever is asked about the
    test has read what came before.

    Args:
        split: ``"train"``, chapters 1 to 17; ``"validation"``, 18 and 19; or
            ``"test"``, 20 and 21.

    Returns:
        The chapters without their headings. A line is a paragraph.

    Raises:
        ValueError: If there is no such part, or the package's ``novel.npz`` is corrupt.
        FileNotFoundError: If ``novel.npz`` is missing.

    Reference:
        J. Austen, *Persuasion*, John Murray, London 1818.

    Example:
        >>> chapters = load_novel()
        >>> len(chapters), chapters[0][:39]
        (17, 'Sir Walter Elliot, of Kellynch Hall, in')
    """
    return _chapters()[PARTS[check_choice(split, "split", tuple(PARTS))]]


@cache
def _chapters() -> tuple[str, ...]:
    text = read_arrays(FOLDER / "novel.npz", SHA256)["text"]
    return tuple(text.tobytes().decode("ascii").split("\f"))
