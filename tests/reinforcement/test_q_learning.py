"""What is learned by trying agrees with what the transition table says."""

from __future__ import annotations

import numpy as np
import pytest

from genbook.reinforcement.bandit import ClassificationBandit
from genbook.reinforcement.q_learning import (
    TransitionTable,
    policy_value,
    q_learning,
    transition_table,
    value_iteration,
)

gymnasium = pytest.importorskip("gymnasium")
DISCOUNT = 0.99


@pytest.fixture(scope="module")
def lake() -> TransitionTable:
    return transition_table(gymnasium.make("FrozenLake-v1"))


def test_each_action_leads_somewhere(lake: TransitionTable) -> None:
    assert np.allclose(lake.probability.sum(2), 1)
    assert (lake.continues <= lake.probability + 1e-15).all()
    assert lake.continues[14, :, 15].max() == 0  # the goal ends the episode


def test_value_iteration_solves_the_bellman_equation(lake: TransitionTable) -> None:
    q = value_iteration(lake, DISCOUNT)
    again = lake.reward + DISCOUNT * lake.continues @ q.max(1)
    assert np.abs(q - again).max() < 1e-11


def test_value_iteration_agrees_with_policy_iteration(lake: TransitionTable) -> None:
    """An independent route to the optimum: evaluate, act greedily, repeat."""
    policy = np.zeros(16, dtype=int)
    for _ in range(50):
        v = policy_value(lake, policy, DISCOUNT)
        policy = (lake.reward + DISCOUNT * lake.continues @ v).argmax(1)
    optimal = value_iteration(lake, DISCOUNT).max(1)
    assert np.allclose(policy_value(lake, policy, DISCOUNT), optimal, atol=1e-9)


def test_policy_value_agrees_with_playing(lake: TransitionTable) -> None:
    env = gymnasium.make("FrozenLake-v1", max_episode_steps=2000)
    policy = value_iteration(lake, DISCOUNT).argmax(1)
    total, episodes = [], 800
    state, _ = env.reset(seed=1)
    for _ in range(episodes):
        weight, value, over = 1.0, 0.0, False
        while not over:
            state, reward, terminated, cut, _ = env.step(int(policy[state]))
            value, weight, over = value + weight * reward, weight * DISCOUNT, terminated
            over = over or cut
        total.append(value)
        state, _ = env.reset()
    error = 4 * np.std(total) / np.sqrt(episodes)
    assert abs(np.mean(total) - policy_value(lake, policy, DISCOUNT)[0]) < error


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_q_learning_reaches_the_optimum(lake: TransitionTable, seed: int) -> None:
    env = gymnasium.make("FrozenLake-v1")
    learned = q_learning(
        env, episodes=2000, epsilon=0.2, lr=0.5, lr_end=0.02, optimism=1.0, seed=seed
    )
    optimal = value_iteration(lake, DISCOUNT).max(1)[0]
    assert policy_value(lake, learned.policy, DISCOUNT)[0] >= 0.98 * optimal
    assert len(learned.returns) == len(learned.lengths) == 2000


def test_same_seed_same_agent() -> None:
    def play() -> np.ndarray:
        return q_learning(gymnasium.make("CliffWalking-v1"), episodes=20, seed=4).q

    assert np.array_equal(play(), play())


def test_first_episode_is_kept() -> None:
    learned = q_learning(gymnasium.make("FrozenLake-v1"), episodes=3, seed=0)
    assert len(learned.first) == learned.lengths[0]
    assert learned.first[0].state == 0
    for before, after in zip(learned.first, learned.first[1:], strict=False):
        assert before.next_state == after.state


def test_bad_input_is_named(lake: TransitionTable) -> None:
    env = gymnasium.make("FrozenLake-v1")
    with pytest.raises(TypeError, match="toy-text environment"):
        transition_table(object())
    with pytest.raises(ValueError, match=r"discount must be in \[0, 1\)"):
        value_iteration(lake, 1.0)
    with pytest.raises(ValueError, match=r"policy must be \(16,\), got \(4,\)"):
        policy_value(lake, np.zeros(4, dtype=int), DISCOUNT)
    with pytest.raises(ValueError, match="episodes must be at least 1"):
        q_learning(env, episodes=0)
    with pytest.raises(ValueError, match=r"epsilon must be in \[0, 1\]"):
        q_learning(env, episodes=1, epsilon=2.0)
    with pytest.raises(ValueError, match="lr must be positive"):
        q_learning(env, episodes=1, lr=0.0)
    for name, value in {"seed": 2**70, "episodes": 10**12}.items():
        with pytest.raises(ValueError, match=f"{name} must be at most"):
            q_learning(env, **{"episodes": 1, name: value})
    for name in ("optimism", "epsilon", "discount", "lr", "lr_end"):
        with pytest.raises(TypeError, match=f"{name} must be a number, got str 'a'"):
            q_learning(env, **{"episodes": 1, name: "a"})
    with pytest.raises(ValueError, match="optimism must be finite"):
        q_learning(env, episodes=1, optimism=np.nan)
    with pytest.raises(TypeError, match="env must have a observation_space of numbers"):
        q_learning(5, episodes=1)
    for call in (value_iteration, lambda t, d: policy_value(t, np.zeros(16), d)):
        with pytest.raises(TypeError, match="table must be a TransitionTable, got int"):
            call(5, DISCOUNT)
    with pytest.raises(TypeError, match="policy must hold integer actions"):
        policy_value(lake, np.zeros(16), DISCOUNT)
    with pytest.raises(ValueError, match="policy must hold actions 0 to 3, got -1 to"):
        policy_value(lake, np.arange(16) % 4 - 1, DISCOUNT)


@pytest.mark.parametrize("discount", [0.0, 0.9, 0.99])
def test_iteration_ends_whatever_is_asked(
    lake: TransitionTable, discount: float
) -> None:
    """Below the rounding of the values nothing gets any better."""
    exact = value_iteration(lake, discount)
    assert np.allclose(value_iteration(lake, discount, tolerance=1e-300), exact)


@pytest.mark.parametrize(
    ("states", "labels"), [([0, 1], [0, 10**9]), ([10**9, 0], [0, 1])]
)
def test_a_game_that_would_not_fit_is_refused(
    states: list[int], labels: list[int]
) -> None:
    with pytest.raises(ValueError, match="at most 1"):
        ClassificationBandit(states, labels)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint64"])
def test_a_game_takes_every_type_of_integers(dtype: str) -> None:
    states, labels = np.array([0, 1, 1], dtype), np.array([1, 0, 1], dtype)
    game = ClassificationBandit(states, labels)
    assert game.P == ClassificationBandit([0, 1, 1], [1, 0, 1]).P
    with pytest.raises(ValueError, match="action must be a label from 0 to 1, got a"):
        game.step("a")
