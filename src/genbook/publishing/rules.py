"""The rules that the book's own text keeps.

``python -m genbook.publishing.rules`` lists every place that breaks one, and the tests
of the book run the same functions. A rule is a function of one page, or of the whole
book, that yields :class:`Problem` objects; the first line of its docstring is the rule.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import Any

from genbook.publishing.sources import Book, Directive, Page, parse, plain, read_book

_REFERENCES = {"ref", "numref", "eq", "prf:ref", "doc", "any"}
_NETWORK = re.compile(
    r"https?://|\burllib\b|\brequests\b|\bsocket\b|download\s*=\s*True|\bfetch_\w+\("
)
_QUIET = (
    "plotting.show_points",
    "plotting.show_box",
    "plotting.show_images",
    "plotting.show_curve",
    "plotting.draw_land",
    "show_",
    "draw_",
)
_MAKES_FIGURE = re.compile(r"\b(?:figure|subplots|subplot_mosaic)\(")
_TYPED = re.compile(
    r"(?<![\w.,−-])[−-]?\d+(?:,\d{3})*(?:\.\d+(?:\s?%)?|\s?%|(?=\sper cent))(?![\w-])"
)
_BANNED = {
    "simply": "leave it out",
    "obviously": "leave it out",
    "trivially": "leave it out",
    "color": "colour",
    "colors": "colours",
    "behavior": "behaviour",
    "neighbor": "neighbour",
    "neighbors": "neighbours",
    "center": "centre",
    "modeling": "modelling",
    "modeled": "modelled",
    "labeled": "labelled",
    "maximize": "maximise",
    "minimize": "minimise",
    "normalize": "normalise",
    "normalized": "normalised",
    "optimize": "optimise",
    "visualize": "visualise",
}


@dataclass(frozen=True)
class Problem:
    """A place in the book's sources that breaks a rule."""

    page: str
    line: int
    rule: str
    what: str

    def __str__(self) -> str:
        """Return ``page:line: rule: what``, as a compiler would."""
        return f"{self.page}:{self.line}: {self.rule}: {self.what}"


# Rules of one page ---------------------------------------------------------------


def front_matter(page: Page) -> Iterator[Problem]:
    """A page has a description; a chapter also its rows, scripts and outcomes."""
    meta = (page.front.get("myst") or {}).get("html_meta") or {}
    description = str(meta.get("description") or "")
    if not 40 <= len(description) <= 200:
        yield _at(
            page, 1, f"a description of 40 to 200 characters, got {description!r}"
        )
    kernel = (page.front.get("kernelspec") or {}).get("name")
    if page.cells and (kernel != "python3" or "jupytext" not in page.front):
        yield _at(page, 1, "a page with cells has jupytext: and kernelspec: python3")
    if not page.is_chapter:
        return
    for key in ("course", "script", "outcomes"):
        value = page.front.get(key)
        if not isinstance(value, list) or not value:
            yield _at(page, 1, f"{key} must be a list, got {value!r}")
    outcomes = page.front.get("outcomes") or []
    if not 3 <= len(outcomes) <= 5:
        yield _at(page, 1, f"three to five outcomes, got {len(outcomes)}")


def one_title(page: Page) -> Iterator[Problem]:
    """A page has one title, and no heading skips a level."""
    levels = [
        (line, len(text) - len(text.lstrip("#")))
        for line, text, inside in page.prose
        if re.match(r"#+ ", text) and not inside
    ]
    if [level for _, level in levels].count(1) != 1:
        yield _at(page, 1, "exactly one title")
    previous = 0
    for line, level in levels:
        if level > previous + 1:
            yield _at(page, line, f"a heading of level {level} below level {previous}")
        previous = level


def short_cells(page: Page) -> Iterator[Problem]:
    """A cell has at most 20 lines of at most 79 characters; the median is 4 to 6."""
    for cell in page.visible_cells:
        if cell.code_lines > 20:
            yield _at(page, cell.line, f"a cell of {cell.code_lines} lines")
    for cell in page.cells:
        for i, line in enumerate(cell.body):
            if len(line) > 79:
                yield _at(page, cell.body_line + i, f"{len(line)} characters")
    lengths = [c.code_lines for c in page.visible_cells]
    if page.is_chapter and lengths and not 3 <= statistics.median(lengths) <= 6:
        yield _at(page, 1, f"median length of a cell is {statistics.median(lengths)}")


def known_tags(page: Page) -> Iterator[Problem]:
    """A cell is shown, folded or removed: no other tag is used."""
    for cell in page.cells:
        if unknown := set(cell.tags) - {"remove-cell", "hide-input"}:
            yield _at(page, cell.line, f"unknown tags {sorted(unknown)}")
    for cell in page.cells:
        if "remove-cell" in cell.tags and _MAKES_FIGURE.search(cell.source):
            yield _at(page, cell.line, "a removed cell that draws")


def described_figures(page: Page) -> Iterator[Problem]:
    """A cell draws one figure, with caption, alternative text and label."""
    for cell in page.cells:
        drawn = len(_MAKES_FIGURE.findall(cell.source))
        if drawn > 1:
            yield _at(page, cell.line, f"{drawn} figures in one cell")
        if drawn:
            name = str(cell.figure.get("name") or "")
            if not name.startswith("fig-"):
                yield _at(page, cell.line, f"a figure's name is fig-…, got {name!r}")
            if len(str(cell.figure.get("caption") or "")) < 30:
                yield _at(page, cell.line, "a figure needs a caption")
            if len(cell.alt) < 40:
                yield _at(page, cell.line, "a figure needs alternative text")
    for d in page.directives:
        if d.name == "figure":
            if len(d.alt) < 40:
                yield _at(page, d.line, "a figure needs alternative text")
            if not str(d.options.get("name") or "").startswith("fig-"):
                yield _at(page, d.line, "a figure needs a name fig-…")
        if d.name == "image" and not d.alt:
            yield _at(page, d.line, "an image needs alternative text")


def silent_figures(page: Page) -> Iterator[Problem]:
    """A cell that draws shows its figure and nothing else.

    A last line that has a value would be shown too, as a second output.
    """
    for cell in page.cells:
        last = parse(cell).body[-1:]
        if not cell.figure or not last or not isinstance(last[0], ast.Expr):
            continue
        called = ast.unparse(getattr(last[0].value, "func", last[0].value))
        quiet = called.startswith(_QUIET) or cell.source.rstrip().endswith(";")
        if not quiet:
            yield _at(page, cell.line, f"{called} may show a value: end it with ;")


def labelled_statements(page: Page) -> Iterator[Problem]:
    """Definitions, theorems and exercises have labels; so do numbered equations."""
    for d in page.directives:
        if d.name in ("prf:proof", "prf:remark"):
            continue
        if (d.name.startswith("prf:") or d.name == "exercise") and not d.options.get(
            "label"
        ):
            yield _at(page, d.line, f"{d.name} needs a label")


def solved_exercises(page: Page) -> Iterator[Problem]:
    """A chapter has three to five exercises, each with a solution, folded away."""
    exercises = {
        str(d.options.get("label")): d
        for d in page.directives
        if d.name in ("exercise", "exercise-start")
    }
    solved = set()
    for d in page.directives:
        if d.name in ("solution", "solution-start"):
            solved.add(d.argument)
            if d.argument not in exercises:
                yield _at(page, d.line, f"solves an unknown exercise {d.argument!r}")
            if "dropdown" not in str(d.options.get("class") or ""):
                yield _at(page, d.line, "a solution is folded away: :class: dropdown")
    for label, d in exercises.items():
        if label not in solved:
            yield _at(page, d.line, f"exercise {label} has no solution")
    if page.is_chapter and not 3 <= len(exercises) <= 5:
        yield _at(page, 1, f"three to five exercises, got {len(exercises)}")


def computed_numbers(page: Page) -> Iterator[Problem]:
    """A decimal or a percentage in the prose of a chapter is computed, not typed."""
    if not page.is_chapter:
        return
    for line, text, _ in page.prose:
        for match in _TYPED.finditer(plain(text)):
            typed = re.sub(r"\s", "", match.group())
            if typed not in page.allowed:
                yield _at(page, line, f"{typed} is typed; compute it with number()")


def shown_numbers(page: Page) -> Iterator[Problem]:
    """Every glued number is computed on the same page, and every one is used."""
    made = dict(page.calls("number"))
    used = {t.split(":")[0]: line for t, line in page.roles("glue:text", "glue:")}
    for name, line in used.items():
        if not any(fnmatchcase(name, pattern) for pattern in made):
            yield _at(page, line, f"no number({name!r}, …) on this page")
    for pattern, line in made.items():
        if not any(fnmatchcase(name, pattern) for name in used):
            yield _at(page, line, f"number {pattern!r} is never shown")


def no_network(page: Page) -> Iterator[Problem]:
    """No cell asks the network for anything."""
    for cell in page.cells:
        for i, line in enumerate(cell.body):
            if _NETWORK.search(line):
                yield _at(page, cell.body_line + i, line.strip())


def plain_words(page: Page) -> Iterator[Problem]:
    """The prose spells as in Britain and does not belittle the reader."""
    for line, text, _ in page.prose:
        for word in re.findall(r"[A-Za-z]+", plain(text)):
            if word in _BANNED:
                yield _at(page, line, f"{word!r}: {_BANNED[word]}")


def a_sentence_a_line(page: Page) -> Iterator[Problem]:
    """The source has one sentence on a line, so that a change shows what changed."""
    end = re.compile(r"(?<!\b[A-Z])(?<!et al)(?<!e\.g)(?<!i\.e)(?<!cf)[.?!] [A-Z][a-z]")
    for line, text, inside in page.prose:
        in_cell = "glossary" in inside or text.lstrip().startswith(("|", "*", "-", "1"))
        if not page.is_chapter or in_cell or _is_caption(page, line):
            continue
        if end.search(plain(text)):
            yield _at(page, line, "two sentences on one line")


def _is_caption(page: Page, line: int) -> bool:
    return any(d.line == line and d.figure for d in page.cells)


def length(page: Page) -> Iterator[Problem]:
    """A chapter has 1,500 to 2,500 words, at least ten for each line of code."""
    if not page.is_chapter:
        return
    words = page.words()
    if not 1_500 <= words <= 2_500:
        yield _at(page, 1, f"{words:,} words")
    shown = [c for c in page.visible_cells if "hide-input" not in c.tags]
    code = sum(c.code_lines for c in shown)
    code += sum(len(_included(page, d)) for d in page.directives if _includes(d))
    if 10 * code > words:
        yield _at(page, 1, f"{words:,} words for {code} lines of code")


def _includes(d: Directive) -> bool:
    return d.name == "literalinclude"


def _included(page: Page, d: Directive) -> list[str]:
    path = page.path.parent / d.argument
    lines = path.read_text("utf8").splitlines()
    if wanted := d.options.get("pyobject"):
        body = ast.parse("\n".join(lines)).body
        node: Any = None
        for part in wanted.split("."):
            node = next(n for n in body if getattr(n, "name", None) == part)
            body = node.body
        lines = lines[node.lineno - 1 : node.end_lineno]
    if start := d.options.get("start-at") or d.options.get("start-after"):
        first = next(i for i, line in enumerate(lines) if start in line)
        lines = lines[first + ("start-after" in d.options) :]
    if end := d.options.get("end-at") or d.options.get("end-before"):
        last = next(i for i, line in enumerate(lines) if end in line)
        lines = lines[: last + ("end-at" in d.options)]
    if chosen := d.options.get("lines"):
        kept: list[str] = []
        for span in chosen.split(","):
            first, _, final = span.strip().partition("-")
            stop = len(lines) if span.strip().endswith("-") else int(final or first)
            kept += lines[int(first) - 1 : stop]
        lines = kept
    if "dedent" in d.options:
        lines = textwrap.dedent("\n".join(lines)).splitlines()
    return lines


def included_code(page: Page) -> Iterator[Problem]:
    """Library code is included from the package: 25 lines of 79 characters at most."""
    for d in page.directives:
        if _includes(d):
            try:
                shown = _included(page, d)
            except (OSError, StopIteration, ValueError) as error:
                yield _at(page, d.line, f"cannot include {d.argument}: {error!r}")
                continue
            if len(shown) > 25:
                yield _at(page, d.line, f"{len(shown)} lines of {d.argument}")
            if (widest := max(map(len, shown), default=0)) > 79:
                yield _at(page, d.line, f"{widest} characters in {d.argument}")
    if page.is_chapter and not any(map(_includes, page.directives)):
        yield _at(page, 1, "a chapter shows the code that is its equation")


def claimed(page: Page) -> Iterator[Problem]:
    """A chapter checks three to eight claims."""
    claims = list(page.calls("claim"))
    if page.is_chapter and not 3 <= len(claims) <= 8:
        yield _at(page, 1, f"three to eight claims, got {len(claims)}")


def example_scripts(page: Page) -> Iterator[Problem]:
    """Every script that a chapter names exists, is short, and says what it does."""
    root = page.path.parents[len(page.name.split("/")) - 1]
    for name in page.front.get("script") or []:
        path = root / "examples" / f"{name}.py"
        if not path.is_file():
            yield _at(page, 1, f"no examples/{name}.py")
            continue
        text = path.read_text("utf8")
        if not ast.get_docstring(ast.parse(text)):
            yield _at(page, 1, f"examples/{name}.py has no docstring")
        if len(text.splitlines()) > 85:
            yield _at(page, 1, f"examples/{name}.py is too long to read in a sitting")


# Rules of the book ---------------------------------------------------------------


def unique_labels(book: Book) -> Iterator[Problem]:
    """No two labels of the book are the same."""
    seen: dict[str, str] = {}
    for page in book.pages.values():
        for label, line in page.labels():
            if label in seen:
                yield _at(page, line, f"{label} is already a label of {seen[label]}")
            seen.setdefault(label, page.name)


def used_labels(book: Book) -> Iterator[Problem]:
    """Figures, tables, equations and definitions are referred to in the text."""
    used = set()
    for page in book.pages.values():
        used |= {t for t, _ in page.roles(*_REFERENCES)}
        for _, text, _ in page.prose:
            used |= set(re.findall(r"\]\(#([\w.:-]+)\)", text))
    for page in book.pages.values():
        for label, line in page.labels():
            wants = label.startswith(("fig-", "tab-", "eq-", "def-", "thm-", "sec-"))
            if wants and label not in used:
                yield _at(page, line, f"{label} is never referred to")


def unique_claims(book: Book) -> Iterator[Problem]:
    """The name of a claim is used once in the book."""
    seen: dict[str, str] = {}
    for page in book.pages.values():
        for name, line in page.calls("claim"):
            if name in seen:
                yield _at(page, line, f"{name} is already a claim of {seen[name]}")
            seen.setdefault(name, page.name)


def course_rows(book: Book) -> Iterator[Problem]:
    """Every row of a written part has one owner, and no unknown row has any."""
    rows = {row: part for part, p in book.course["parts"].items() for row in p["rows"]}
    owner: dict[str, str] = {}
    for page in book.chapters:
        for row in page.front.get("course") or []:
            if row not in rows:
                yield _at(page, 1, f"{row} is not a row of the course")
            elif row in owner:
                yield _at(page, 1, f"{row} is already owned by {owner[row]}")
            owner.setdefault(row, page.name)
    for row, part in rows.items():
        if part in book.course["written"] and row not in owner:
            yield Problem("_toc.yml", 1, "course_rows", f"no chapter owns {row}")


def contents(book: Book) -> Iterator[Problem]:
    """The table of contents lists the pages that are written, each once."""
    for name in sorted({n for n in book.contents if book.contents.count(n) > 1}):
        yield Problem("_toc.yml", 1, "contents", f"{name} is listed twice")
    for name in sorted(set(book.contents) - book.pages.keys()):
        yield Problem("_toc.yml", 1, "contents", f"{name} does not exist")
    for name in sorted(book.pages.keys() - set(book.contents)):
        yield Problem("_toc.yml", 1, "contents", f"{name} is not listed")


def glossary(book: Book) -> Iterator[Problem]:
    """Terms that the text uses are in the glossary, which is in order."""
    terms = [
        (text.strip(), d.body_line + i, page)
        for page in book.pages.values()
        for d in page.directives
        if d.name == "glossary"
        for i, text in enumerate(d.body)
        if text.strip() and not text[0].isspace()
    ]
    known = {term.casefold() for term, _, _ in terms}
    for (first, _, _), (second, line, page) in pairwise(terms):
        if first.casefold() > second.casefold():
            yield _at(page, line, f"{second!r} stands after {first!r}")
        if first.casefold() == second.casefold():
            yield _at(page, line, f"{second!r} stands twice")
    for page in book.pages.values():
        for used, line in page.roles("term"):
            if used.casefold() not in known:
                yield _at(page, line, f"{used!r} is not in the glossary")


def cited(book: Book) -> Iterator[Problem]:
    """What the text cites is in the bibliography, and the other way round."""
    text = (book.root / "book/references.bib").read_text("utf8")
    known = set(re.findall(r"^@\w+\{([^,\s]+)\s*,", text, re.MULTILINE))
    used: set[str] = set()
    for page in book.pages.values():
        for keys, line in page.roles("cite:t", "cite:p", "cite:ts", "cite:ps"):
            for key in (k.strip() for k in keys.split(",")):
                used.add(key)
                if key not in known:
                    yield _at(page, line, f"{key} is not in references.bib")
    for key in sorted(known - used):
        yield Problem("book/references.bib", 1, "cited", f"{key} is never cited")


PAGE_RULES: tuple[Callable[[Page], Iterator[Problem]], ...] = (
    front_matter,
    one_title,
    short_cells,
    known_tags,
    described_figures,
    silent_figures,
    labelled_statements,
    solved_exercises,
    computed_numbers,
    shown_numbers,
    no_network,
    plain_words,
    a_sentence_a_line,
    length,
    included_code,
    claimed,
    example_scripts,
)
BOOK_RULES: tuple[Callable[[Book], Iterator[Problem]], ...] = (
    unique_labels,
    used_labels,
    unique_claims,
    course_rows,
    contents,
    glossary,
    cited,
)


def _at(page: Page, line: int, what: str) -> Problem:
    rule = sys._getframe(1).f_code.co_name
    return Problem(f"{page.name}.md", line, rule, what)


def problems(book: Book) -> list[Problem]:
    """Return every place of the book that breaks a rule."""
    found = [
        p for rule in PAGE_RULES for page in book.pages.values() for p in rule(page)
    ]
    found += [p for rule in BOOK_RULES for p in rule(book)]
    return sorted(found, key=lambda p: (p.page, p.line, p.rule))


def main(argv: list[str] | None = None) -> int:
    """List the problems of the book below a folder, this one when none is given."""
    arguments = sys.argv[1:] if argv is None else argv
    found = problems(read_book(Path(arguments[0] if arguments else ".").resolve()))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
