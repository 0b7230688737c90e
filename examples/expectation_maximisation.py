"""Fit bumps to the longitudes of points on land, step by step, from several starts.

The E-step computes the responsibilities, the M-step refits each bump to all points.
The script prints the smallest gain of any step, which is negative by rounding at
most, and where each start ends.

Chapter: book/foundations/expectation-maximisation.md
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.world import WorldMap

Theta = tuple[Tensor, Tensor, Tensor]


def log_joint(x: Tensor, theta: Theta) -> Tensor:
    """Return the log density of each point and component, ``(n, k)``."""
    pi, mu, sigma = theta
    z = (x[:, None] - mu) / sigma
    return pi.log() - sigma.log() - z**2 / 2 - math.log(2 * math.pi) / 2


def m_step(x: Tensor, r: Tensor) -> Theta:
    """Return weights, means and standard deviations given responsibilities."""
    n = r.sum(dim=0)
    mu = (r * x[:, None]).sum(dim=0) / n
    variance = (r * (x[:, None] - mu) ** 2).sum(dim=0) / n
    return n / len(x), mu, variance.sqrt()


def main() -> None:
    """Climb from several starts, and draw the best mixture over the data."""
    parser = example_parser(__doc__)
    parser.add_argument("--components", type=int, default=4, help="default: 4")
    args = parser.parse_args()
    k, (starts, steps) = args.components, (3, 50) if args.fast else (12, 400)
    g = torch.Generator().manual_seed(args.seed)
    x = WorldMap().sample(4_000, generator=g).double()[:, 0]

    runs: list[tuple[float, Theta]] = []
    least = math.inf
    for _ in range(starts):
        mu = x[torch.randperm(len(x), generator=g)[:k]]
        theta: Theta = (torch.full_like(mu, 1 / k), mu, x.std().expand(k))
        heights = []
        for _ in range(steps + 1):
            joint = log_joint(x, theta)
            heights.append(joint.logsumexp(dim=1).mean().item())
            last, theta = theta, m_step(x, joint.softmax(dim=1))  # E, then M
        gains = torch.tensor(heights, dtype=torch.float64).diff()
        least = min(least, gains.min().item())
        runs.append((heights[-1], last))
    runs.sort(key=lambda run: run[0])
    print(f"smallest gain of any step  {least:.1e} nats a point")
    print("ends, worst to best       ", *(f"{height:.4f}" for height, _ in runs))

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3)
    line = torch.linspace(-1, 1, 400).double()
    bumps = log_joint(line, runs[-1][1]).exp()
    ax.hist(x, 50, density=True, color=plotting.DATA, alpha=0.25)
    ax.plot(line, bumps, color=plotting.MODEL, linewidth=0.8)
    ax.plot(line, bumps.sum(dim=1), color=plotting.MODEL, linewidth=2)
    ax.set(xlabel="longitude / 180°", ylabel="density")
    fig.savefig(args.out / "mixture.png")
    print(f"Figure: {args.out}/mixture.png")


if __name__ == "__main__":
    main()
