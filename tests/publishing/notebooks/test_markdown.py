"""What MyST says, in plain Markdown."""

from __future__ import annotations

import io

import nbformat
import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from genbook.publishing.notebooks.notebooks import LEFTOVERS, _without_code

MACROS = {
    "R": r"\mathbb{R}",
    "vect": [r"\mathbf{#1}", 1],
    "KL": [r"D_{\mathrm{KL}}\left(#1\,\middle\|\,#2\right)", 2],
    "pdata": r"p_{\mathrm{data}}",
    "hatted": [r"\hat{\vect{#1}}", 1],
    "dd": r"\mathrm{d}",
    "ell": r"\ell",
    "given": r"\mid",
}

PAGE = r"""---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
course: [E1]
---

# The *whole* of it

Text with p_model, 2 * 3 < 7, $5, [brackets] and `code`.
{index}`entropy` Under {term}`density`, {prf:ref}`def-one`, {eq}`eq-one`,
{numref}`ex-one`.

(a-label)=
```{prf:definition} Being $\R$
:label: def-one
For $\vect{x} \in \R^d$:

$$
\KL{p}{q} \\
= 1
$$
```

```{math}
:label: eq-one
a \given b
```

\begin{align}
a &= b \\
c &= d
\end{align}

```{prf:proof}
As ever:

$$ 1 = 1 $$
```

```{warning}
Take care:

1. one
2. two
```

```{admonition} Own *title*
Words.
```

| a | b |
|---|---:|
| $p(x \given y) = \|z\|$ | 1 \| 2 |

```{code-cell} python
:tags: [remove-cell]
first = 1
```

```{code-cell} python
second = 2
```

```{exercise} Try
:label: ex-one
Do it.
```

````{solution} ex-one
:class: dropdown
Done {ref}`here <a-label>`:

```{code-block} python
third = "`{}`"
```
````

Term
: What it means.

> A quotation.

2017\. A year that is no list.

A note[^n].

[^n]: At the end.

```{glossary}
density
  A function.
```

```{code-cell} python
:tags: [remove-cell]
last = 3
```
"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """A page with one of everything, as a notebook."""
    root = tmp_path_factory.mktemp("page")
    (root / "page.md").write_text(PAGE, "utf8")
    (root / "index.md").write_text(
        "# Book\n\n```{toctree}\n:numbered:\npage\n```\n", "utf8"
    )
    warnings = io.StringIO()
    settings = {
        "extensions": [
            "myst_nb",
            "sphinx_proof",
            "sphinx_exercise",
            "genbook.publishing.website.katex",
            "genbook.publishing.notebooks.notebooks",
        ],
        "nb_execution_mode": "off",
        "myst_enable_extensions": ["amsmath", "deflist", "dollarmath"],
        "genbook_macros": MACROS,
        "numfig": True,
        "html_title": "The Book",
    }
    with patch_docutils(), docutils_namespace():
        app = Sphinx(
            root,
            None,
            root / "out",
            root / "trees",
            "notebook",
            confoverrides=settings,
            status=None,
            warning=warnings,
        )
        app.build()
    assert not warnings.getvalue()
    return nbformat.read(root / "out" / "page.ipynb", as_version=4)


@pytest.fixture(scope="module")
def text(notebook: nbformat.NotebookNode) -> str:
    """Its Markdown."""
    cells = (c.source for c in notebook.cells if c.cell_type == "markdown")
    return "\n\n".join(cells)


@pytest.mark.parametrize(
    "expected",
    [
        "# 1 The *whole* of it",
        "*A chapter of “The Book” as a notebook",
        r"p\_model, 2 \* 3 &lt; 7, \$5, \[brackets\] and `code`.",
        "entropy Under density, Definition 1.1, (1.1), Exercise 1.1.",
        "| --- | ---: |",
        "> **Definition 1.1 (Being $\\mathbb{R}$)**\n>\n> For $\\mathbf{x} \\in",
        r"> $$ \begin{aligned} D_{\mathrm{KL}}\left(p\,\middle\|\,q\right) \\ = 1",
        r"$$ a \mid b \tag{1.1} $$",
        r"$$ \begin{aligned} a &= b \\ c &= d \end{aligned} \tag{1.2} $$",
        "*Proof.* As ever:\n\n$$ 1 = 1 $$\n\n∎",
        "> **Warning**\n>\n> Take care:\n>\n> 1. one\n> 2. two",
        "> **Own *title***\n>\n> Words.",
        "| a | b |\n| --- | ---: |\n",
        r"| $p(x \mid y) = \vert z\vert$ | 1 \| 2 |",
        "> **Exercise 1.1 (Try)**\n>\n> Do it.",
        "<details>\n<summary>Solution to exercise 1.1 (Try)</summary>\n\nDone here:",
        '```python\nthird = "`{}`"\n```\n\n</details>',
        "**Term**: What it means.",
        "> A quotation.",
        r"2017\. A year that is no list.",
        "A note<sup>1</sup>.",
        "<sup>1</sup> At the end.",
        "**density**: A function.",
    ],
)
def test_each_construct(text: str, expected: str) -> None:
    assert expected in text


def test_nothing_of_myst_is_left(text: str) -> None:
    assert not LEFTOVERS.search(_without_code(text))
    assert "a-label" not in text


def test_every_cell_is_there_in_order(notebook: nbformat.NotebookNode) -> None:
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert [c.source for c in code[1:]] == ["first = 1", "second = 2", "last = 3"]
    assert [bool(c.metadata) for c in code[1:]] == [True, False, True]
    assert [c.id for c in notebook.cells][:2] == ["page-000", "page-001"]


def test_it_opens_in_every_version_of_the_format(notebook) -> None:
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)


@pytest.mark.parametrize(
    "text",
    [
        "```{note}",
        ":::{tip}",
        "see {ref}`a`",
        "{glue:text}`n`",
        "(label)=",
        "{{ key }}",
        "    ```{code-cell}",
    ],
)
def test_leftovers_are_recognised(text: str) -> None:
    assert LEFTOVERS.search(text)


@pytest.mark.parametrize("text", ["```python", "{a}", "f(x) = 1", "$\\{1\\}$", "(a)"])
def test_what_is_no_leftover(text: str) -> None:
    assert not LEFTOVERS.search(text)


def test_markup_that_is_shown_as_code_is_no_leftover() -> None:
    assert LEFTOVERS.search(_without_code("`{ref}` is fine")) is None
    assert LEFTOVERS.search(_without_code("``{ref}`a` `` is fine")) is None
    assert LEFTOVERS.search(_without_code("a `b` {ref}`a` is not")) is not None
    assert LEFTOVERS.search(_without_code("```text\n{ref}`a`\n```")) is None
