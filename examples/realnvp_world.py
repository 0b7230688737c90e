"""Bend a Gaussian into the continents by straight lines only, and see the filaments.

An affine coupling has one slope for a whole coordinate. It cannot squeeze an ocean
without squeezing the continents beside it, so threads remain between them.

Chapter: book/families/normalizing-flows.md
"""

from __future__ import annotations

import torch

from genbook import plotting
from genbook.cli import example_parser
from genbook.metrics import nats_above_entropy, support_share
from genbook.recipes import world_data
from genbook.recipes.flows import realnvp_world


def main() -> None:
    """Train the flow, measure it, and draw its density."""
    args = example_parser(__doc__).parse_args()
    world = world_data()
    steps = {"steps": 80} if args.fast else {}
    model, history = realnvp_world(world.x, seed=args.seed, **steps)
    generator = torch.Generator().manual_seed(args.seed)
    drawn = model.sample(10_000, generator=generator)
    nats = nats_above_entropy(model, world.rule, world.held_out)
    print(f"{history.steps} steps: {nats} nats above the entropy")
    print(f"samples on land: {support_share(world.rule, drawn)}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.figure(height=3.6)
    plotting.world_axes(ax)
    plotting.show_density(ax, model, (-1, -1), (1, 1), ceiling=1.5)
    plotting.draw_land(ax, world.rule.rings, fill=False)
    fig.savefig(args.out / "filaments.png")
    print(f"Figure: {args.out}/filaments.png")


if __name__ == "__main__":
    main()
