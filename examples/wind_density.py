"""Estimate the density of some thousand hours of wind, on a plane and on a rose.

A histogram over speed and direction and a kernel estimate on the rose describe the same
hours. The script prints their integrals and the probability of a moderate
south-westerly, from the densities and by counting.

Chapter: book/foundations/probability.md
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.wind import SITES, load_wind
from genbook.models.density.histogram import Histogram
from genbook.models.density.kernel import KernelDensity


def on_rose(x: Tensor) -> Tensor:
    """Return speed and direction, ``(n, 2)``, as a point of the plane in m/s."""
    s, d = x[:, 0], x[:, 1].deg2rad()
    return torch.stack([s * d.sin(), s * d.cos()], dim=1)


def main() -> None:
    """Estimate, integrate, compare with the count, and draw."""
    parser = example_parser(__doc__)
    parser.add_argument("--site", choices=SITES, default=SITES[0])
    args = parser.parse_args()
    wind = load_wind(args.site, dtype=torch.float64)
    x = wind.dequantised(torch.Generator().manual_seed(args.seed))
    top = math.ceil(x[:, 0].max())
    low, high = torch.tensor([[0.0, 0.0], [top, 360.0]]).double()
    histogram = Histogram(low, high, [top, 36]).fit(x)
    kernel = KernelDensity(2, bandwidth=0.5).double().fit(on_rose(x))

    cells = math.lcm(top, 36)  # aligned with the histogram's in both directions
    *_, grid = plotting.grid_points(low, high, cells * (1 if args.fast else 2))
    area = (high - low).prod() / len(grid)
    stretch = grid[:, 0] * torch.pi / 180  # of the rose, at each point of the plane
    densities = {
        "histogram": histogram.log_prob(grid).exp(),
        "kernel": kernel.log_prob(on_rose(grid)).exp() * stretch,
    }

    def moderate_sw(v: Tensor) -> Tensor:
        return (v[:, 0] // 3 == 1) & (v[:, 1] // 90 == 2)

    print(f"{wind.hours:,} hours, {wind.calm_hours / wind.hours:.1%} of them calm")
    for name, p in densities.items():
        region = (p * moderate_sw(grid)).sum() * area
        print(f"{name:9}  integral {p.sum() * area:.6f}  3-6 m/s from SW {region:.4f}")
    print(f"counted{moderate_sw(x).double().mean():46.4f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, (plane, rose) = plotting.subplots(1, 2, width="wide", height=3.2)
    plotting.show_density(
        plane, lambda v: histogram.log_prob(v.flip(1)), low.flip(0), high.flip(0)
    )
    plane.set(xlabel="direction (degrees)", ylabel="speed (m/s)")
    plotting.show_density(rose, kernel, [-12, -12], [12, 12], resolution=80)
    rose.set(xlabel="from the east (m/s)", ylabel="from the north (m/s)")
    rose.set_aspect("equal")
    fig.savefig(args.out / "density.png")
    print(f"Figure: {args.out}/density.png")


if __name__ == "__main__":
    main()
