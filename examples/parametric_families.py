"""Sweep the parameters of two families over measured wind speeds.

A family is a formula with a few numbers left open. The script holds all parameters but
one, moves that one, and prints the mean log-likelihood of the speeds for each value.

Chapter: book/foundations/probability.md
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution, Normal, Weibull

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.wind import SITES, load_wind


def members(steps: int) -> dict[str, list[tuple[str, Distribution]]]:
    """Return families: for each, labelled members along a sweep of one parameter."""
    sweep = torch.linspace(1, 3, steps).double()
    four, two, middle = torch.tensor([4.0, 2.0, 3.5]).double()
    return {
        "Weibull, c = 4": [(f"k = {k:g}", Weibull(four, k)) for k in sweep],
        "Weibull, k = 2": [(f"c = {2 * c:g}", Weibull(2 * c, two)) for c in sweep],
        "Gaussian, μ = 3.5": [(f"σ = {d:g}", Normal(middle, d)) for d in sweep],
    }


def main() -> None:
    """Sweep, print the log-likelihoods, and draw the curves."""
    parser = example_parser(__doc__)
    parser.add_argument("--site", choices=SITES, default=SITES[0])
    args = parser.parse_args()
    wind = load_wind(args.site, dtype=torch.float64)
    generator = torch.Generator().manual_seed(args.seed)
    speed: Tensor = wind.dequantised(generator)[:, 0]
    families = members(3 if args.fast else 5)

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, axes = plotting.subplots(1, 3, width="wide", height=2.8, sharey=True)
    s = torch.linspace(0.01, 14, 400).double()
    for ax, (title, curves) in zip(axes, families.items(), strict=True):
        print(title)
        ax.hist(speed, 32, density=True, color=plotting.DATA, alpha=0.3)
        for i, (label, p) in enumerate(curves):
            print(f"  {label:8}  {p.log_prob(speed).mean():.4f} nats an hour")
            alpha = 0.3 + 0.7 * i / (len(curves) - 1)
            curve = p.log_prob(s).exp()
            ax.plot(s, curve, color=plotting.MODEL, alpha=alpha, label=label)
        ax.set(title=title, xlabel="speed (m/s)")
        ax.legend()
    axes[0].set_ylabel("density (s/m)")
    fig.savefig(args.out / "families.png")
    print(f"Figure: {args.out}/families.png")


if __name__ == "__main__":
    main()
