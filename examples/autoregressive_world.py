"""Draw places on land one coordinate at a time, in two orders, and measure each.

A masked network gives the chances of the second coordinate from the first. One network
begins with the longitude, another with the latitude; the model is their average.

Chapter: book/families/autoregressive.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes import world_data
from genbook.course.recipes.autoregressive import made_world
from genbook.metrics import nats_above_entropy, support_share


def main() -> None:
    """Train the networks, measure them, and draw samples at two temperatures."""
    args = example_parser(__doc__).parse_args()
    world = world_data()
    steps = 100 if args.fast else 1000
    model, history = made_world(world.x, steps=steps, seed=args.seed)
    nats = nats_above_entropy(model, world.p_data, world.held_out)
    with torch.no_grad():
        alone = -model.log_prob_by_order(world.held_out).double().mean(0)
    first, second = (alone - world.p_data.entropy).tolist()

    print(f"trained           {history.steps} steps in {history.cpu_seconds:.0f} CPU s")
    print(f"longitude first   {first:.3f} nats above the floor")
    print(f"latitude first    {second:.3f} nats above the floor")
    print(f"both              {nats:.3f} nats above the floor")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, axes = plotting.subplots(2, 1, height=6.4)
    for ax, temperature in zip(axes, (1.0, 0.7), strict=True):
        generator = torch.Generator().manual_seed(args.seed)
        x = model.sample(10_000, temperature=temperature, generator=generator)
        land = support_share(world.p_data, x)
        print(f"temperature {temperature}   {land:.1%} of the samples on land")
        plotting.world_axes(ax).set_facecolor(plotting.SEA)
        plotting.draw_land(ax, world.p_data.rings)
        plotting.show_points(ax, x[:2000], source="model", size=4)
        ax.set_title(f"temperature {temperature}")
    fig.savefig(args.out / "samples.png")
    print(f"Figure: {args.out}/samples.png")


if __name__ == "__main__":
    main()
