"""The rules that the code and the figures of one page keep."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable, Iterator

from genbook.publishing.content.bookkeeping import SHOWN
from genbook.publishing.content.listings import listing
from genbook.publishing.content.page import Page, parse
from genbook.publishing.rules.problem import Problem, at

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
_INFINITIES = {"math.inf", "np.inf", "numpy.inf", "torch.inf"}
_MAKES_FIGURE = re.compile(r"\b(?:figure|subplots|subplot_mosaic)\(")


def short_cells(page: Page) -> Iterator[Problem]:
    """A cell has at most 20 lines of at most 79 characters; the median is 4 to 6."""
    for cell in page.visible_cells:
        if cell.code_lines > 20:
            yield at(page, cell.line, f"a cell of {cell.code_lines} lines")
    for cell in page.cells:
        for i, line in enumerate(cell.body):
            if len(line) > 79:
                yield at(page, cell.body_line + i, f"{len(line)} characters")
    lengths = [c.code_lines for c in page.visible_cells]
    if page.is_chapter and lengths and not 3 <= statistics.median(lengths) <= 6:
        yield at(page, 1, f"median length of a cell is {statistics.median(lengths)}")


def known_tags(page: Page) -> Iterator[Problem]:
    """A cell is shown, folded or removed: no other tag is used.

    Cells of bookkeeping are folded without a tag; ``show`` keeps them open.
    """
    for cell in page.cells:
        if unknown := set(cell.tags) - {"remove-cell", "hide-input", SHOWN}:
            yield at(page, cell.line, f"unknown tags {sorted(unknown)}")
    for cell in page.cells:
        if "remove-cell" in cell.tags and _MAKES_FIGURE.search(cell.source):
            yield at(page, cell.line, "a removed cell that draws")


def figures_of_the_book(page: Page) -> Iterator[Problem]:
    """What is drawn comes after ``plotting.setup()``, or it is pixels in other colours.

    Other modules call it themselves; here it is about figures that the page makes.
    """
    ready = False
    for cell in page.cells:
        ready = ready or "plotting.setup()" in cell.source
        if "plotting.subplots(" in cell.source and not ready:
            yield at(page, cell.line, "a figure before plotting.setup()")
            return


def described_figures(page: Page) -> Iterator[Problem]:
    """A cell draws one figure, with caption, alternative text and label."""
    for cell in page.cells:
        drawn = len(_MAKES_FIGURE.findall(cell.source))
        if drawn > 1:
            yield at(page, cell.line, f"{drawn} figures in one cell")
        if drawn:
            name = str(cell.figure.get("name") or "")
            if not name.startswith("fig-"):
                yield at(page, cell.line, f"a figure's name is fig-…, got {name!r}")
            if len(str(cell.figure.get("caption") or "")) < 30:
                yield at(page, cell.line, "a figure needs a caption")
            if len(cell.alt) < 40:
                yield at(page, cell.line, "a figure needs alternative text")
    for d in page.directives:
        if d.name == "figure":
            if len(d.alt) < 40:
                yield at(page, d.line, "a figure needs alternative text")
            if not str(d.options.get("name") or "").startswith("fig-"):
                yield at(page, d.line, "a figure needs a name fig-…")
        if d.name == "image" and not d.alt:
            yield at(page, d.line, "an image needs alternative text")


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
            yield at(page, cell.line, f"{called} may show a value: end it with ;")


def silent_fits(page: Page) -> Iterator[Problem]:
    """A cell that ends with a fit hides what it returns: a model, or a time."""
    for cell in page.cells:
        last = parse(cell).body[-1:]
        if "remove-cell" in cell.tags or not last or not isinstance(last[0], ast.Expr):
            continue
        called = ast.unparse(getattr(last[0].value, "func", last[0].value))
        fits = re.search(r"(?:^|[._])fit$", called)
        if fits and not cell.source.rstrip().endswith(";"):
            yield at(page, cell.line, f"{called} shows what it returns: end it with ;")


def no_network(page: Page) -> Iterator[Problem]:
    """No cell asks the network for anything."""
    for cell in page.cells:
        for i, line in enumerate(cell.body):
            if _NETWORK.search(line):
                yield at(page, cell.body_line + i, line.strip())


def included_code(page: Page) -> Iterator[Problem]:
    """Library code is included from the package: 25 lines of 79 characters at most."""
    for d in page.listings:
        try:
            shown = listing(page, d)
        except (OSError, StopIteration, ValueError) as error:
            yield at(page, d.line, f"cannot include {d.argument}: {error!r}")
            continue
        if len(shown) > 25:
            yield at(page, d.line, f"{len(shown)} lines of {d.argument}")
        if (widest := max(map(len, shown), default=0)) > 79:
            yield at(page, d.line, f"{widest} characters in {d.argument}")
    if page.is_chapter and not page.listings:
        yield at(page, 1, "a chapter shows the code that is its equation")


def claimed(page: Page) -> Iterator[Problem]:
    """A chapter checks at least two claims."""
    claims = list(page.calls("claim"))
    if page.is_chapter and len(claims) < 2:
        yield at(page, 1, f"at least two claims, got {len(claims)}")


def refusing_claims(page: Page) -> Iterator[Problem]:
    """A claim of a chapter names alternatives that it refuses, all of them computed."""
    if not page.is_chapter:
        return
    for cell in page.cells:
        for call in ast.walk(parse(cell)):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "claim":
                name = ast.unparse(call.args[0]) if call.args else "claim"
                line = cell.body_line + call.lineno - 1
                for what in _unrefusing({k.arg: k.value for k in call.keywords}):
                    yield at(page, line, f"{name} {what}")


def _unrefusing(keywords: dict[str | None, ast.expr]) -> Iterator[str]:
    """Yield what is wrong with the alternatives among the arguments of a claim."""
    rejects = keywords.get("rejects")
    empty = isinstance(rejects, ast.Dict) and not rejects.keys
    if empty or (rejects is None and None not in keywords):
        yield "refuses nothing: give it rejects={'an alternative': its value}"
    if isinstance(rejects, ast.Constant):
        yield f"refuses {ast.unparse(rejects)}, which is no mapping"
    if isinstance(rejects, ast.Dict):
        for key, value in zip(rejects.keys, rejects.values, strict=True):
            if key is not None and _typed(value):
                yield f"refuses a typed {ast.unparse(value)}: compute it"


def _typed(value: ast.expr) -> bool:
    """Return whether a number is made of nothing but typed numbers."""
    if isinstance(value, ast.UnaryOp | ast.BinOp):
        inside = [n for n in ast.iter_child_nodes(value) if isinstance(n, ast.expr)]
        return all(map(_typed, inside))
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) == "float" and all(map(_typed, value.args))
    return isinstance(value, ast.Constant) or ast.unparse(value) in _INFINITIES


def example_scripts(page: Page) -> Iterator[Problem]:
    """Every script that a chapter names exists, is short, and says what it does."""
    root = page.path.parents[len(page.name.split("/")) - 1]
    for name in page.front.get("script") or []:
        path = root / "examples" / f"{name}.py"
        if not path.is_file():
            yield at(page, 1, f"no examples/{name}.py")
            continue
        text = path.read_text("utf8")
        if not ast.get_docstring(ast.parse(text)):
            yield at(page, 1, f"examples/{name}.py has no docstring")
        if len(text.splitlines()) > 85:
            yield at(page, 1, f"examples/{name}.py is too long to read in a sitting")


RULES: tuple[Callable[[Page], Iterator[Problem]], ...] = (
    short_cells,
    figures_of_the_book,
    known_tags,
    described_figures,
    silent_figures,
    silent_fits,
    no_network,
    included_code,
    claimed,
    refusing_claims,
    example_scripts,
)
