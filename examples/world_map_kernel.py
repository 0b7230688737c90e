"""Put a small bump on every point on land: the kernel density estimate.

The width of the bumps is the only choice. The script compares the width that predicts
each point best from the others with some that are too narrow or too wide, on the points
of the fit and on new ones: too narrow looks perfect on the first and fails the second.

Chapter: book/foundations/world-map.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.tables import table
from genbook.data.world import WorldMap
from genbook.metrics import nats_above_entropy, support_share
from genbook.models.density.kernel import KernelDensity


def main() -> None:
    """Compare the widths, and draw samples of the best."""
    args = example_parser(__doc__).parse_args()
    n = 5_000 if args.fast else 50_000
    generator = torch.Generator().manual_seed(args.seed)
    rule = WorldMap()
    x = rule.sample(n, generator=generator)
    held_out = rule.sample(5_000, generator=generator)

    best = KernelDensity(dim=2).fit(x)
    rows = []
    for factor in (1 / 16, 1 / 4, 1, 4, 16):
        h = best.h.item() * factor
        model = KernelDensity(dim=2, bandwidth=h).fit(x)
        rows.append(
            {
                "width h": f"{h:.5f}" + (" (chosen)" if factor == 1 else ""),
                "nats above, own points": nats_above_entropy(model, rule, x[:5_000]),
                "nats above, new points": nats_above_entropy(model, rule, held_out),
            }
        )
    formats = {name: ".3f" for name in rows[0]}
    print(table(rows, formats=formats, best={"nats above, new points": "low"}))
    samples = best.sample(n, generator=generator)
    print(f"samples on land at the chosen width: {support_share(rule, samples):.1%}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.6)
    plotting.draw_land(plotting.world_axes(ax), rule.rings)
    plotting.show_points(ax, samples[:2_000], source="model", size=4)
    fig.savefig(args.out / "samples.png")
    print(f"Figure: {args.out}/samples.png")


if __name__ == "__main__":
    main()
