"""Reinforcement learning on a small table: an agent, an environment, a reward.

The environments are Gymnasium's toy texts. They come with their own transition table,
so the values that an agent learns by trying can be checked against the exact ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genbook._validate import (
    check_count,
    check_number,
    check_positive,
    check_seed,
)


@dataclass(frozen=True)
class TransitionTable:
    """What an environment does, written out.

    Attributes:
        probability: ``(S, A, S)``, the probability of each next state.
        reward: ``(S, A)``, the expected reward of each action.
        continues: ``(S, A, S)``, the probability of each next state from which the
            episode goes on; what ends it has no future.
    """

    probability: np.ndarray
    reward: np.ndarray
    continues: np.ndarray


@dataclass(frozen=True)
class Transition:
    """One turn of the loop: in ``state``, ``action`` brought ``reward``."""

    state: int
    action: int
    reward: float
    next_state: int
    terminated: bool


@dataclass
class QLearningResult:
    """What an agent learned and how.

    Attributes:
        q: Learned action values, ``(S, A)``.
        returns: The sum of rewards of each episode.
        lengths: The number of steps of each episode.
        first: The transitions of the first episode.
    """

    q: np.ndarray
    returns: list[float] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    first: list[Transition] = field(default_factory=list)

    @property
    def policy(self) -> np.ndarray:
        """The greedy action in each state, ``(S,)``."""
        return self.q.argmax(1)


def transition_table(env: Any) -> TransitionTable:
    """Read the transition table of a Gymnasium toy-text environment.

    Args:
        env: An environment whose ``unwrapped.P[state][action]`` lists
            ``(probability, next_state, reward, terminated)``.

    Raises:
        TypeError: If the environment has no such table.

    Example:
        >>> import gymnasium
        >>> table = transition_table(gymnasium.make("FrozenLake-v1"))
        >>> table.probability.shape
        (16, 4, 16)
    """
    rows = getattr(getattr(env, "unwrapped", env), "P", None)
    if rows is None:
        raise TypeError(
            f"env must be a toy-text environment with a table P, got "
            f"{type(env).__name__}"
        )
    states, actions = len(rows), len(rows[0])
    p = np.zeros((states, actions, states))
    continues = np.zeros_like(p)
    reward = np.zeros((states, actions))
    for s in range(states):
        for a in range(actions):
            for probability, following, r, terminated in rows[s][a]:
                p[s, a, following] += probability
                continues[s, a, following] += probability * (not terminated)
                reward[s, a] += probability * r
    return TransitionTable(p, reward, continues)


def value_iteration(
    table: TransitionTable, discount: float, *, tolerance: float = 1e-12
) -> np.ndarray:
    r"""Return the exact optimal action values, ``(S, A)``.

    .. math:: Q(s, a) = r(s, a) + \gamma \sum_{s'} p(s' \mid s, a) \max_{a'} Q(s', a')

    is repeated until nothing moves by more than ``tolerance``, or than its rounding.

    Raises:
        TypeError: If ``table`` is not a :class:`TransitionTable`.
        ValueError: If ``discount`` is not in [0, 1), or ``tolerance`` not positive.

    Reference:
        Bellman, "Dynamic Programming", 1957.
    """
    _check_table(table)
    _check_discount(discount)
    tolerance = check_positive(tolerance, "tolerance")
    largest = np.abs(table.reward).max() / (1 - discount)
    tolerance = max(tolerance, 4 * np.finfo(np.float64).eps * largest)  # its rounding
    q = np.zeros_like(table.reward)
    while True:
        new = table.reward + discount * table.continues @ q.max(1)
        if np.abs(new - q).max() <= tolerance:
            return new
        q = new


def policy_value(
    table: TransitionTable, policy: np.ndarray | Sequence[int], discount: float
) -> np.ndarray:
    """Return the exact value of each state under a policy, ``(S,)``.

    Solves the linear equations of the policy, so nothing is simulated.

    Args:
        table: The environment.
        policy: The action taken in each state, ``(S,)``.
        discount: How much the next step's reward counts.

    Raises:
        TypeError: If ``table`` is not a :class:`TransitionTable`, or ``policy`` holds
            no integers.
        ValueError: If ``discount`` is not in [0, 1), or ``policy`` has another shape
            or an action that there is not.
    """
    _check_table(table)
    _check_discount(discount)
    states = len(table.reward)
    policy = np.asarray(policy)
    if policy.shape != (states,):
        raise ValueError(f"policy must be ({states},), got {policy.shape}")
    if not np.issubdtype(policy.dtype, np.integer):
        raise TypeError(f"policy must hold integer actions, got {policy.dtype}")
    actions = table.reward.shape[1]
    if policy.min() < 0 or policy.max() >= actions:
        raise ValueError(
            f"policy must hold actions 0 to {actions - 1}, got {policy.min()} to "
            f"{policy.max()}"
        )
    rows = np.arange(states)
    future = np.eye(states) - discount * table.continues[rows, policy]
    return np.linalg.solve(future, table.reward[rows, policy])


def q_learning(
    env: Any,
    *,
    episodes: int,
    discount: float = 0.99,
    epsilon: float = 0.1,
    lr: float = 0.1,
    lr_end: float | None = None,
    optimism: float = 0.0,
    seed: int = 0,
) -> QLearningResult:
    r"""Learn action values by trying, without the transition table.

    After each transition the value moves towards what the transition promises,

    .. math:: Q(s, a) \leftarrow Q(s, a)
              + \eta\,[r + \gamma \max_{a'} Q(s', a') - Q(s, a)].

    Args:
        env: A Gymnasium environment with numbered states and actions.
        episodes: How many episodes to play.
        discount: How much the next step's reward counts, in [0, 1).
        epsilon: The probability of a random action, in [0, 1].
        lr: The step size :math:`\eta` at the start.
        lr_end: The step size at the end, reached geometrically; ``lr`` when ``None``.
        optimism: The value that every action starts with; above the truth it makes
            the agent try each action until it knows better.
        seed: The seed of the agent and of the environment.

    Returns:
        The learned values and the course of learning.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range.

    Reference:
        Watkins and Dayan, "Q-learning", 1992, doi:10.1007/BF00992698.
    """
    episodes = check_count(episodes, "episodes", minimum=1)
    _check_discount(discount)
    lr = check_positive(lr, "lr")
    lr_end = lr if lr_end is None else check_positive(lr_end, "lr_end")
    if not 0 <= check_number(epsilon, "epsilon") <= 1:
        raise ValueError(f"epsilon must be in [0, 1], got {epsilon}")
    seed = check_seed(seed)
    rng = np.random.default_rng(seed)
    states, actions = (
        _number_of(env, s) for s in ("observation_space", "action_space")
    )
    q = np.full((states, actions), check_number(optimism, "optimism"))
    out = QLearningResult(q)
    state, _ = env.reset(seed=seed)
    for episode in range(episodes):
        eta = lr * (lr_end / lr) ** (episode / max(1, episodes - 1))
        total, length, over = 0.0, 0, False
        while not over:
            best = np.flatnonzero(q[state] == q[state].max())
            explore = rng.random() < epsilon
            action = int(rng.integers(actions) if explore else rng.choice(best))
            following, reward, terminated, cut_short, _ = env.step(action)
            target = reward + discount * (0.0 if terminated else q[following].max())
            q[state, action] += eta * (target - q[state, action])
            if episode == 0:
                out.first.append(
                    Transition(state, action, float(reward), following, terminated)
                )
            total, length = total + float(reward), length + 1
            state, over = following, terminated or cut_short
        out.returns.append(total)
        out.lengths.append(length)
        state, _ = env.reset()
    return out


def _number_of(env: Any, space: str) -> int:
    """Return how many states or actions an environment has."""
    n = getattr(getattr(env, space, None), "n", None)
    if n is None:
        raise TypeError(
            f"env must have a {space} of numbers, a Discrete, got {type(env).__name__}"
        )
    return int(n)


def _check_table(table: TransitionTable) -> None:
    if not isinstance(table, TransitionTable):
        raise TypeError(
            f"table must be a TransitionTable, got {type(table).__name__}: see "
            f"transition_table"
        )


def _check_discount(discount: float) -> None:
    if not 0 <= check_number(discount, "discount") < 1:
        raise ValueError(f"discount must be in [0, 1), got {discount}")
