"""Let an agent learn to cross a frozen lake, and check it against the exact values.

Q-learning tries; value iteration reads the lake's own table of what actions do.

Chapter: book/learning/types-of-learning.md
"""

from __future__ import annotations

import gymnasium

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.drawings.gridworld import ACTIONS, draw_grid
from genbook.reinforcement.q_learning import (
    policy_value,
    q_learning,
    transition_table,
    value_iteration,
)

DISCOUNT = 0.99


def main() -> None:
    """Train the agent, compare its policy with the best one, and draw both."""
    parser = example_parser(__doc__)
    parser.add_argument("--epsilon", type=float, default=0.2, help="random actions")
    args = parser.parse_args()
    lake = gymnasium.make("FrozenLake-v1")
    agent = q_learning(
        lake,
        episodes=300 if args.fast else 2000,
        discount=DISCOUNT,
        epsilon=args.epsilon,
        lr=0.5,
        lr_end=0.02,
        optimism=1.0,
        seed=args.seed,
    )
    truth = transition_table(lake)
    exact = value_iteration(truth, DISCOUNT)
    value = policy_value(truth, agent.policy, DISCOUNT)[0]

    print("the first turns of the loop")
    for turn in agent.first[:3]:
        said = f"state {turn.state}, {ACTIONS[turn.action]}"
        print(f"  {said:14} -> state {turn.next_state}, reward {turn.reward:.0f}")
    late = sum(agent.returns[-200:]) / 200
    print(f"crossed while exploring  {late:.2f} of the last 200 episodes")
    print(f"value of its policy      {value:.4f}")
    print(f"value of the best policy {exact[0].max():.4f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    tiles = ["".join(row) for row in lake.unwrapped.desc.astype(str)]
    fig, (ax, bx) = plotting.subplots(1, 2, height=3.4)
    draw_grid(ax, tiles, values=agent.q.max(1), policy=agent.policy)
    draw_grid(bx, tiles, values=exact.max(1), policy=exact.argmax(1))
    ax.set_title("learned")
    bx.set_title("exact")
    fig.savefig(args.out / "policy.png")
    fig, ax = plotting.subplots(height=2.6)
    plotting.show_curve(ax, agent.returns, smooth=100)
    ax.set(xlabel="episode", ylabel="reached the goal", ylim=(0, 1))
    fig.savefig(args.out / "curve.png")
    print(f"Figures: {args.out}/policy.png, curve.png")


if __name__ == "__main__":
    main()
