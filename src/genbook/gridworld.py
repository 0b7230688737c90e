"""Grid worlds: a game of guessing labels, and drawings of what an agent learned.

The states of these worlds are numbered. :class:`GuessingGame` poses classification as
reinforcement learning; the other functions draw grids and the loop between agent and
environment in the book's colours, without pygame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from genbook import plotting
from genbook._validate import check_count

#: The actions of FrozenLake, in Gymnasium's order.
ACTIONS = ("left", "down", "right", "up")
_STEPS = ((-1, 0), (0, 1), (1, 0), (0, -1))  # on the page: right, down


class GuessingGame(gymnasium.Env[np.int64, np.int64]):
    r"""Classification as a game: see a state, guess a label, be told right or wrong.

    Each episode is one round. An observation is drawn, the agent sees its state and
    answers with a label; the reward is 1 for the right one and 0 for any other. The
    label itself is never shown. The expected reward of a guess is the share of the
    label among the observations of the state,

    .. math:: Q(s, a) = \frac{\#\{i : s_i = s,\, y_i = a\}}{\#\{i : s_i = s\}},

    which stands in the transition table ``P``.

    Args:
        states: The state that is seen of each observation, ``(n,)`` integers from 0.
        labels: The label of each observation, ``(n,)`` integers from 0.
        size: How many states there are; one more than the largest when ``None``.

    Attributes:
        P: For each state and action the possible turns, as Gymnasium's toy texts
            write them: ``(probability, next_state, reward, ended)``.

    Raises:
        TypeError: If the states or the labels are not integers.
        ValueError: If there are none, their numbers differ, or one is out of range.

    Example:
        >>> game = GuessingGame([0, 0, 1], [2, 2, 0])
        >>> state, _ = game.reset(seed=0)
        >>> game.step(np.int64([2, 0][state]))[1]
        1.0
    """

    def __init__(
        self,
        states: Sequence[int] | np.ndarray,
        labels: Sequence[int] | np.ndarray,
        size: int | None = None,
    ) -> None:
        self._states = _whole_numbers(states, "states")
        self._labels = _whole_numbers(labels, "labels")
        if len(self._states) != len(self._labels):
            raise ValueError(
                f"labels must be one for each of the {len(self._states)} states, got "
                f"{len(self._labels)}"
            )
        if size is None:
            size = int(self._states.max()) + 1
        if self._states.max() >= check_count(size, "size", minimum=1):
            raise ValueError(
                f"states must be below size, which is {size}, got {self._states.max()}"
            )
        actions = int(self._labels.max()) + 1
        self.observation_space = Discrete(size)
        self.action_space = Discrete(actions)
        self._actions = actions
        self._round = 0
        counts = np.zeros((size, actions))
        np.add.at(counts, (self._states, self._labels), 1)
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        self.P = {
            s: {
                a: [(p, s, 1.0, True), (1 - p, s, 0.0, True)]
                for a, p in enumerate(row.tolist())
            }
            for s, row in enumerate(shares)
        }

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Draw an observation and return its state and an empty dictionary."""
        super().reset(seed=seed)
        self._round = int(self.np_random.integers(len(self._states)))
        return self._states[self._round], {}

    def step(
        self, action: np.int64
    ) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Return the state, the reward, and that the round is over.

        Raises:
            ValueError: If there is no such label.
        """
        if not 0 <= action < self._actions:
            raise ValueError(
                f"action must be a label from 0 to {self._actions - 1}, got {action}"
            )
        reward = float(action == self._labels[self._round])
        return self._states[self._round], reward, True, False, {}


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
        ValueError: If the rows differ in length, an array is not one number a tile, or
            an action is unknown.
    """
    rows, columns = len(tiles), len(tiles[0]) if tiles else 0
    if not columns or any(len(row) != columns for row in tiles):
        raise ValueError(f"tiles must be rows of one length, got {list(tiles)}")
    for name, array in (("values", values), ("policy", policy)):
        if array is not None and np.shape(array) != (rows * columns,):
            raise ValueError(
                f"{name} must be ({rows * columns},), got {np.shape(array)}"
            )
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
    """
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
        ax.text(
            middle, 1.68, name, ha="center", va="center", weight="bold", color=colour
        )
        ax.text(middle, 0.8, text, ha="center", va="center", linespacing=1.5, size=8.5)
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
        ax.text(5.0, y + shift, text, ha="center", va=side, linespacing=1.4, size=8.5)
    ax.set(xlim=(-0.1, 10.1), ylim=(-0.1, 2.1))
    ax.set_axis_off()


def _whole_numbers(x: Sequence[int] | np.ndarray, name: str) -> np.ndarray:
    array = np.asarray(x)
    if array.ndim != 1 or not len(array):
        raise ValueError(
            f"{name} must be (n,) with at least one entry, got {array.shape}"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name} must be integers, got {array.dtype}")
    if array.min() < 0:
        raise ValueError(f"{name} must not be negative, got {array.min()}")
    return array.astype(np.int64)
