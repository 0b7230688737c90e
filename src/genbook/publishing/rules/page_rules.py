"""The rules that the text of one page keeps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from genbook.publishing.content.listings import listing
from genbook.publishing.content.myst import plain
from genbook.publishing.content.page import Page
from genbook.publishing.rules.problem import Problem, at

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

# Words that begin with a capital letter wherever they stand.
_NAMES = {"Gaussian", "Gaussians", "Heun", "Jensen–Shannon", "Kullback–Leibler"}
_NAMES |= {"Bayes", "Bernoulli", "Fisher", "Fourier", "Langevin", "Laplace", "Markov"}


def front_matter(page: Page) -> Iterator[Problem]:
    """A page has a description; a chapter also its rows, scripts and outcomes."""
    meta = (page.front.get("myst") or {}).get("html_meta") or {}
    description = str(meta.get("description") or "")
    if not 40 <= len(description) <= 200:
        yield at(page, 1, f"a description of 40 to 200 characters, got {description!r}")
    kernel = (page.front.get("kernelspec") or {}).get("name")
    if page.cells and (kernel != "python3" or "jupytext" not in page.front):
        yield at(page, 1, "a page with cells has jupytext: and kernelspec: python3")
    if not page.is_chapter:
        return
    for key in ("course", "script", "outcomes"):
        value = page.front.get(key)
        if not isinstance(value, list) or not value:
            yield at(page, 1, f"{key} must be a list, got {value!r}")
    outcomes = page.front.get("outcomes") or []
    if not 3 <= len(outcomes) <= 5:
        yield at(page, 1, f"three to five outcomes, got {len(outcomes)}")


def one_title(page: Page) -> Iterator[Problem]:
    """A page has one title, and no heading skips a level."""
    levels = [
        (line, len(text) - len(text.lstrip("#")))
        for line, text, inside in page.prose
        if re.match(r"#+ ", text) and not inside
    ]
    if [level for _, level in levels].count(1) != 1:
        yield at(page, 1, "exactly one title")
    previous = 0
    for line, level in levels:
        if level > previous + 1:
            yield at(page, line, f"a heading of level {level} below level {previous}")
        previous = level


def sentence_case(page: Page) -> Iterator[Problem]:
    """A heading has capitals where a sentence has them: its first word, and names."""
    for line, text, inside in page.prose:
        if inside or not re.match(r"#+ ", text) or page.name.endswith("book/index"):
            continue
        heading = plain(text.lstrip("# "))
        if re.match(r"[a-z]", heading) and "/api/" not in page.name:
            yield at(page, line, f"{heading!r} begins with a small letter")
        for word in re.findall(r"(?<![.?!]) ([A-Z][a-z]+(?:–[A-Z][a-z]+)?)\b", heading):
            if word not in _NAMES:
                yield at(page, line, f"{word!r} has a capital within a heading")


def labelled_statements(page: Page) -> Iterator[Problem]:
    """Definitions, theorems and exercises have labels; so do numbered equations."""
    for d in page.directives:
        if d.name in ("prf:proof", "prf:remark"):
            continue
        if (d.name.startswith("prf:") or d.name == "exercise") and not d.options.get(
            "label"
        ):
            yield at(page, d.line, f"{d.name} needs a label")


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
                yield at(page, d.line, f"solves an unknown exercise {d.argument!r}")
            if "dropdown" not in str(d.options.get("class") or ""):
                yield at(page, d.line, "a solution is folded away: :class: dropdown")
    for label, d in exercises.items():
        if label not in solved:
            yield at(page, d.line, f"exercise {label} has no solution")
    if page.is_chapter and not 3 <= len(exercises) <= 5:
        yield at(page, 1, f"three to five exercises, got {len(exercises)}")


def computed_numbers(page: Page) -> Iterator[Problem]:
    """A decimal or a percentage in the prose of a chapter is computed, not typed."""
    if not page.is_chapter:
        return
    for line, text, _ in page.prose:
        for match in _TYPED.finditer(plain(text)):
            typed = re.sub(r"\s", "", match.group())
            if typed not in page.allowed:
                yield at(page, line, f"{typed} is typed; compute it with number()")


def shown_numbers(page: Page) -> Iterator[Problem]:
    """Every glued number is computed on the same page, and every one is used."""
    made = dict(page.calls("number"))
    used = {t.split(":")[0]: line for t, line in page.roles("glue:text", "glue:")}
    for name, line in used.items():
        if not any(fnmatchcase(name, pattern) for pattern in made):
            yield at(page, line, f"no number({name!r}, …) on this page")
    for pattern, line in made.items():
        if not any(fnmatchcase(name, pattern) for name in used):
            yield at(page, line, f"number {pattern!r} is never shown")


def plain_words(page: Page) -> Iterator[Problem]:
    """The prose spells as in Britain and does not belittle the reader."""
    for line, text, _ in page.prose:
        for word in re.findall(r"[A-Za-z]+", plain(text)):
            if word in _BANNED:
                yield at(page, line, f"{word!r}: {_BANNED[word]}")


def a_sentence_a_line(page: Page) -> Iterator[Problem]:
    """The source has one sentence on a line, so that a change shows what changed."""
    end = re.compile(r"(?<!\b[A-Z])(?<!et al)(?<!e\.g)(?<!i\.e)(?<!cf)[.?!] [A-Z][a-z]")
    item = re.compile(r"\s*(?:[|*-]|\d+\. )")
    for line, text, inside in page.prose:
        listed = "glossary" in inside or item.match(text)
        if not page.is_chapter or listed or _is_caption(page, line):
            continue
        if end.search(plain(text)):
            yield at(page, line, "two sentences on one line")


def _is_caption(page: Page, line: int) -> bool:
    return any(d.line == line and d.figure for d in page.cells)


def length(page: Page) -> Iterator[Problem]:
    """A chapter has 1,500 to 2,500 words, at least ten for each line of code."""
    if not page.is_chapter:
        return
    words = page.words()
    if not 1_500 <= words <= 2_500:
        yield at(page, 1, f"{words:,} words")
    code = sum(c.code_lines for c in page.shown_cells)
    code += sum(len(listing(page, d)) for d in page.listings)
    if 10 * code > words:
        yield at(page, 1, f"{words:,} words for {code} lines of code")


RULES: tuple[Callable[[Page], Iterator[Problem]], ...] = (
    front_matter,
    one_title,
    sentence_case,
    labelled_statements,
    solved_exercises,
    computed_numbers,
    shown_numbers,
    plain_words,
    a_sentence_a_line,
    length,
)
