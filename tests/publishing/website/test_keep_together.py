"""A formula and its comma, on one line at any width."""

from __future__ import annotations

import pytest
from docutils import nodes

from genbook.publishing.website.keep_together import keep_together


def told(*children) -> list[str]:
    """Group the formula of a paragraph, and return what stands there as texts."""
    paragraph = nodes.paragraph("", "", *children)
    keep_together(next(iter(paragraph.findall(nodes.math))))
    words = []
    for child in paragraph.children:
        kept = isinstance(child, nodes.inline) and "gb-keep" in child["classes"]
        words.append(f"[{child.astext()}]" if kept else child.astext())
    return [word for word in words if word]


def x() -> nodes.math:
    return nodes.math("", "x")


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("of ", ", and", ["of ", "[x,]", " and"]),
        ("of (", ")", ["of ", "[(x)]"]),
        ("“", "”.", ["[“x”.]"]),
        ("a ", "-dimensional", ["a ", "[x-]", "dimensional"]),
        ("", "’s mean", ["[x’s]", " mean"]),
        ("a ", " b", ["a ", "x", " b"]),
        ("a (b", "c)", ["a (b", "x", "c)"]),
    ],
)
def test_marks_go_with_the_formula(before, after, wanted):
    assert told(nodes.Text(before), x(), nodes.Text(after)) == wanted


def test_a_formula_alone_stays_as_it_is():
    assert told(x()) == ["x"]


def test_a_long_formula_may_be_broken():
    assert told(nodes.math("", "a + " * 20 + "b"), nodes.Text(", c"))[1] == ", c"


def test_a_bold_formula_goes_as_a_whole():
    strong = nodes.strong("", "", x())
    assert told(nodes.Text("a "), strong, nodes.Text("; b")) == ["a ", "[x;]", " b"]


def test_formulas_that_follow_each_other():
    paragraph = nodes.paragraph("", "", x(), nodes.Text(", "), x(), nodes.Text("."))
    for formula in list(paragraph.findall(nodes.math)):
        keep_together(formula)
    assert paragraph.astext() == "x, x."
    assert len(list(paragraph.findall(nodes.inline))) == 2


@pytest.mark.site
def test_no_line_begins_with_a_comma(open_page, address, site):
    """At every width of a chapter full of formulas."""
    page = open_page(address + "book/families/variational-autoencoders.html")
    groups = page.locator(".gb-keep").count()
    assert groups > 20
    for width in (320, 390, 700, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        fallen = page.evaluate(
            """() => [...document.querySelectorAll("main .gb-keep")].filter((group) => {
              const range = document.createRange();
              const last = group.lastChild;
              const formula = group.querySelector(".katex-html");
              if (last.nodeType !== Node.TEXT_NODE || !formula) return false;
              range.selectNodeContents(last);
              const mark = range.getBoundingClientRect();
              const end = formula.getBoundingClientRect();
              return mark.height && mark.left < end.right - 3;
            }).map((group) => group.textContent)"""
        )
        assert fallen == [], width
        page_width = page.evaluate("document.documentElement.scrollWidth")
        assert page_width <= width
