"""Draw the rooms of the package and the arrows between them, from its imports.

Run it when either changes; a test compares::

    .venv/bin/python tools/draw_architecture.py

It writes ``book/_static/architecture.svg``, the picture of ARCHITECTURE.md, and says in
words there what it shows. Where each room stands is written here; which arrows there
are is read (``architecture.py``).
"""

from __future__ import annotations

import re
from html import escape

from architecture import BELOW, PACKAGE, ROOT, Graph, family, inner, read_imports

PAGE = ROOT / "ARCHITECTURE.md"
PICTURE = ROOT / "book" / "_static" / "architecture.svg"
#: Left, top, width and height of each room, and what it says under its name. The
#: lowest three grow with the number of families.
PLACES: dict[str, tuple[int, int, int, int, str]] = {
    "publishing": (20, 16, 330, 62, "website, PDF, EPUB, notebooks, rules"),
    "explorables": (370, 16, 190, 62, "figures to play with"),
    "cli": (580, 16, 160, 62, "the command genbook"),
    "course": (20, 112, 720, 62, "what only the book needs: claims, figures, recipes"),
    "practice": (440, 208, 160, 62, "models at work"),
    "metrics": (20, 208, 190, 62, "what a model is worth"),
    "discriminative": (240, 208, 180, 62, "p(y | x)"),
    "reinforcement": (612, 208, 128, 62, "reward"),
    "training": (290, 300, 130, 50, "one loop"),
    "data": (20, 384, 130, 60, "p_data"),
    "models": (170, 384, 430, 60, ""),
    "below": (20, 478, 720, 34, ""),
}
COLUMNS = 4  # of families
_STYLE = """\
text { font: 14px "Source Sans 3", "Helvetica Neue", Arial, sans-serif; fill: #16222e;
  text-anchor: middle; }
.name { font-weight: 600; } .says { font-size: 12px; } .room { fill: #d3e1ee; }
.family { fill: #f0f5fa; } .arrow { stroke: #7d8690; stroke-width: 1.6; fill: none; }
.head { fill: #7d8690; }
@media (prefers-color-scheme: dark) {
  text { fill: #eef3f8; } .room { fill: #2b4055; } .family { fill: #1b2a3a; }
}"""


def arrows(graph: Graph) -> Graph:
    """Return which rooms import which; what stands below all of them is one room."""

    def room(module: str) -> str:
        top = module.partition(".")[0]
        return "below" if top in BELOW else top

    between: Graph = {}
    for module, imported in graph.items():
        others = {room(other) for other in imported} - {room(module), ""}
        between.setdefault(room(module), set()).update(others)
    between.pop("", None)
    return between


def without_detours(between: Graph) -> Graph:
    """Drop an arrow where a chain of others leads the same way."""

    def reach(room: str, seen: frozenset[str] = frozenset()) -> set[str]:
        others = between.get(room, set()) - seen
        return others.union(*(reach(o, seen | others) for o in others))

    return {
        room: {o for o in others if not any(o in reach(p) for p in others - {o})}
        for room, others in between.items()
    }


def draw(graph: Graph) -> str:
    """Return the picture of a package as SVG: its rooms, and arrows down.

    An arrow that a chain of others implies is left out.

    Args:
        graph: From :func:`read_imports`.

    Raises:
        ValueError: If a room has no place in the picture.
    """
    between = arrows(graph)
    if lost := sorted(between.keys() - PLACES.keys()):
        raise ValueError(f"rooms must be among {list(PLACES)}, got {lost}")
    families = sorted({family(m, graph) for m in graph if m.startswith("models.")})
    families = [name for name in families if name]
    more = 26 * -(-len(families) // COLUMNS)
    places = PLACES | {
        "data": (*PLACES["data"][:3], PLACES["data"][3] + more, PLACES["data"][4]),
        "models": (*PLACES["models"][:3], PLACES["models"][3] + more, ""),
        "below": (20, PLACES["below"][1] + more, *PLACES["below"][2:]),
    }
    width, height = 760, places["below"][1] + 50
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-labelledby="t">',
        f'<title id="t">{escape(described(between))}</title>',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="h" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path class="head" d="M0 0L8 4L0 8z"/>'
        "</marker></defs>",
    ]
    for room, others in sorted(without_detours(between).items()):
        out += [_arrow(places[room], places[other]) for other in sorted(others)]
    for room, (x, y, w, h, says) in places.items():
        if room in between:
            names = [n for n in BELOW if n in graph] if room == "below" else [room]
            name_at = y + 22 if room == "models" else y + h / 2 + 5 - 9 * bool(says)
            out.append(_box("room", x, y, w, h))
            out.append(_text("name", x + w / 2, name_at, ", ".join(names)))
            out += [_text("says", x + w / 2, y + h / 2 + 15, says)] * bool(says)
    x, y, w, h, _ = places["models"]
    across = (w - 20 + 8) // COLUMNS - 8
    for i, name in enumerate(families):
        left, top = x + 10 + i % COLUMNS * (across + 8), y + 32 + i // COLUMNS * 26
        out.append(_box("family", left, top, across, 22))
        out.append(_text("says", left + across / 2, top + 15, name))
    shared = {inner(m) for m in graph if m.startswith("models.")} - {*families}
    names = [name for name in sorted(shared) if not name.startswith("_")]
    out.append(_text("says", x + w / 2, y + h - 9, f"on {', '.join(names)}"))
    return "\n".join([*out, "</svg>"]) + "\n"


def described(between: Graph) -> str:
    """Say in words what the picture shows."""
    lines = without_detours(between)
    told = [
        f"{room} on {' and '.join(sorted(lines[room]))}"
        for room in PLACES
        if lines.get(room)
    ]
    text = (
        f"The rooms of the package, each above those that it needs: {', '.join(told)}"
    )
    return text.replace("on below", "on what all share") + "."


def on_page(page: str, between: Graph) -> str:
    """Return the text of ARCHITECTURE.md with the words for the picture renewed."""
    words = re.compile(r"(?<=!\[)[^\]]*(?=\]\(book/_static/architecture\.svg\))")
    return words.sub(described(between), page)


def _box(kind: str, x: int, y: int, w: int, h: int) -> str:
    size = f'x="{x}" y="{y}" width="{w}" height="{h}"'
    return f'<rect class="{kind}" {size} rx="{8 if kind == "room" else 5}"/>'


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(words)}</text>'


def _arrow(one: tuple[int, int, int, int, str], two: tuple) -> str:
    """Draw an arrow from the lower edge of a room to the upper edge of another."""
    (x, y, w, h, _), (u, v, s, _, _) = one, two
    left, right = max(x, u), min(x + w, u + s)
    if right - left >= 20:  # one stands above the other
        start = end = (left + right) / 2
    else:
        start, end = (x + 30, u + s - 30) if u < x else (x + w - 30, u + 30)
    line = f"M{start:g} {y + h}L{end:g} {v - 1}"
    return f'<path class="arrow" marker-end="url(#h)" d="{line}"/>'


if __name__ == "__main__":
    imports = read_imports(PACKAGE)
    PICTURE.write_text(draw(imports), "utf8")
    PAGE.write_text(on_page(PAGE.read_text("utf8"), arrows(imports)), "utf8")
