"""Find a maximum likelihood estimate in three ways, and draw the climb.

The family is the Gaussian, the data are logarithms of wind speed. Closed form, grid and
gradient ascent must agree.

Chapter: book/foundations/maximum-likelihood.md
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.wind import load_wind
from genbook.models.density.gaussian import Gaussian


def log_density(mu: Tensor, sigma: Tensor, z: Tensor) -> Tensor:
    """Return the Gaussian's log density in nats."""
    r = (z - mu) / sigma
    return -(r**2) / 2 - sigma.log() - math.log(2 * math.pi) / 2


def main() -> None:
    """Estimate in three ways, compare, and draw the surface."""
    args = example_parser(__doc__).parse_args()
    wind = load_wind(dtype=torch.float64)
    z = wind.dequantised(torch.Generator().manual_seed(args.seed))[::24, 0].log()

    model = Gaussian(1).double().fit(z[:, None])
    closed = torch.stack([model.mu[0], model.tril[0, 0]]).detach()

    size = 61 if args.fast else 161
    mu = torch.linspace(0.6, 1.8, size).double()
    sigma = torch.linspace(0.3, 1.1, size).double()
    grid = torch.cartesian_prod(mu, sigma)
    ell = torch.cat([log_density(*g.T[:, :, None], z).sum(1) for g in grid.split(999)])
    best = grid[ell.argmax()]

    theta = torch.tensor([0.75, 0.0], dtype=torch.float64, requires_grad=True)
    climb = []
    for _ in range(100 if args.fast else 400):
        climb.append(theta.detach().clone())
        mean_ell = log_density(theta[0], theta[1].exp(), z).mean()
        (gradient,) = torch.autograd.grad(mean_ell, theta)
        theta.data += 0.03 * gradient
    path = torch.stack(climb)
    path[:, 1] = path[:, 1].exp()

    print(f"{len(z)} readings, one moving hour in twenty-four")
    ways = {"closed form": closed, "grid": best, "gradient ascent": path[-1]}
    for name, (m, s) in ways.items():
        top = log_density(m, s, z).sum()
        print(f"{name:15}  mu {m:.6f}  sigma {s:.6f}  log-likelihood {top:.6f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.6)
    depth = (ell - ell.max()).view(size, size).T
    levels = [-400, -200, -100, -50, -20, -5]
    lines = ax.contour(mu, sigma, depth, levels, colors=plotting.MUTED)
    ax.clabel(lines, fmt="%d", fontsize=7)
    ax.plot(*path.T, "o-", color=plotting.MODEL, markersize=3, label="ascent")
    ax.plot(*closed, "*", color=plotting.GOOD, label="closed form")
    ax.set(xlabel="mean", ylabel="standard deviation")
    ax.legend()
    fig.savefig(args.out / "surface.png")
    print(f"Figure: {args.out}/surface.png")


if __name__ == "__main__":
    main()
