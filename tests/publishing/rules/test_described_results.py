"""What an alternative text or a caption says of a result is computed."""

from __future__ import annotations

import pytest

from genbook.publishing.rules.described_results import computed_results

FIGURE = """\
% typed numbers: 0.77

```{{code-cell}} python
---
mystnb:
  image: {{alt: "{alt}"}}
  figure: {{caption: "{caption}", name: fig-a}}
---
draw(rows, steps=300, rate=0.03)
table(rows, caption="{title}")
claim("a", x, at_most=0.25)
```

```{{figure}} a.svg
:name: fig-b
:alt: {alt}

{caption}
```
"""
PLAIN = {"alt": "A line.", "caption": "A line.", "title": "A board."}


@pytest.fixture
def found(chapters):
    def ask(**texts: str) -> list[str]:
        book = chapters(FIGURE.format(**PLAIN | texts))
        return [str(p) for page in book.chapters for p in computed_results(page)]

    return ask


@pytest.mark.parametrize(
    "result",
    [
        "0.26",
        "13",
        "1,809",
        "3 nats",
        "9 %",
        "9%",
        "4 bits",
        "12 times",
        "0.25",
        "7.5%",
    ],
)
def test_a_typed_result(found, result: str) -> None:
    text = f"It falls to {result}, and on."
    for where, line in (("alt", 3), ("caption", 3)):
        first, second = found(**{where: text})
        assert (
            f"page-0.md:{line}: computed_results: {result.split()[0].rstrip('%')}"
            in first
        )
        assert "compute it with number()" in second
    assert len(found(title=text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Two rows of 12 panels, digits 0 to 9.",
        "It ends at {glue:text}`end` nats.",
        "After 300 steps at a rate of 0.03.",
        "Images of 28×28 and 14 × 14 pixels in R2 and t=13x.",
        "At $w=0.26$ and `13`.",
        "Allowed: 0.77.",
        "Ideas of 1809, 1962 and 2023.",
    ],
)
def test_what_may_be_typed(found, text: str) -> None:
    assert not found(alt=text, caption=text, title=text)
