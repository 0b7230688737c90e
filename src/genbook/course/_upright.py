"""Processes drawn as columns of boxes, for telephones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from genbook.course import _boxes, _telephone, plotting
from genbook.course._boxes import LINE, PAD, draw_arrow, draw_text

_GAP = 0.24  # between boxes in inches, room for an arrow
_SIDE = 0.36  # beside a column in inches, room for an arrow back and its word
_MOST = 1.6  # the width of a box in inches

Chains = Mapping[str, Sequence[tuple[str, str]]]


def fits(chains: Chains) -> bool:
    """Say whether every word fits into a box of half the width of a telephone."""
    texts = [text for chain in chains.values() for text, _ in chain]
    return _boxes.longest(texts) <= _wide(len(chains)) - 1.5 * PAD


def _wide(columns: int) -> float:
    beside = min(columns, 2)
    return min((_telephone.WIDTH - 0.1) / beside - _SIDE, _MOST)


def upright(chains: Chains, loops: Mapping[str, tuple[int, int, str]]) -> Figure:
    """Return processes as columns, two beside one another, each under its name.

    Args:
        chains: The name of each process, and the texts and kinds of its boxes.
        loops: For a process, an arrow back: from a box, to an earlier one, its word.
    """
    wide, names = _wide(len(chains)), list(chains)
    texts = {
        name: [(_boxes.broken(text, wide - 1.5 * PAD), kind) for text, kind in chain]
        for name, chain in chains.items()
    }
    talls = {
        name: (max(text.count("\n") for text, _ in chain) + 1) * LINE + 2 * PAD
        for name, chain in texts.items()
    }
    highs = {k: 0.3 + len(v) * (talls[k] + _GAP) for k, v in texts.items()}
    pairs = [names[i : i + 2] for i in range(0, len(names), 2)]
    across = min(len(names), 2) * (_SIDE + wide)
    down = sum(max(highs[name] for name in pair) for pair in pairs)
    ax = _boxes.sheet(across, down - _GAP, "columns")
    top = 0.0
    for pair in pairs:
        for column, name in enumerate(pair):
            left = column * (_SIDE + wide) + _SIDE
            draw_text(
                ax, (left, top - 0.12), name, plotting.MUTED, ha="left", weight="bold"
            )
            first, step = top - 0.3 - talls[name] / 2, talls[name] + _GAP
            at = [(left + wide / 2, first - i * step) for i in range(len(texts[name]))]
            boxes = [
                _boxes.draw_box(ax, place, (wide, talls[name]), *box)
                for place, box in zip(at, texts[name], strict=True)
            ]
            for i in range(1, len(boxes)):
                draw_arrow(ax, boxes[i - 1], boxes[i], at[i - 1], at[i])
            if name in loops:
                i, j, word = loops[name]
                y, v = at[i][1], at[j][1]
                x = left - 0.15
                _boxes.draw_bent(ax, [(left, y), (x, y), (x, v), (left, v)])
                draw_text(ax, (x - 0.1, (y + v) / 2), word, rotation=90)
        top -= max(highs[name] for name in pair)
    figure = ax.figure
    assert isinstance(figure, Figure)
    return figure
