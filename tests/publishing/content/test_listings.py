"""A listing leaves out the docstring that repeats the prose around it."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from genbook.publishing.content.listings import listing, shortened
from genbook.publishing.content.page import read_page

LONG = '''\
class Box:
    """A box.

    Args:
        low: One corner.
        high: The other.
    """

    def area(self):
        r"""Return the area $\\prod$.

        Example:
            >>> 1 + 1
            2
        """
        width = 1  # not at zero
        return width
'''
FIRST = '''\
class Box:
    """A box."""

    def area(self):
        r"""Return the area $\\prod$."""
        width = 1  # not at zero
        return width
'''
NONE = """\
class Box:
    def area(self):
        width = 1  # not at zero
        return width
"""


@pytest.mark.parametrize(
    ("option", "wanted"), [("", FIRST), ("none", NONE), ("all", LONG)]
)
def test_long_docstrings_shrink(option: str, wanted: str) -> None:
    assert shortened(LONG.splitlines(), option) == wanted.splitlines()


@pytest.mark.parametrize(
    "text",
    [
        'def f():\n    """Return one.\n\n    Always."""\n    return 1',
        "x = 1",
        "    return x\n  y",
        'x = """a\n\n\n\n\nlong text"""',
    ],
)
def test_what_stays(text: str) -> None:
    assert shortened(text.splitlines()) == text.splitlines()


def test_checks_are_left_out() -> None:
    text = """\
def area(self, x):
    self._check_x(x)
    check_count(
        x,
    )
    if x is not None:
        check_alone(x)
    if x:
        check_alone(x)
    else:
        x = 1
    self._refuse_condition(y)
    if y is None:
        raise ValueError("y must be given")
    if y < 0:
        raise ValueError("y must be positive")
    else:
        y = 1
    if y > 1:
        raise FloatingPointError("y has grown")
    if y:
        return area(y)
    raise ValueError("nothing is left")
def door(x):
    check_alone(x)
"""
    wanted = """\
def area(self, x):
    if x:
        check_alone(x)
    else:
        x = 1
    if y < 0:
        raise ValueError("y must be positive")
    else:
        y = 1
    if y > 1:
        raise FloatingPointError("y has grown")
    if y:
        return area(y)
    raise ValueError("nothing is left")
def door(x):
    check_alone(x)
"""
    assert shortened(text.splitlines()) == wanted.splitlines()


def test_what_is_checked_stands_in_the_place_of_its_check() -> None:
    text = """\
    y = check_labels(y, "y", 10, len(x))
    é, n = "é", range(check_count(n, "n", maximum=f(7)))  # many
    k, v = check_kind(past, "past", Past).extend(self._check(k, "k"), v)
    if issubclass(_checked(cls), Model):
        z = check_both(
            check_one(z[1], "z"),
            "z",
        )
    checker = recheck(x)
"""
    wanted = """\
    é, n = "é", range(n)  # many
    k, v = past.extend(k, v)
    if issubclass(cls, Model):
        z = z[1]
    checker = recheck(x)
"""
    assert shortened(text.splitlines()) == wanted.splitlines()


def test_a_body_that_is_a_docstring_alone_stays() -> None:
    text = 'class Error(Exception):\n    """It failed."""'
    assert shortened(text.splitlines(), "none") == text.splitlines()


@pytest.mark.parametrize("option", ["", "none", "all"])
def test_the_page_shows_what_the_rules_count(tiny, option: str) -> None:
    (tiny.package / "box.py").write_text(LONG)
    head = "# Box\n\n```{literalinclude} ../package/tiny/box.py\n:pyobject: Box.area\n"
    more = f":docstring: {option}\n" if option else ""
    tiny.write("box.md", f"{head}:dedent:\n:language: python\n{more}```\n")
    extensions = ["genbook.publishing.content.listings"]
    extensions += ["genbook.publishing.running.execution"]
    built = tiny.build(extensions=extensions, nb_execution_mode="off")
    assert not built.failed, built.warnings + built.error
    page = BeautifulSoup(built.pages["box"], "html.parser")
    shown = page.select_one(".highlight pre").get_text().rstrip("\n").split("\n")
    source = read_page(tiny.source / "box.md", "book/box")
    assert shown == listing(source, source.listings[0])
    assert len(shown) == {"": 4, "none": 3, "all": 9}[option]
