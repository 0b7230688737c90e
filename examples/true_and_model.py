"""Compare several models of the same data with the density that made them.

The two moons have a density known exactly. Each model of them integrates to one, and
none scores higher on fresh points than the truth.

Chapter: book/foundations/probability.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.toy import TwoMoons
from genbook.models.density.box import UniformBox
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.histogram import Histogram
from genbook.models.density.kernel import KernelDensity
from genbook.models.density.mixture import GaussianMixture


@torch.no_grad()
def main() -> None:
    """Fit the models, integrate them, score them, and draw them."""
    args = example_parser(__doc__).parse_args()
    moons = TwoMoons(noise=0.1)
    generator = torch.Generator().manual_seed(args.seed)
    draw = {"generator": generator, "dtype": torch.float64}
    x = moons.sample(500 if args.fast else 2_000, **draw)
    fresh = moons.sample(1_000 if args.fast else 20_000, **draw)
    low, high = moons.low.double(), moons.high.double()
    densities = {
        "truth": moons,
        "box": UniformBox.from_corners(low, high),
        "Gaussian": Gaussian(2).double().fit(x),
        "mixture": GaussianMixture(2, 8).double().fit(x, generator=generator),
        "histogram": Histogram(low, high, 24, pseudo_count=0.1).fit(x),
        "kernel": KernelDensity(2).double().fit(x),
    }

    margin = (high - low) / 2
    *_, grid = plotting.grid_points(low - margin, high + margin, 192)
    area = (2 * (high - low)).prod() / len(grid)
    print("            integral   score on fresh points (nats)")
    for name, p in densities.items():
        integral = p.log_prob(grid).exp().sum() * area
        print(f"{name:10}  {integral:.6f}   {p.log_prob(fresh).mean():+.4f}")
    print(f"minus the entropy      {-moons.entropy:+.4f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, axes = plotting.subplots(1, len(densities), width="wide", height=1.5)
    style = {"resolution": 100, "ceiling": moons.log_prob(x).exp().max()}
    for ax, (name, p) in zip(axes, densities.items(), strict=True):
        plotting.show_density(ax, p.log_prob, low, high, **style)
        ax.set(title=name, xticks=[], yticks=[])
    fig.savefig(args.out / "densities.png")
    print(f"Figure: {args.out}/densities.png")


if __name__ == "__main__":
    main()
