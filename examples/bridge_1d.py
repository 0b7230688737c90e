"""Carry numbers from one mixture to another, and compare with the quantile map.

Two diffusions are trained apart on the line and joined at the noise. The script prints
how far the bridge is from the map that is known, and the cycle error of each solver.

Chapter: book/families/diffusion-bridges.md
"""

from __future__ import annotations

import numpy as np
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.bridges import diffusion_1d
from genbook.models.diffusion.bridge import (
    cycle_error,
    translate,
    translation_path,
)
from genbook.models.diffusion.solvers import EVALUATIONS

SOURCE = ([0.5, 0.5], [-1.0, 1.2], [0.3, 0.4])
TARGET = ([0.3, 0.5, 0.2], [-1.6, 0.0, 1.6], [0.2, 0.35, 0.2])


def main() -> None:
    """Train both sides, translate, and measure."""
    args = example_parser(__doc__).parse_args()
    n, steps = (5_000, 150) if args.fast else (20_000, 400)
    generator = torch.Generator().manual_seed(args.seed)

    sides = []
    for k, (w, mu, sd) in enumerate((SOURCE, TARGET)):
        w, mu, sd = torch.tensor(w), torch.tensor(mu), torch.tensor(sd)
        part = torch.multinomial(w, n, replacement=True, generator=generator)
        x = mu[part] + sd[part] * torch.randn(n, generator=generator)
        model, _ = diffusion_1d(x[:, None], steps=steps, seed=2 * args.seed + k)
        sides.append((MixtureSameFamily(Categorical(w), Normal(mu, sd)), x, model))
    (p_s, x, source), (p_t, _, target) = sides

    some = x[:1000, None]
    moved = translate(source, target, some)
    grid = torch.linspace(-4, 4, 20_001)
    wanted = torch.tensor(np.interp(p_s.cdf(some[:, 0]), p_t.cdf(grid), grid))
    error = (moved[:, 0] - wanted).abs().mean().item()
    print(f"mean distance from the quantile map  {error:.4f}")
    for method, each in EVALUATIONS.items():
        error = cycle_error(source, target, some[:100], steps=48 // each, method=method)
        print(f"cycle error, {method:5s} at 48 evaluations   {error:.1e}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.2)
    start = torch.quantile(some, torch.linspace(0.02, 0.98, 25), dim=0)
    paths = translation_path(source, target, start)[:, :, 0]
    ax.plot(torch.linspace(-1, 1, len(paths)), paths, color=plotting.INK, lw=0.9)
    ax.set(xticks=[-1, 0, 1], xticklabels=["source", "noise", "target"], ylabel="x")
    fig.savefig(args.out / "paths.png")
    print(f"Figure: {args.out}/paths.png")


if __name__ == "__main__":
    main()
