"""Alternative texts and captions show the numbers that the page computes."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

PAGE = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

# Lines

```{code-cell} python
---
mystnb:
  image: {alt: "A line that ends at {glue:text}`end` and at {glue:text}`low`."}
  figure: {caption: "It ends at {glue:text}`end`.", name: fig-line}
---
from IPython.display import SVG

SVG('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>')
```

```{figure} dot.svg
:name: fig-dot
:alt: A dot of size {glue:text}`end`.

A dot, {glue:text}`low`.
```

```{code-cell} python
from genbook.course.claims import number

number("end", 4.27793, ".2f")
number("low", -1234, ",d")
```
"""
EXTENSIONS = [
    "genbook.publishing.content.alternative_text",
    "genbook.publishing.content.reports",
    "genbook.publishing.content.chapter_header",
]


@pytest.fixture
def book(tiny):
    dot = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
    tiny.write("lines.md", PAGE)
    (tiny.source / "dot.svg").write_text(dot)
    return tiny


def test_numbers_computed_anywhere_on_the_page(book) -> None:
    built = book.build(extensions=EXTENSIONS)
    assert not built.failed, built.warnings + built.error
    page = BeautifulSoup(built.pages["lines"], "html.parser")
    line, dot = page.select("img")
    assert line["alt"] == "A line that ends at 4.28 and at −1,234."
    assert dot["alt"] == "A dot of size 4.28."
    captions = [c.get_text() for c in page.select(".caption-text")]
    assert captions == ["It ends at 4.28.", "A dot, −1,234."]

    book.edit(book.source / "lines.md", "4.27793", "5")
    built = book.build(extensions=EXTENSIONS)
    assert "A dot of size 5.00." in built.pages["lines"], "a new number, a new text"


def test_another_form_of_the_book(book) -> None:
    built = book.build("epub", extensions=EXTENSIONS)
    assert not built.failed, built.warnings + built.error
    text = (book.root / "_build" / "epub" / "lines.xhtml").read_text("utf8")
    assert 'alt="A line that ends at 4.28 and at −1,234."' in text
    assert "glue:text" not in text


def test_a_number_that_nobody_computes(book) -> None:
    book.edit(book.source / "lines.md", "of size {glue:text}`end`", "{glue:text}`ned`")
    built = book.build(extensions=EXTENSIONS)
    assert built.failed
    assert "no number('ned', …) on this page" in built.warnings
