"""Carry two moons to two rings and back, with two models that never met.

The script prints how close the translated points come to real rings, how well left
stays left, and the cycle error.

Chapter: book/families/diffusion-bridges.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.bridges import diffusion_2d
from genbook.data.toy import Rings, TwoMoons
from genbook.metrics import energy_distance
from genbook.models.diffusion.bridge import cycle_error, translate


def main() -> None:
    """Train both sides, translate, and draw."""
    args = example_parser(__doc__).parse_args()
    n, steps = (5_000, 100) if args.fast else (20_000, 500)
    generator = torch.Generator().manual_seed(args.seed)
    moons, rings = TwoMoons(noise=0.1), Rings(radii=(0.6, 1.6), noise=0.1)
    x, other = (rule.sample(n, generator=generator) for rule in (moons, rings))
    source, _ = diffusion_2d(x, steps=steps, seed=2 * args.seed)
    target, _ = diffusion_2d(other, steps=steps, seed=2 * args.seed + 1)

    some = moons.sample(1_000, generator=generator)
    with torch.no_grad():
        noise = source.encode(some)
        there = translate(source, target, some)
    order = torch.corrcoef(torch.stack([some[:, 0], there[:, 0]]))[0, 1]
    print(f"energy distance to rings   {energy_distance(there, other[:1000]):.4f}")
    print(f"left stays left            {order:.2f}")
    print(f"cycle error                {cycle_error(source, target, some):.1e}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, axes = plotting.subplots(1, 3, height=2.6)
    band = some[:, 0].argsort().argsort() * 4 // len(some)
    for ax, points in zip(axes, (some, noise, there), strict=True):
        for k, marker in enumerate("os^x"):
            part = points[band == k]
            ax.scatter(part[:, 0], part[:, 1], s=6, marker=marker)
        ax.set_aspect(1)
    fig.savefig(args.out / "bands.png")
    print(f"Figure: {args.out}/bands.png")


if __name__ == "__main__":
    main()
