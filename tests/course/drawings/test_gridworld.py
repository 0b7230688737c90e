"""A guessing game is a proper environment, and a drawn grid says what it should."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

gymnasium = pytest.importorskip("gymnasium")

# After the skip:
from genbook.course.drawings.gridworld import ACTIONS, draw_grid, draw_loop  # noqa: E402
from genbook.reinforcement.bandit import ClassificationBandit  # noqa: E402
from genbook.reinforcement.q_learning import (  # noqa: E402
    q_learning,
    transition_table,
    value_iteration,
)

STATES = np.array([0, 0, 0, 1, 1, 3])
LABELS = np.array([2, 2, 1, 0, 0, 1])


@pytest.fixture
def ax() -> Iterator[Axes]:
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield plt.subplots()[1]
    plt.close("all")
    matplotlib.use(before)


def test_gymnasium_accepts_the_game() -> None:
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a missing spec and the like
        check_env(ClassificationBandit(STATES, LABELS), skip_render_check=True)


def test_the_table_counts_labels() -> None:
    """Expected rewards are relative frequencies, counted here one by one."""
    table = transition_table(ClassificationBandit(STATES, LABELS))
    for s in range(4):
        for a in range(3):
            own = [y for x, y in zip(STATES, LABELS, strict=True) if x == s]
            share = sum(y == a for y in own) / len(own) if own else 0
            assert table.reward[s, a] == pytest.approx(share)
    assert np.allclose(table.probability.sum(2), 1)
    assert not table.continues.any()  # a round is over after one guess


def test_playing_agrees_with_the_table() -> None:
    game = ClassificationBandit(STATES, LABELS)
    seen = np.zeros((4, 2))
    state, _ = game.reset(seed=3)
    for _ in range(4000):
        following, reward, terminated, cut, _ = game.step(np.int64(2))
        assert (following, terminated, cut) == (state, True, False)
        seen[state] += reward, 1
        state, _ = game.reset()
    wanted = transition_table(game).reward[:, 2]
    played = seen[:, 1] > 0
    assert played.tolist() == [True, True, False, True]
    shares = seen[played, 0] / seen[played, 1]
    assert np.abs(shares - wanted[played]).max() < 0.06
    assert seen[0, 1] / 4000 == pytest.approx(0.5, abs=0.05)  # three of six are seen


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_agent_learns_the_most_frequent_label(seed: int) -> None:
    game = ClassificationBandit(STATES, LABELS)
    learned = q_learning(game, episodes=500, discount=0, epsilon=0.3, seed=seed)
    exact = value_iteration(transition_table(game), 0.0)
    assert learned.policy[[0, 1, 3]].tolist() == [2, 0, 1]
    assert exact.argmax(1)[[0, 1, 3]].tolist() == [2, 0, 1]


def test_the_same_seed_deals_the_same_rounds() -> None:
    def deal() -> list[int]:
        game = ClassificationBandit(STATES, LABELS, size=9)
        first = game.reset(seed=5)[0]
        return [int(first)] + [int(game.reset()[0]) for _ in range(20)]

    assert deal() == deal()
    assert ClassificationBandit(STATES, LABELS, size=9).observation_space.n == 9


def test_a_bad_game_is_refused() -> None:
    with pytest.raises(ValueError, match=r"states must be \(n,\) with at least one"):
        ClassificationBandit([], [])
    with pytest.raises(TypeError, match="labels must be integers, got float64"):
        ClassificationBandit([0, 1], np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="states must not be negative, got -1"):
        ClassificationBandit([0, -1], [0, 1])
    with pytest.raises(ValueError, match="one for each of the 2 states, got 1"):
        ClassificationBandit([0, 1], [0])
    with pytest.raises(ValueError, match="below size, which is 2, got 3"):
        ClassificationBandit(STATES, LABELS, size=2)
    game = ClassificationBandit(STATES, LABELS)
    game.reset(seed=0)
    with pytest.raises(ValueError, match="a label from 0 to 2, got 3"):
        game.step(np.int64(3))


def arrows(ax: Axes) -> dict[tuple[int, int], tuple[float, float]]:
    """Return the direction of the arrow in each tile, (right, down)."""
    found = {}
    for t in ax.texts:
        if getattr(t, "arrow_patch", None) is not None:
            (x1, y1), (x0, y0) = t.xy, t.xyann  # type: ignore[attr-defined]
            tile = int((x0 + x1) / 2), int((y0 + y1) / 2)
            found[tile] = (float(np.sign(round(x1 - x0, 6))), np.sign(y1 - y0))
    return found


def test_arrows_point_where_the_lake_moves(ax: Axes) -> None:
    """On ice that does not slip the drawn step is the step that is taken."""
    lake = gymnasium.make("FrozenLake-v1", is_slippery=False)
    tiles = ["".join(row) for row in lake.unwrapped.desc.astype(str)]
    table = transition_table(lake)
    assert tiles == ["SFFF", "FHFH", "FFFH", "HFFG"]
    for action in range(len(ACTIONS)):
        ax.clear()
        draw_grid(ax, tiles, policy=np.full(16, action))
        drawn = arrows(ax)
        assert len(drawn) == 11  # neither in holes nor at the goal
        for (x, y), (right, down) in drawn.items():
            following = int(table.probability[4 * y + x, action].argmax())
            fy, fx = divmod(following, 4)
            inside = 0 <= x + right < 4 and 0 <= y + down < 4
            assert (fx, fy) == ((x + right, y + down) if inside else (x, y))


def test_values_stand_in_their_tiles(ax: Axes) -> None:
    draw_grid(ax, ["SFH", "FFG"], values=np.arange(6) / 10)
    numbers = {t.get_text(): t.get_position() for t in ax.texts}
    assert numbers["0.10"] == (1.5, 0.8)
    assert numbers["0.30"] == (0.5, 1.8)
    assert "0.20" not in numbers  # a hole has no value
    assert {"hole", "goal", "start"} <= set(numbers)
    assert ax.get_ylim() == (2, 0)  # the first row is on top


def test_a_bad_grid_leaves_the_axes_clean(ax: Axes) -> None:
    with pytest.raises(ValueError, match="rows of one length"):
        draw_grid(ax, ["SF", "G"])
    with pytest.raises(ValueError, match=r"values must be \(4,\), got \(3,\)"):
        draw_grid(ax, ["SF", "FG"], values=np.zeros(3))
    with pytest.raises(ValueError, match=r"policy must be \(4,\), got \(2, 2\)"):
        draw_grid(ax, ["SF", "FG"], policy=np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="policy must name actions from 0 to 3"):
        draw_grid(ax, ["SF", "FG"], policy=np.full(4, 4))
    assert not ax.texts
    assert not ax.patches


def test_the_loop_carries_its_texts(ax: Axes) -> None:
    draw_loop(ax, agent="Q: 1", environment="slides", action="right", feedback="0")
    said = {t.get_text(): t.get_position() for t in ax.texts}
    assert said["Q: 1"][0] == said["agent"][0] < 4  # the agent is on the left
    assert said["slides"][0] == said["environment"][0] > 6
    assert said["right"][1] > said["0"][1]  # the action goes above, the answer below
