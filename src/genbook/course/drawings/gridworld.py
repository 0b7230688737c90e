"""Grid worlds drawn in the book's colours, with what an agent learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from genbook._validate import check_each, check_text
from genbook.course import plotting
from genbook.course._axes import check_axes

#: The actions of FrozenLake, in Gymnasium's order.
ACTIONS = ("left", "down", "right", "up")

_STEPS = ((-1, 0), (0, 1), (1, 0), (0, -1))  # on the page: right, down


def draw_grid(
    ax: Axes,
    tiles: Sequence[str],
    *,
    values: np.ndarray | None = None,
    policy: np.ndarray | None = None,
) -> None:
    """Draw a frozen lake seen from above, with what an agent thinks of it.

    Args:
        ax: Where to draw.
        tiles: The rows of the grid from the top, a letter a tile: ``S`` the start,
            ``G`` the goal, ``H`` a hole, any other letter safe ground.
        values: The value of each state, a number and a wash in its tile, ``(S,)``.
        policy: The action in each state, an index of ``ACTIONS`` and an arrow in its
            tile, ``(S,)``.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the rows differ in length, an array is not one number a tile, a
            value is not finite, or an action is unknown.
    """
    check_axes(ax)
    rows, columns = len(check_each(tiles, "tiles", str)), len(tiles[0]) if tiles else 0
    if not columns or any(len(row) != columns for row in tiles):
        raise ValueError(f"tiles must be rows of one length, got {list(tiles)}")
    for name, array, kinds in (("values", values, "f"), ("policy", policy, "iu")):
        if array is not None:
            _check_array(array, name, rows * columns, kinds)
    if values is not None and not np.isfinite(values).all():
        raise ValueError(f"values must be finite, got {values}")
    if policy is not None and not np.isin(policy, range(len(ACTIONS))).all():
        raise ValueError(f"policy must name actions from 0 to 3, got {policy}")
    for state, tile in enumerate("".join(tiles)):
        y, x = divmod(state, columns)
        over = tile in "GH"
        _draw_tile(ax, x, y, tile)
        if values is not None and not over:
            wash = 0.45 * min(max(float(values[state]), 0.0), 1.0)
            ax.add_patch(
                Rectangle((x, y), 1, 1, color=plotting.MODEL, alpha=wash, lw=0)
            )
            ax.text(x + 0.5, y + 0.8, f"{values[state]:.2f}", ha="center", va="center")
        if policy is not None and not over:
            right, down = _STEPS[int(policy[state])]
            dx, dy = 0.22 * right, 0.22 * down
            cx, cy = x + 0.5, y + (0.4 if values is not None else 0.5)
            ax.annotate(
                "",
                (cx + dx, cy + dy),
                (cx - dx, cy - dy),
                arrowprops={"arrowstyle": "-|>", "color": plotting.MODEL, "lw": 1.6},
            )
    ax.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(True)


def _check_array(array: np.ndarray, name: str, n: int, kinds: str) -> None:
    """Refuse what is not an array of a kind, with one number for each tile."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in kinds:
        wanted = "integers" if "i" in kinds else "floating-point numbers"
        got = getattr(array, "dtype", type(array).__name__)
        raise TypeError(f"{name} must be an array of {wanted}, got {got}")
    if array.shape != (n,):
        raise ValueError(f"{name} must be ({n},), got {array.shape}")


def _draw_tile(ax: Axes, x: int, y: int, tile: str) -> None:
    looks: dict[str, Any] = {"facecolor": "none", "edgecolor": plotting.GRID}
    if tile == "H":
        looks = {"facecolor": plotting.SEA, "edgecolor": plotting.MUTED, "hatch": "///"}
    ax.add_patch(Rectangle((x, y), 1, 1, linewidth=0.7, **looks))
    word = {"H": "hole", "G": "goal", "S": "start"}.get(tile, "")
    place = (x + 0.06, y + 0.17) if tile == "S" else (x + 0.5, y + 0.5)
    style: dict[str, Any] = {"ha": "center", "va": "center", "color": plotting.INK}
    if tile == "S":
        style |= {"ha": "left", "size": 7, "color": plotting.MUTED}
    elif tile == "H":
        box = {"boxstyle": "round,pad=0.2", "fc": plotting.PAPER, "ec": "none"}
        style |= {"bbox": box, "color": plotting.MUTED, "size": 8}
    elif tile == "G":
        style |= {"color": plotting.GOOD, "weight": "bold"}
    ax.text(*place, word, **style)


def draw_loop(
    ax: Axes, *, agent: str, environment: str, action: str, feedback: str
) -> None:
    """Draw the loop of reinforcement learning with a text on each of its parts.

    Args:
        ax: Where to draw.
        agent: What stands in the agent's box, below its name.
        environment: What stands in the environment's box, below its name.
        action: What the arrow from the agent to the environment carries.
        feedback: What the arrow back carries.

    Raises:
        TypeError: If ``ax`` cannot be drawn on, or a text is none.
    """
    check_axes(ax)
    check_text(agent, "agent")
    check_text(environment, "environment")
    check_text(action, "action")
    check_text(feedback, "feedback")
    boxes = {0.0: ("agent", agent, plotting.MODEL)}
    boxes[6.6] = ("environment", environment, plotting.DATA)
    for left, (name, text, colour) in boxes.items():
        ax.add_patch(
            FancyBboxPatch(
                (left, 0.0),
                3.4,
                2.0,
                boxstyle="round,pad=0,rounding_size=0.2",
                facecolor="none",
                edgecolor=colour,
                linewidth=1.6,
            )
        )
        middle = left + 1.7
        words: dict[str, Any] = {"ha": "center", "va": "center", "size": 11}
        ax.text(middle, 1.62, name, weight="bold", color=colour, **words)
        ax.text(middle, 0.75, text, linespacing=1.5, **words)
    for start, end, y, text, side in (
        (3.45, 6.55, 1.45, action, "bottom"),
        (6.55, 3.45, 0.55, feedback, "top"),
    ):
        ax.add_patch(
            FancyArrowPatch(
                (start, y),
                (end, y),
                arrowstyle="-|>",
                mutation_scale=14,
                color=plotting.INK,
                shrinkA=0,
                shrinkB=0,
            )
        )
        shift = 0.12 if side == "bottom" else -0.12
        ax.text(5.0, y + shift, text, ha="center", va=side, linespacing=1.4, size=11)
    ax.set(xlim=(-0.1, 10.1), ylim=(-0.1, 2.1))
    ax.set_axis_off()
