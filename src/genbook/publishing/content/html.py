"""What the HTML of a page says."""

from __future__ import annotations


def plain(html: str) -> str:
    """Return the text of a title, with a formula once and as it is read.

    Args:
        html: a rendered title; KaTeX writes a formula as MathML, as TeX and drawn.

    Returns:
        Text without tags.

    Example:
        >>> plain('<span class="section-number">2. </span>Boxes &amp; <em>bins</em>')
        '2. Boxes & bins'
    """
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, "html.parser")
    for twice in soup.select(".katex-html, annotation"):
        twice.decompose()
    return " ".join(soup.get_text().split())
