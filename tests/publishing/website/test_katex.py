"""Mathematics set while the book is built: right, and wrong with its place."""

from __future__ import annotations

import io

import pytest
import yaml

from genbook.publishing.website.katex import (
    Renderer,
    TexError,
    as_display,
)

from .conftest import ROOT


@pytest.fixture(scope="module")
def macros():
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    return config["sphinx"]["config"]["genbook_macros"]


@pytest.fixture(scope="module")
def render(macros):
    return Renderer(macros)


def test_every_macro_of_the_book(render, macros):
    for name, entry in macros.items():
        arguments = 0 if isinstance(entry, str) else entry[1]
        base = "x" if name == "tran" else ""
        html = render(base + "\\" + name + "{p}" * arguments + " y", display=True)
        assert "<math" in html
        assert "katex-error" not in html


@pytest.mark.parametrize(
    ("tex", "reason"),
    [
        (r"\frac{1}", "end of input"),
        (r"\undefined x", "Undefined control sequence"),
        (r"\left( x", r"\right"),
        ("a & b", "&"),
        (r"x^2^3", "Double superscript"),
        ("é", "Unicode"),
        (r"\KL{p}", "end of input"),
        (r"\reals", "not in print"),
    ],
)
def test_bad_tex(render, tex, reason):
    with pytest.raises(TexError, match=".*" + reason.replace("\\", "\\\\")) as caught:
        render(tex)
    assert "\n" not in str(caught.value), "where in KaTeX it happened is no help"


def test_what_latex_lacks_may_be_defined():
    assert "<math" in Renderer({"argmax": r"\operatorname*{arg\,max}"})(r"\argmax_x")


def test_a_macro_does_not_leak(render):
    render(r"\def\leaking{1} \leaking")
    with pytest.raises(TexError):
        render(r"\leaking")


def test_mathml_alone(render):
    html = render("x", output="mathml")
    assert "<math" in html
    assert "katex-html" not in html


@pytest.mark.parametrize(
    ("tex", "nowrap", "wanted"),
    [
        ("a", False, "a"),
        (r"a \\ b", False, r"\begin{split}a \\ b\end{split}"),
        ("a\n\nb", False, r"\begin{aligned}a\\b\end{aligned}"),
        (r"\begin{align}a\end{align}", True, r"\begin{align*}a\end{align*}"),
        (r"\begin{equation}a\end{equation}", True, "a"),
    ],
)
def test_as_display(tex, nowrap, wanted):
    assert as_display(tex, nowrap) == wanted


def build(tmp_path, text, builder="html"):
    """Build a book of one page with Sphinx alone; return its page and the warnings."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / "index.md").write_text(text, encoding="utf-8")
    warnings = io.StringIO()
    config = {
        "extensions": ["myst_parser", "genbook.publishing.website.katex"],
        "myst_enable_extensions": ["dollarmath", "amsmath"],
        "genbook_macros": {"R": r"\mathbb{R}"},
        "html_math_renderer": "genbook",
        "html_theme": "basic",
        "root_doc": "index",
        # Said here, because Sphinx shares its default among all books of a process.
        "source_suffix": {".md": "markdown"},
    }
    with patch_docutils(str(source)), docutils_namespace():
        app = Sphinx(
            srcdir=str(source),
            confdir=None,
            outdir=str(tmp_path / builder),
            doctreedir=str(tmp_path / "trees"),
            buildername=builder,
            confoverrides=config,
            status=None,
            warning=warnings,
            freshenv=True,
        )
        app.build()
    suffix = "xhtml" if builder == "epub" else "html"
    page = tmp_path / builder / f"index.{suffix}"
    return page.read_text("utf-8"), warnings.getvalue()


PAGE = r"""# A title

A set $\R$, and

```{math}
:label: eq-one
x = 1
```

\begin{align}
a &= b \\
c &= d
\end{align}

so {eq}`eq-one`.
"""


def test_a_page(tmp_path):
    page, warnings = build(tmp_path, PAGE)
    assert warnings == ""
    assert page.count('class="katex-html"') == 3
    assert "katex/katex.min.css" in page
    assert 'class="eqno">(1)' in page
    assert 'href="#equation-eq-one"' in page
    fonts = list((tmp_path / "html" / "_static" / "katex" / "fonts").iterdir())
    assert fonts
    assert all(f.suffix == ".woff2" for f in fonts)


def test_a_page_of_an_epub(tmp_path):
    page, _ = build(tmp_path, PAGE, "epub")
    assert page.count("<math") == 3
    assert "katex-html" not in page
    assert "katex.min.css" not in page


@pytest.mark.parametrize("line", [r"Here $\nonsense$ is.", "$$\n\\frac{1}\n$$"])
def test_bad_tex_is_a_warning_with_its_place(tmp_path, line):
    page, warnings = build(tmp_path, f"# A title\n\nA line.\n\n{line}\n")
    assert "bad TeX" in warnings
    assert "index.md:5" in warnings
    assert "gb-bad-tex" in page
