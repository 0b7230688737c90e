"""Bend a square into the continents by splines, and watch an even grid being bent.

Two couplings make the flow: one moves points north and south as their longitude says,
one east and west. Its density is exact, and is zero outside the map.

Chapter: book/families/normalizing-flows.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes import world_data
from genbook.course.recipes.flows import spline_world
from genbook.metrics import nats_above_entropy, support_share


def main() -> None:
    """Train the flow, measure it, and draw its samples and its grid."""
    args = example_parser(__doc__).parse_args()
    world = world_data()
    steps = {"steps": 120} if args.fast else {}
    model, history = spline_world(world.x, seed=args.seed, **steps)
    generator = torch.Generator().manual_seed(args.seed)
    drawn = model.sample(10_000, generator=generator)
    nats = nats_above_entropy(model, world.p_data, world.held_out)
    print(f"{history.steps} steps: {nats} nats above the entropy")
    print(f"samples on land: {support_share(world.p_data, drawn)}")

    a, b = torch.linspace(-1, 1, 17), torch.linspace(-1, 1, 400)
    lines = torch.cartesian_prod(a, b).view(17, 400, 2)
    grid = torch.cat([lines, lines.flip(2)])
    with torch.no_grad():
        bent = model.decode(grid.flatten(0, 1)).view_as(grid)

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, axes = plotting.subplots(1, 2, width="wide", height=2.4)
    for ax in axes:
        plotting.draw_land(plotting.world_axes(ax, labels=False), world.p_data.rings)
    plotting.show_points(axes[0], drawn[:2_000], source="model", size=3)
    for line in bent:
        axes[1].plot(*line.T, color=plotting.MODEL, lw=0.5)
    fig.savefig(args.out / "bent.png")
    print(f"Figure: {args.out}/bent.png")


if __name__ == "__main__":
    main()
