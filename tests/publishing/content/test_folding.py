"""The code of cells that only keep accounts is folded; what they show is not."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from genbook.publishing.content.bookkeeping import bookkeeping

CLAIM = "claim('a', x, at_most=1)"


@pytest.mark.parametrize(
    "cell",
    [
        CLAIM,
        "from genbook.course.claims import claim, number\n" + CLAIM,
        "import genbook.course.claims as claims\nclaims.claim('a', x, at_most=1)",
        "gap = x.mean() - 1\n" + CLAIM,
        "low, (high, *rest) = ends\nnumber('low', low)",
        "rows = []\nfor m in models:\n    rows.append({'a': m})\ntable(rows)",
        "rows = {}\nrows['a'] = 1\nrows.update(b=2)\nboard = table(rows)\nboard",
        "for name, v in x.items():\n    number(f'{name}-n', v)",
        "with torch.no_grad():\n    y = f(x)\nnumber('y', y)",
        "if x:\n    number('y', y)\nelse:\n    number('y', 0)",
        "n: int = 3\nn += 1\nnumber('n', n)",
    ],
)
def test_bookkeeping(cell: str) -> None:
    assert bookkeeping([cell]) == [True]


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "from genbook.course import plotting",
        "gap = x - 1",
        "print(x)\n" + CLAIM,
        "from genbook.models import Box\n" + CLAIM,
        "import numpy as np\n" + CLAIM,
        "def f():\n    return 1\n" + CLAIM,
        "model.fit(x)\n" + CLAIM,
        "model.bias = 3\n" + CLAIM,
        "weights[0] = 3\n" + CLAIM,
        "claim.show(x)",
        "data.table(x)",
        "claim('a'",
    ],
)
def test_what_is_to_be_seen(cell: str) -> None:
    assert bookkeeping([cell]) == [False]


@pytest.mark.parametrize(
    ("later", "folded"),
    [
        ("print(gap)", False),
        ("gap += 1", False),
        ("def f():\n    return gap", False),
        ("gap = gap + 1", False),
        ("gap = 1\nprint(gap)", True),
        ("print([gap for gap in x])", True),
        ("print(x)", True),
        ("if y:\n    gap = 1\nprint(gap)", False),
    ],
)
def test_a_name_that_is_read_later_is_no_bookkeeping(later: str, folded: bool) -> None:
    first = "gap = x - 1\nclaim('a', gap, at_most=1)"
    assert bookkeeping([first, later])[0] == folded
    assert bookkeeping([first, "pass", later])[0] == folded
    assert bookkeeping([later, first])[1]


PAGE = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

# Sums

```{code-cell} python
total = 2 + 2
```

```{code-cell} python
from genbook.course.claims import claim

gap = total - 4
claim("gap", gap, at_most=0, rejects={"one more": gap + 1})
```

```{code-cell} python
:tags: [show]
claim("sum", total, equals=4, rejects={"one more": total + 1})
```
"""


@pytest.fixture
def book(tiny):
    tiny.write("sums.md", PAGE)
    return tiny


EXTENSIONS = [
    "genbook.publishing.content.folding",
    "genbook.publishing.content.reports",
    "genbook.publishing.content.chapter_header",
]


def test_on_the_website_the_line_stays_and_the_code_opens(book) -> None:
    built = book.build(extensions=EXTENSIONS)
    assert not built.failed, built.warnings + built.error
    page = BeautifulSoup(built.pages["sums"], "html.parser")
    [fold] = page.select("details")
    assert "gap = total - 4" in fold.get_text()
    assert [s.get_text() for s in fold.select("summary span")] == [
        "Show code",
        "Hide code",
    ]
    assert not fold.summary.has_attr("aria-label")
    line = fold.parent.select_one(".gb-claim")
    assert "one more has 1" in line.get_text()
    assert line.find_parent("details") is None
    assert fold.find_previous(class_="gb-claim") is line, "the code stands below"
    shown = [c.get_text() for c in page.select(".cell_input") if c.parent != fold]
    assert len(shown) == 2
    assert "total = 2 + 2" in shown[0]
    assert 'claim("sum"' in shown[1].replace("'", '"')


def test_in_print_the_line_stays_and_the_code_goes(book) -> None:
    extensions = [*EXTENSIONS, "genbook.publishing.print.latex"]
    built = book.build("latex", extensions=extensions)
    assert not built.failed, built.warnings + built.error
    [tex] = (book.root / "_build" / "latex").glob("*.tex")
    text = tex.read_text("utf8")
    assert r"\gbclaim{Gap}{0}{≤ 0; one more has 1}" in text.replace(r"$\le$", "≤")
    assert "gap" not in text.replace("label=gap", "")
    assert "total" in text


def test_in_the_epub_the_line_stays_and_the_code_goes(book) -> None:
    built = book.build(
        "epub", extensions=[*EXTENSIONS, "genbook.publishing.print.epub"]
    )
    assert not built.failed, built.warnings + built.error
    text = (book.root / "_build" / "epub" / "sums.xhtml").read_text("utf8")
    page = BeautifulSoup(text, "html.parser")
    assert not page.select("details")
    assert "one more has 1" in page.select_one(".gb-claim").get_text()
    assert len(page.select(".cell_input")) == 2
    assert "gap = total" not in page.get_text()
