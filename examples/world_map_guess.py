"""Play the guessing game: which places could be the next point of a hidden rule?

Points are drawn by the rule and shown without a map. Guess for each letter whether the
rule could have drawn it; the second figure and the printed answers are the reveal.

Chapter: book/foundations/world-map.md
"""

from __future__ import annotations

import torch
from matplotlib import pyplot as plt

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.world import WorldMap

PLACES = {  # letter: name, latitude and longitude in degrees
    "A": ("western China", 38.0, 95.0),
    "B": ("the Indian Ocean", -20.0, 80.0),
    "C": ("the Atlantic", 25.0, -45.0),
    "D": ("Australia", -22.0, 128.0),
}


def draw(ax: plt.Axes, rule: WorldMap, points: torch.Tensor) -> None:
    """Draw the points and the letters."""
    plotting.show_points(ax, points, size=16)
    for letter, (_, lat, lon) in PLACES.items():
        at = rule.to_map(lat, lon)[0].tolist()
        ax.text(*at, letter, color=plotting.ACCENT, weight="bold", ha="center")


def main() -> None:
    """Draw the question and the answer."""
    parser = example_parser(__doc__)
    parser.add_argument("--points", type=int, default=60, help="how many (default: 60)")
    args = parser.parse_args()
    generator = torch.Generator().manual_seed(args.seed)
    rule = WorldMap()
    points = rule.sample(args.points, generator=generator)

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots()
    draw(ax, rule, points)
    ax.set(xlim=(-1, 1), ylim=(-1, 1), xlabel="$x_1$", ylabel="$x_2$", aspect=0.5)
    fig.savefig(args.out / "question.png")

    fig, ax = plotting.subplots(height=3.6)
    plotting.draw_land(plotting.world_axes(ax), rule.rings)
    draw(ax, rule, points)
    fig.savefig(args.out / "answer.png")

    print(f"{args.points} points drawn by a hidden rule.")
    for letter, (name, lat, lon) in PLACES.items():
        possible = "possible" if rule.is_land(lat, lon) else "impossible"
        print(f"  {letter}: {possible:10}  ({name})")
    print("The rule: a place on land, every square kilometre with the same chance.")
    print(f"Figures: {args.out}/question.png, {args.out}/answer.png")


if __name__ == "__main__":
    main()
