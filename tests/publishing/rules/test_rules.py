"""Each rule of the sources catches what it is there to catch."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("yaml")

from genbook.publishing import rules
from genbook.publishing.content import sources
from genbook.publishing.content.page import read_page
from genbook.publishing.rules import book_rules, code_rules, page_rules

FRONT = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
course: [F1, F2]
script: [world_map_box]
outcomes: [one, two, three]
myst: {html_meta: {description: "A description that is long enough to be read."}}
---
"""
PLOT = """\
```{code-cell} python
---
mystnb:
  image: {alt: "A blue curve that rises from left to right, in forty letters."}
  figure: {caption: "The curve rises: what a caption has to say.", name: fig-one}
---
fig, ax = plotting.subplots()
```
"""


@pytest.fixture
def page(tmp_path: Path):
    """Return a function that reads a text as a chapter."""

    def read(body: str, front: str = FRONT, name: str = "foundations/test"):
        path = tmp_path / f"book/{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(front + dedent(body), "utf8")
        return read_page(path, f"book/{name}")

    return read


def found(rule, *args) -> str:
    return "\n".join(map(str, rule(*args)))


def test_a_page_is_taken_apart(page):
    p = page(
        """\
        # Title

        (sec-here)=
        ## Section with {glue:text}`n` words

        ::::{exercise} Name
        :label: ex-one
        Count to $3.14$ and `2.72`.
        :::{hint}
        Start early.
        :::
        ::::

        ```{solution-start} ex-one
        :class: dropdown
        ```
        Hidden words here.
        ```{code-cell} python
        :tags: [hide-input]
        x = 1

        claim("c-one", x, equals=1)
        ```
        ```{solution-end}
        ```

        ```{math}
        :label: eq-one
        1.5 = x
        ```
        """
    )
    assert p.is_chapter
    assert [d.name for d in p.directives] == [
        "exercise",
        "hint",
        "solution-start",
        "code-cell",
        "solution-end",
        "math",
    ]
    assert {label for label, _ in p.labels()} == {"sec-here", "ex-one", "eq-one"}
    assert list(p.calls("claim")) == [("c-one", 30)]
    assert p.cells[0].tags == ["hide-input"]
    assert p.cells[0].code_lines == 2
    assert p.cells[0].inside == ("solution",)
    assert list(p.roles("glue:text")) == [("n", 12)]
    # Title · Section with one words · Count to and · Start early
    assert p.words() == 1 + 4 + 3 + 2


@pytest.mark.parametrize(
    ("front", "message"),
    [
        (
            FRONT.replace("that is long enough to be read", ""),
            "description of 40 to 200",
        ),
        (FRONT.replace("course: [F1, F2]\n", ""), "course must be a list, got None"),
        (FRONT.replace("[world_map_box]", "[]"), "script must be a list, got []"),
        (FRONT.replace("one, two, three", "one"), "three to five outcomes, got 1"),
        (FRONT.replace("name: python3", "name: julia"), "jupytext: and kernelspec:"),
        (FRONT.replace("jupytext", "jupyter"), "jupytext: and kernelspec:"),
    ],
)
def test_front_matter(page, front, message):
    text = cell(["x = 1"]) + "\n```\n"
    assert not found(page_rules.front_matter, page(text))
    assert message in found(page_rules.front_matter, page(text, front))


def test_titles(page):
    assert not found(page_rules.one_title, page("# T\n## A\n### B\n## C\n"))
    assert "exactly one title" in found(page_rules.one_title, page("# T\n# U\n"))
    assert "level 3 below level 1" in found(page_rules.one_title, page("# T\n### B\n"))


def test_headings_are_written_as_sentences(page):
    good = "# Models\n## A bound: the ELBO\n## Lost? No, RealNVP of Gaussians\n"
    assert not found(page_rules.sentence_case, page(good))
    bad = page("# Models\n## A Bound\n## the bound: What it is\n")
    text = found(page_rules.sentence_case, bad)
    assert "'Bound' has a capital" in text
    assert "begins with a small letter" in text
    assert "'What' has a capital" in text


def cell(lines: list[str], options: str = "") -> str:
    return "\n".join(["```{code-cell} python", *([options] if options else []), *lines])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["x = 1"] * 21, "a cell of 21 lines"),
        (["x = 1", "y = 2", "z = 'long" + 80 * "g" + "'"], "90 characters"),
        (["x = 1"] * 9, "median length of a cell is 9"),
        (["x = 1"], "median length of a cell is 1"),
    ],
)
def test_cells(page, lines, message):
    assert message in found(code_rules.short_cells, page(cell(lines) + "\n```\n"))
    assert not found(code_rules.short_cells, page(cell(["x = 1"] * 5) + "\n```\n"))


def test_a_removed_cell_may_be_of_any_length(page):
    removed = cell(["x = 1"] * 30, ":tags: [remove-cell]") + "\n```\n"
    assert not found(code_rules.short_cells, page(removed))


def test_a_figure_is_made_after_the_setup(page):
    rule, draws = code_rules.figures_of_the_book, ["fig, ax = plotting.subplots()"]
    missing = page(cell(draws) + "\n```\n")
    assert "a figure before plotting.setup()" in found(rule, missing)
    late = [*draws, "```", "", "```{code-cell} python", "plotting.setup()"]
    assert found(rule, page(cell(late) + "\n```\n"))
    early = ["plotting.setup()", "```", "", "```{code-cell} python", *draws]
    assert not found(rule, page(cell(early) + "\n```\n"))


def test_tags(page):
    for tag in ("show", "hide-input", "remove-cell"):
        text = cell(["x = 1"], f":tags: [{tag}]") + "\n```\n"
        assert not found(code_rules.known_tags, page(text))
    text = cell(["x = 1"], ":tags: [hide-output]") + "\n```\n"
    assert "['hide-output']" in found(code_rules.known_tags, page(text))
    text = cell(["plotting.subplots()"], ":tags: [remove-cell]") + "\n```\n"
    assert "a removed cell that draws" in found(code_rules.known_tags, page(text))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("subplots()", "subplots()\nplt.subplots(2)", "2 figures in one cell"),
        ("name: fig-one", "name: one", "a figure's name is fig-…, got 'one'"),
        ("The curve rises: what a caption has to say.", "Curve.", "needs a caption"),
        ("rises from left to right, in forty letters.", "", "needs alternative text"),
    ],
)
def test_figures(page, old, new, message):
    assert not found(code_rules.described_figures, page(PLOT))
    assert message in found(code_rules.described_figures, page(PLOT.replace(old, new)))


@pytest.mark.parametrize(
    ("last", "quiet"),
    [
        ("ax.set(xlim=(0, 1))", False),
        ("plotting.world_axes(ax)", False),
        ("ax.set(xlim=(0, 1));", True),
        ("plotting.show_points(ax, x)", True),
        ("y = ax.plot(x)", True),
    ],
)
def test_figures_stand_alone(page, last, quiet):
    text = PLOT.replace("subplots()\n", f"subplots()\n{last}\n")
    assert (not found(code_rules.silent_figures, page(text))) == quiet


@pytest.mark.parametrize(
    ("last", "quiet"),
    [
        ("model.fit(x)", False),
        ("cached_fit(model, x, steps=3,\n           seed=0)", False),
        ("fit(model, x);", True),
        ("run = fit(model, x)", True),
        ("outfit(x)", True),
        ("model.fit(x).mu", True),
    ],
)
def test_a_fit_at_the_end_of_a_cell_shows_nothing(page, last, quiet):
    shown = page(cell(["x = 1", *last.splitlines()]) + "\n```\n")
    assert (not found(code_rules.silent_fits, shown)) == quiet
    removed = cell(last.splitlines(), ":tags: [remove-cell]") + "\n```\n"
    assert not found(code_rules.silent_fits, page(removed))


def test_statements_and_exercises(page):
    definition = "```{prf:definition} Box\n:label: def-box\nA box.\n```\n"
    assert not found(page_rules.labelled_statements, page(definition))
    without = page(definition.replace(":label: def-box\n", ""))
    assert "prf:definition needs a label" in found(
        page_rules.labelled_statements, without
    )
    exercise = "```{{exercise}} Name\n:label: {0}\nDo.\n```\n"
    solution = "```{{solution}} {0}\n:class: dropdown\nDone.\n```\n"
    names = ("ex-a", "ex-b", "ex-c")
    whole = "".join((exercise + solution).format(n) for n in names)
    assert not found(page_rules.solved_exercises, page(whole))
    lost = whole.replace(solution.format("ex-c"), "")
    assert "exercise ex-c has no solution" in found(
        page_rules.solved_exercises, page(lost)
    )
    stray = whole + solution.format("ex-d")
    message = "solves an unknown exercise 'ex-d'"
    assert message in found(page_rules.solved_exercises, page(stray))
    bare = whole.replace(":class: dropdown\n", "", 1)
    assert "is folded away" in found(page_rules.solved_exercises, page(bare))
    few = whole[whole.index("```{exercise} Name\n:label: ex-c") :]
    assert "three to five exercises, got 1" in found(
        page_rules.solved_exercises, page(few)
    )


@pytest.mark.parametrize(
    "text",
    ["It is 0.32 nats.", "About 28 % are land.", "Fully 28% are.", "Some 28 per cent."],
)
def test_typed_numbers(page, text):
    assert "compute it" in found(page_rules.computed_numbers, page(f"# T\n{text}\n"))
    allowed = f"# T\n% typed numbers: 0.32 28% 28\n{text}\n"
    assert not found(page_rules.computed_numbers, page(allowed))


@pytest.mark.parametrize(
    "text",
    [
        "It is $0.32$ nats in `x = 0.32`.",
        "It is {glue:text}`nats` nats, in 2023, with 64 bumps.",
        "See {cite:t}`foster2023` and {numref}`fig-2.5`.",
        "```{math}\n0.32\n```",
        "$$\n0.32\n$$",
        "```python\n0.32\n```",
        "Between 1–2 and 3, section 4.",
    ],
)
def test_numbers_that_are_not_typed(page, text):
    assert not found(page_rules.computed_numbers, page(f"# T\n{text}\n"))


def test_glued_numbers_are_made_and_used(page):
    made = cell(['number("n", 1)'], ":tags: [remove-cell]") + "\n```\n"
    assert not found(page_rules.shown_numbers, page(made + "{glue:text}`n`\n"))
    assert "number 'n' is never shown" in found(page_rules.shown_numbers, page(made))
    told = made + PLOT.replace("A blue curve", "A curve that ends at {glue:text}`n`")
    assert not found(page_rules.shown_numbers, page(told))
    told = made + PLOT.replace("The curve rises", "The curve rises to {glue:text}`n`")
    assert not found(page_rules.shown_numbers, page(told))
    lost = page(made + "{glue:text}`n` and {glue:text}`m`\n")
    many = made.replace('"n"', 'f"{key}-n"')
    assert not found(page_rules.shown_numbers, page(many + "{glue:text}`one-n`\n"))
    assert "number '*-n' is" in found(page_rules.shown_numbers, page(many))
    assert "no number('m', …)" in found(page_rules.shown_numbers, lost)


@pytest.mark.parametrize(
    "line",
    [
        "urllib.request.urlopen(x)",
        "x = 'https://example.org/data.csv'",
        "requests.get(u)",
        "MNIST(download=True)",
        "fetch_openml('mnist')",
    ],
)
def test_cells_leave_the_network_alone(page, line):
    assert line in found(code_rules.no_network, page(cell([line]) + "\n```\n"))


def test_words(page):
    assert "'Simply'" not in found(page_rules.plain_words, page("# T\nSimply put.\n"))
    assert "'simply'" in found(page_rules.plain_words, page("# T\nIt is simply so.\n"))
    assert "'color'" in found(page_rules.plain_words, page("# T\nThe color.\n"))
    assert not found(page_rules.plain_words, page("# T\n`color` and {term}`colour`.\n"))
    one_line = page("# T\nOne thing. Then another.\n")
    assert "two sentences on one line" in found(page_rules.a_sentence_a_line, one_line)
    fine = page("# T\nFoster et al. Then D. Foster.\nAnother line.\n")
    assert not found(page_rules.a_sentence_a_line, fine)


def test_length(page):
    assert "2,501 words" in found(page_rules.length, page("word " * 2_501))
    assert "1,499 words" in found(page_rules.length, page("word " * 1_499))
    assert not found(page_rules.length, page("word " * 2_000))
    code = (cell(["x = 1"] * 20) + "\n```\n") * 9
    accounts = (cell(["number('n', 1)"] * 20) + "\n```\n") * 9
    assert not found(page_rules.length, page("word " * 1_700 + "\n" + accounts))
    message = "1,700 words for 180 lines of code"
    assert message in found(page_rules.length, page("word " * 1_700 + "\n" + code))


def test_included_code(page):
    include = "```{{literalinclude}} lib.py\n:pyobject: {0}\n```\n"
    p = page(include.format("Box.area"))
    body = "class Box:\n    def area(self):\n        return 1\n\n    def other(self):\n"
    (p.path.parent / "lib.py").write_text(body + "        x = 1\n" * 30)
    assert not found(code_rules.included_code, p)
    long = page(include.format("Box.other"))
    assert "31 lines of lib.py" in found(code_rules.included_code, long)
    lost = page(include.format("Box.volume"))
    assert "cannot include lib.py" in found(code_rules.included_code, lost)
    part = page("```{literalinclude} lib.py\n:lines: 1-2, 5-\n```\n")
    assert "33 lines" in found(code_rules.included_code, part)


def test_claims(page):
    claims = [f'claim("c-{i}", 1, equals=1)' for i in range(9)]
    one = page(cell(claims[:1]) + "\n```\n")
    assert "at least two claims, got 1" in found(code_rules.claimed, one)
    assert "got 0" in found(code_rules.claimed, page("# T\n"))
    assert not found(code_rules.claimed, page(cell(claims[:2]) + "\n```\n"))
    assert not found(code_rules.claimed, page(cell(claims) + "\n```\n"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("equals=1", '"c" refuses nothing'.replace('"', "'")),
        ("equals=1, rejects={}", "refuses nothing: give it rejects="),
        ("equals=1, rejects=None", "refuses None, which is no mapping"),
        ("equals=1, rejects={'a': 0.9}", "refuses a typed 0.9: compute it"),
        ("equals=1, rejects={'b': x, 'a': -3}", "refuses a typed -3"),
        ("equals=1, rejects={'a': 1 / 2}", "refuses a typed 1 / 2"),
        ("equals=1, rejects={'a': math.inf}", "refuses a typed math.inf"),
        ("equals=1, rejects={'a': float('inf')}", "refuses a typed float('inf')"),
    ],
)
def test_claims_that_refuse_nothing(page, arguments, message):
    text = cell([f'claim("c", x, {arguments})']) + "\n```\n"
    assert message in found(code_rules.refusing_claims, page(text))
    around = page(text, name="reading-guide")
    assert not found(code_rules.refusing_claims, around)


@pytest.mark.parametrize(
    "rejects",
    [
        "rejects={'a': y}",
        "rejects={'a': 1 / len(y), 'b': f(0.9)}",
        "rejects=others",
        "rejects=others | {'a': y}",
        "rejects={**others}",
        "**band",
    ],
)
def test_claims_that_refuse_something(page, rejects):
    text = cell([f'claim("c", x, {rejects})']) + "\n```\n"
    assert not found(code_rules.refusing_claims, page(text))


def test_scripts(page, tmp_path):
    p = page("# T\n")
    assert "no examples/world_map_box.py" in found(code_rules.example_scripts, p)
    script = tmp_path / "examples/world_map_box.py"
    script.parent.mkdir()
    script.write_text("x = 1\n")
    assert "has no docstring" in found(code_rules.example_scripts, p)
    script.write_text('"""Fit a box."""\n' + "x = 1\n" * 100)
    assert "too long" in found(code_rules.example_scripts, p)


@pytest.fixture
def book(page, tmp_path: Path):
    """Return a function that makes a book of two pages."""
    parts = {"F": {"rows": {"F1": "", "F2": ""}}}
    (tmp_path / "book").mkdir()
    (tmp_path / "book/references.bib").write_text("@book{foster2023,\n}\n")

    def make(first: str = "", second: str = "", *, rows: str = "[F1, F2]", **options):
        pages = [
            page(first, FRONT.replace("[F1, F2]", rows)),
            page(second, FRONT.replace("course: [F1, F2]\n", ""), "glossary"),
        ]
        names = [p.name for p in pages]
        return sources.Book(
            tmp_path,
            dict(zip(names, pages, strict=True)),
            options.get("toc", names),
            {"parts": parts, "written": ["F"]},
        )

    return make


def test_labels_are_unique_and_used(book):
    assert "fig-one is never referred to" in found(book_rules.used_labels, book(PLOT))
    for way in ("{numref}`fig-one`", "[it](#fig-one)", "{ref}`it <fig-one>`"):
        assert not found(book_rules.used_labels, book(PLOT, f"See {way}.\n"))
    board = cell(['table(x, label="tab-x")']) + "\n```\n"
    assert "tab-x is never referred to" in found(book_rules.used_labels, book(board))
    assert not found(book_rules.used_labels, book(board, "{numref}`tab-x`\n"))
    twice = book(PLOT, "(fig-one)=\n")
    assert "fig-one is already a label" in found(book_rules.unique_labels, twice)


def test_claims_are_unique(book):
    one = cell(['claim("same", 1, equals=1)']) + "\n```\n"
    assert "same is already a claim" in found(book_rules.unique_claims, book(one, one))
    assert not found(book_rules.unique_claims, book(one))


def test_rows_are_owned(book):
    assert not found(book_rules.course_rows, book())
    assert "no chapter owns F2" in found(book_rules.course_rows, book(rows="[F1]"))
    unknown = found(book_rules.course_rows, book(rows="[F1, F2, Z9]"))
    assert "Z9 is not a row" in unknown
    assert "already owned" in found(book_rules.course_rows, book(rows="[F1, F2, F1]"))


def test_the_first_page_lists_the_chapters(chapters, tmp_path):
    def ask(*lines: str) -> str:
        made = chapters("# One\n", "# Two\n")
        path = tmp_path / "index.md"
        path.write_text("# Home\n\n" + "\n\n".join(lines) + "\n", "utf8")
        made.pages["book/index"] = read_page(path, "book/index")
        return found(book_rules.home_page, made)

    one, two = (f"{{doc}}`foundations/page-{i}`\n: What it tells." for i in (0, 1))
    assert not ask(one, two)
    assert "book/foundations/page-1 must be listed once, got 0" in ask(one)
    assert "page-0 must be listed once, got 2" in ask(one, one, two)
    assert "in the order of _toc.yml" in ask(two, one)
    assert "page-1 must be listed once" in ask(one, "See {doc}`foundations/page-1`.")


def test_the_table_of_contents(book):
    assert not found(book_rules.contents, book())
    toc = ["book/foundations/test", "book/foundations/test", "book/lost"]
    said = found(book_rules.contents, book(toc=toc))
    assert "listed twice" in said
    assert "book/lost does not exist" in said
    assert "book/glossary is not listed" in said


def test_the_glossary(book):
    terms = "```{glossary}\nbox\n  A shape.\n\nnat\n  A unit.\n```\n"
    assert not found(
        book_rules.glossary, book("{term}`Box`, {term}`nats <nat>`\n", terms)
    )
    assert "'bit' is not in" in found(book_rules.glossary, book("{term}`bit`\n", terms))
    swapped = "```{glossary}\nnat\n  A unit.\n\nbox\n  A shape.\n```\n"
    assert "'box' stands after 'nat'" in found(book_rules.glossary, book("", swapped))


def test_citations(book):
    assert not found(book_rules.cited, book("{cite:t}`foster2023`\n"))
    said = found(book_rules.cited, book("{cite:p}`prince2023`\n"))
    assert "prince2023 is not in references.bib" in said
    assert "foster2023 is never cited" in said


def test_the_command_lists_problems(book, tmp_path, capsys):
    book("It is 0.32.\n")
    (tmp_path / "_toc.yml").write_text("root: book/glossary\n")
    assert rules.main([str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "book/foundations/test.md:9: computed_numbers: 0.32 is typed" in out
