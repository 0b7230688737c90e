"""Classification posed as reinforcement learning: a game of one guess."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete

from genbook._validate import check_count, check_kind, check_seed

#: The table of turns may have so many entries, each a small list.
MOST_TURNS = 1_000_000


class ClassificationBandit(gymnasium.Env[np.int64, np.int64]):
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
            write them: ``(probability, next_state, reward, terminated)``.

    Raises:
        TypeError: If the states or the labels are not integers.
        ValueError: If there are none, their numbers differ, one is out of range, or
            the table of states and labels would have more than ``MOST_TURNS`` entries.

    Example:
        >>> game = ClassificationBandit([0, 0, 1], [2, 2, 0])
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
        size = check_count(size, "size", minimum=1)
        if self._states.max() >= size:
            raise ValueError(
                f"states must be below size, which is {size}, got {self._states.max()}"
            )
        actions = int(self._labels.max()) + 1
        if size * actions > MOST_TURNS:
            raise ValueError(
                f"states and labels must make a table of at most {MOST_TURNS:,} turns, "
                f"got {size:,} states and {actions:,} labels"
            )
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
        """Draw an observation and return its state and an empty dictionary.

        Raises:
            TypeError: If ``options``, which change nothing, are neither ``None`` nor a
                dictionary.
        """
        if options is not None:
            check_kind(options, "options", dict)
        super().reset(seed=None if seed is None else check_seed(seed))
        self._round = int(self.np_random.integers(len(self._states)))
        return self._states[self._round], {}

    def step(
        self, action: np.int64
    ) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Return the state, the reward, and that the round is over.

        Raises:
            ValueError: If there is no such label.
        """
        if not isinstance(action, Integral) or not 0 <= action < self._actions:
            raise ValueError(
                f"action must be a label from 0 to {self._actions - 1}, got {action}"
            )
        reward = float(action == self._labels[self._round])
        return self._states[self._round], reward, True, False, {}


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
