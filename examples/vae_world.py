"""Train a variational autoencoder on the world map, and measure what its bound hides.

Its code has two numbers, so the integral that the bound stands for can be added up over
a grid. The bound of one weight is below it, and the bound of a thousand almost there.

Chapter: book/families/variational-autoencoders.md
"""

from __future__ import annotations

import math

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes import world_data
from genbook.course.recipes.vae import vae_world
from genbook.course.tables import table
from genbook.metrics import support_share
from genbook.models.variational.closed_form import log_prob_by_quadrature


@torch.no_grad()
def main() -> None:
    """Train, compare the bounds with the integral, and draw samples."""
    args = example_parser(__doc__).parse_args()
    world = world_data()
    options = {"steps": 100} if args.fast else {}
    with torch.enable_grad():
        model, history = vae_world(world.x, seed=args.seed, **options)
    generator = torch.Generator().manual_seed(args.seed)
    print(f"trained in {history.cpu_seconds:.1f} s of one core")

    few = world.held_out[: 50 if args.fast else 400]
    weights = model.log_weights(few, k=1000, generator=generator)
    floor = -world.p_data.entropy
    rows = []
    for k in (1, 10, 100, 1000):
        bound = weights.view(-1, k, len(few)).logsumexp(1) - math.log(k)
        rows.append({"": f"bound, k = {k}", "nats above": floor - bound.mean()})
    exact = log_prob_by_quadrature(model, few, nodes=200 if args.fast else 500)
    rows.append({"": "exact", "nats above": floor - exact.mean()})
    print(table(rows, formats={"nats above": ".3f"}))
    samples = model.sample(20_000, generator=generator)
    print(f"samples on land: {support_share(world.p_data, samples):.1%}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.6)
    plotting.draw_land(plotting.world_axes(ax), world.p_data.rings)
    plotting.show_points(ax, samples[:2_000], source="model", size=4)
    fig.savefig(args.out / "samples.png")
    print(f"Figure: {args.out}/samples.png")


if __name__ == "__main__":
    main()
