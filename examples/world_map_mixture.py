"""Fit a mixture of Gaussians to points on land, and look at its density.

Each component is a bump with its own place, shape and weight; expectation-maximisation
climbs the likelihood. More components come closer to the floor, the true entropy.

Chapter: book/foundations/world-map.md
"""

from __future__ import annotations

from time import process_time

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.world import WorldMap
from genbook.metrics import nats_above_entropy, support_share
from genbook.models.density.mixture import GaussianMixture


def main() -> None:
    """Fit the mixture, measure it, and draw its density."""
    parser = example_parser(__doc__)
    parser.add_argument("--components", type=int, default=64, help="default: 64")
    args = parser.parse_args()
    n, iterations = (5_000, 20) if args.fast else (50_000, 200)
    generator = torch.Generator().manual_seed(args.seed)
    rule = WorldMap()
    x = rule.sample(n, generator=generator)
    held_out = rule.sample(10_000, generator=generator)

    model = GaussianMixture(dim=2, components=args.components)
    start = process_time()
    model.fit(x, iterations=iterations, generator=generator)
    seconds = process_time() - start
    samples = model.sample(n, generator=generator)
    surest = model.responsibilities(held_out).amax(dim=1).mean().item()

    print(f"{args.components} components, {n:,} points")
    print(f"steps             {len(model.history) - 1} in {seconds:.1f} s")
    print(f"log-likelihood    {model.history[0]:.4f} → {model.history[-1]:.4f} nats")
    print(f"above the floor   {nats_above_entropy(model, rule, held_out):.4f} nats")
    print(f"samples on land   {support_share(rule, samples):.1%}")
    print(f"surest component  has probability {surest:.2f} on average")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.6)
    plotting.world_axes(ax)
    plotting.show_density(ax, model, (-1, -1), (1, 1), ceiling=1.5)
    plotting.draw_land(ax, rule.rings, fill=False)
    fig.savefig(args.out / "density.png")
    print(f"Figure: {args.out}/density.png")


if __name__ == "__main__":
    main()
