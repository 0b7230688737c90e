"""Bend a Gaussian into the continents by straight lines only, and see the filaments.

An affine coupling has one slope for a whole coordinate. It cannot squeeze an ocean
without squeezing the continents beside it, so threads remain between them.

Chapter: book/families/normalizing-flows.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes import world_data
from genbook.course.recipes.flows import realnvp_world
from genbook.metrics import nats_above_entropy, support_share


def main() -> None:
    """Train the flow, measure it, and draw its density."""
    args = example_parser(__doc__).parse_args()
    world = world_data()
    steps = {"steps": 80} if args.fast else {}
    model, history = realnvp_world(world.x, seed=args.seed, **steps)
    generator = torch.Generator().manual_seed(args.seed)
    drawn = model.sample(10_000, generator=generator)
    nats = nats_above_entropy(model, world.p_data, world.held_out)
    print(f"{history.steps} steps: {nats} nats above the entropy")
    print(f"samples on land: {support_share(world.p_data, drawn)}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.6)
    plotting.world_axes(ax)
    plotting.show_density(ax, model, (-1, -1), (1, 1), ceiling=1.5)
    plotting.draw_land(ax, world.p_data.rings, fill=False)
    fig.savefig(args.out / "filaments.png")
    print(f"Figure: {args.out}/filaments.png")


if __name__ == "__main__":
    main()
