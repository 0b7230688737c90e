"""Comments that number an equation say what the book prints."""

from __future__ import annotations

import os
import re
import runpy
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("yaml")

from genbook.publishing.content import sources
from genbook.publishing.rules import equations

ROOT = Path(__file__).parents[1]
SITE = Path(os.environ.get("GENBOOK_BUILD", ROOT / "_build")) / "html"
BOOK = sources.read_book(ROOT)
TOOL = runpy.run_path(str(ROOT / "tools/number_equations.py"))

# Where the reader is led from the code to the formula: each part under the names that
# its modules have had, here or in a folder of the family.
LED = [
    ("gaussian_path", "paths"),
    ("diffusion",),
    ("vae",),
    ("flow",),
    ("transforms", "couplings"),
    ("transformer", "language"),
]

CODE = '''\
"""A module, with (9.9) in its docstring."""


class Model:
    """It is :eq:`eq-a` by way of :eq:`eq-c`."""

    def loss(self, x):
        """Return equation :eq:`eq-b`."""
        y = 2 * x  # (n, k), (2.1)
        return y + 0.5  # (1.1), not (0.5) or (02.1) or 2.1

    def sample(self):
        """Return something."""

        def inner():
            return "# (9.9)"

        # A comment of its own, (1.2).
        return inner()


def free(x):
    """Return equation :eq:`eq-c`."""
    return x  # (1.2)
'''
TOC = """\
format: jb-book
root: book/index
parts:
  - caption: The way in
    chapters:
      - file: book/index
  - caption: Learning
    numbered: true
    chapters:
      - file: book/learning/one
        sections:
          - file: book/learning/more
  - caption: Families
    numbered: true
    chapters:
      - file: book/families/two
"""
PAGES = {
    "index": "```{math}\n:label: eq-unnumbered\nx\n```\n",
    "learning/one": """\
        # One

        ```{note}
        $$
        x = 1
        $$ (eq-a)
        ```

        ```{code-cell} python
        print("$$ (eq-not)")
        ```

        ```{math}
        without a label
        ```
        """,
    "learning/more": "```{math}\n---\nlabel: eq-c\n---\nx\n```\n",
    "families/two": "```{math}\n:label: eq-b\nx\n```\n\n$$ y = 1 $$ (eq-d)\n",
}
KNOWN = {"eq-a": (1, 1), "eq-c": (1, 2), "eq-b": (2, 1), "eq-d": (2, 2)}


def wrong(code: str) -> str:
    return "\n".join(f"{line}: {what}" for line, what in equations.wrong(code, KNOWN))


@pytest.fixture
def book(tmp_path: Path) -> sources.Book:
    """A book of two numbered chapters, and a package of one module."""
    (tmp_path / "_toc.yml").write_text(TOC)
    for name, text in PAGES.items():
        path = tmp_path / f"book/{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    for path in ("models/model.py", "publishing/about.py"):
        file = tmp_path / "src/genbook" / path
        file.parent.mkdir(parents=True)
        file.write_text(CODE if "model" in path else "x = 1  # (9.9)\n")
    return sources.read_book(tmp_path)


def test_the_comments_of_the_package():
    """Mend what this finds by hand, or with ``python tools/number_equations.py``."""
    found = list(equations.equation_numbers(BOOK))
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("names", LED, ids=lambda names: names[0])
def test_code_that_is_an_equation_says_which(names):
    models = ROOT / "src/genbook/models"
    files = [f for f in models.rglob("*.py") if f.stem in names]
    found = [s for f in files for s in equations.scopes(f.read_text("utf8"))]
    assert any(scope.comments for scope in found), f"no equation's number in {files}"


@pytest.mark.site
def test_the_site_prints_these_numbers(needs):
    """The rule counts as Sphinx does: the built pages carry the same numbers."""
    site = needs("site", SITE if SITE.is_dir() else None, "run `make html`")
    number = re.compile(r'class="eqno">(\([\d.]+\))<a [^>]*href="#equation-([^"]+)"')
    printed = {
        label: text
        for path in (site / "book").rglob("*.html")
        for text, label in number.findall(path.read_text("utf8"))
    }
    counted = equations.numbers(BOOK)
    assert printed == {label: equations.shown(n) for label, n in counted.items()}


def test_chapters_are_numbered_through_all_parts():
    assert "use_multitoc_numbering: true" in (ROOT / "_config.yml").read_text("utf8")


def test_equations_are_counted_in_numbered_chapters(book):
    assert equations.numbers(book) == KNOWN


def test_only_numbers_in_comments_count():
    found = {s.name: [n for *_, n in s.comments] for s in equations.scopes(CODE)}
    assert found == {
        "": [],
        "Model": [],
        "Model.loss": [(2, 1), (1, 1)],
        "Model.sample": [(1, 2)],
        "free": [(1, 2)],
    }


def test_right_comments():
    assert not wrong(CODE)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("(n, k), (2.1)", "(n, k), (2.2)", "9: Model.loss: (2.2) is eq-d; its"),
        ("(n, k), (2.1)", "(n, k)", "7: Model.loss names eq-b: no comment says (2.1)"),
        ("x  # (1.2)", "x  # (1.3)", "24: free: (1.3) must be (1.2), eq-c"),
        ("x  # (1.2)", "x", "22: free names eq-c: no comment says (1.2)"),
        ("(1.1), not", "not", "4: Model names eq-a: no comment says (1.1)"),
        ("equation :eq:`eq-c`", "x", "free: (1.2) is eq-c; its docstring"),
        ("equation :eq:`eq-c`", "x", "its docstring names none"),
        ("own, (1.2)", "own, (7.7)", "(7.7) is no equation of the book; its"),
        ("own, (1.2)", "own, (7.7)", "docstring names eq-a (1.1), eq-c (1.2)"),
        ("`eq-b`", "`eq-x`", "8: eq-x is no labelled equation of a numbered chapter"),
        ("def free", "X = 1  # (1.2)\n\n\ndef free", "22: the module: (1.2) is eq-c"),
    ],
)
def test_wrong_comments(old, new, message):
    assert message in wrong(CODE.replace(old, new))


def test_a_class_may_hold_its_equation_itself():
    code = 'class A:\n    """Is :eq:`eq-a`."""\n\n    x: int  # (1.1)\n'
    assert not wrong(code)
    assert "4: A: (1.2) must be (1.1), eq-a" in wrong(code.replace("(1.1)", "(1.2)"))


def test_comments_are_numbered_anew_after_a_chapter(book, capsys):
    root = book.root
    module = root / "src/genbook/models/model.py"
    assert TOOL["main"]([str(root)]) == 0
    assert module.read_text() == CODE
    first = "      - file: book/learning/one\n"
    toc = TOC.replace(first, "      - file: book/learning/zero\n" + first)
    (root / "_toc.yml").write_text(toc)
    (root / "book/learning/zero.md").write_text("$$ x $$ (eq-first)\n")
    said = "\n".join(map(str, equations.equation_numbers(sources.read_book(root))))
    assert "model.py:9: equation_numbers: Model.loss: (2.1) must be (3.1)" in said
    assert "model.py:10: equation_numbers: Model.loss: (1.1) must be (2.1)" in said
    assert "no comment" not in said
    assert TOOL["main"]([str(root)]) == 0
    moved = {"(2.1)\n": "(3.1)\n", "# (1.1)": "# (2.1)", "(1.2)": "(2.2)"}
    expected = CODE
    for old, new in moved.items():
        expected = expected.replace(old, new)
    assert module.read_text() == expected
    assert "model.py: renumbered" in capsys.readouterr().out


def test_comments_are_numbered_anew_after_an_equation():
    code = 'def f():\n    """Is :eq:`eq-a`, :eq:`eq-c`."""\n    x = 1  # (1.1), (1.2)\n'
    known = {"eq-new": (1, 1), "eq-a": (1, 2), "eq-c": (1, 3)}
    new = equations.renumber(code, known)
    assert new == code.replace("(1.1), (1.2)", "(1.2), (1.3)")
    assert equations.renumber(new, known) == new


def test_what_is_ambiguous_stays(book, capsys):
    code = CODE.replace("own, (1.2)", "own, (7.7)")
    assert equations.renumber(code, KNOWN) == code
    (book.root / "src/genbook/models/model.py").write_text(code)
    assert TOOL["main"]([str(book.root)]) == 1
    assert "(7.7) is no equation of the book" in capsys.readouterr().out
