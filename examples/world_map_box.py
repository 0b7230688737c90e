"""Fit the first generative model, a box, to points on land, and sample it.

The box of maximum likelihood is the smallest that holds the points. The script prints
its corners, its integral, and how many of its samples fall in the sea.

Chapter: book/foundations/world-map.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.world import WorldMap
from genbook.metrics import mean_log_prob, support_share
from genbook.models.density.box import UniformBox


def main() -> None:
    """Fit the box, measure it, and draw its samples."""
    args = example_parser(__doc__).parse_args()
    n = 2_000 if args.fast else 50_000
    generator = torch.Generator().manual_seed(args.seed)
    rule = WorldMap()
    x = rule.sample(n, generator=generator, dtype=torch.float64)
    held_out = rule.sample(10_000, generator=generator, dtype=torch.float64)

    box = UniformBox(dim=2).double().fit(x)
    samples = box.sample(n, generator=generator)
    impossible = box.log_prob(held_out).isinf().sum().item()
    x_edges, y_edges, centres = plotting.grid_points(box.low, box.high)
    cell = (x_edges[1] - x_edges[0]) * (y_edges[1] - y_edges[0])

    (lat0, lat1), (lon0, lon1) = rule.to_degrees(torch.stack([box.low, box.high]))
    print(f"points            {n:,}")
    print(
        f"box               {lat0:.2f}° to {lat1:.2f}° N, {lon0:.2f}° to {lon1:.2f}° E"
    )
    print(f"area              {box.volume:.4f} of 4, land {rule.land_area:.4f}")
    print(f"integral          {(box.log_prob(centres).exp().sum() * cell).item():.9f}")
    print(f"log-likelihood    {mean_log_prob(box, x):.4f} nats a point")
    print(f"no model can pass {-rule.entropy:.4f} nats a point")
    print(f"samples in sea    {1 - support_share(rule, samples):.1%}")
    print(f"called impossible {impossible:,} of {len(held_out):,} new points")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.6)
    plotting.draw_land(plotting.world_axes(ax), rule.rings)
    plotting.show_box(ax, box.low, box.high)
    plotting.show_points(ax, samples[:500], source="model")
    fig.savefig(args.out / "samples.png")
    print(f"Figure: {args.out}/samples.png")


if __name__ == "__main__":
    main()
