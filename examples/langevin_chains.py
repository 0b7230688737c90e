"""Walk by Langevin dynamics on a known density, with and without the test of each move.

Chains start at one point of a mixture of two Gaussians. For several sizes of the step
the script prints how long the walk must be, and whether a two-sample test can tell its
ends from true draws.

Chapter: book/families/energy-based.md
"""

from __future__ import annotations

import torch
from torch import Tensor

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.tables import table
from genbook.data.toy_mixtures import GaussianMixture2D
from genbook.metrics import energy_test
from genbook.models.energy.mcmc import langevin


def main() -> None:
    """Walk, test, and draw the ends of the chains."""
    args = example_parser(__doc__).parse_args()
    n, steps = (400, 100) if args.fast else (1500, 300)
    generator = torch.Generator().manual_seed(args.seed)
    pair = GaussianMixture2D(
        torch.tensor([0.3, 0.7]),
        torch.tensor([[-1.0, 0.0], [1.0, 0.5]]),
        0.35 * torch.eye(2).expand(2, 2, 2),
    )

    def energy(x: Tensor) -> Tensor:
        return 7 - pair.log_prob(x)  # any constant will do

    true = pair.sample(n, generator=generator)
    rows, ends = [], {}
    for h in (0.1, 0.5, 1.0):
        for adjusted in (True, False):
            x = langevin(
                energy,
                torch.zeros(n, 2),
                steps=steps,
                step_size=h,
                adjusted=adjusted,
                generator=generator,
            )
            statistic, p = energy_test(x, true, generator=generator)
            name = "tested" if adjusted else "untested"
            rows.append({"step h": h, "moves": name, "distance": statistic, "p": p})
            ends[h, adjusted] = x
    print(f"{n} chains, {steps} moves, from one point")
    print(table(rows, formats={"step h": ".1f", "distance": ".4f", "p": ".3f"}))

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, axes = plotting.subplots(1, 2, width="wide", height=3.2, sharey=True)
    for ax, adjusted in zip(axes, (True, False), strict=True):
        plotting.show_points(ax, true, size=3)
        plotting.show_points(ax, ends[1.0, adjusted], source="model", size=3)
        ax.set(title="tested" if adjusted else "untested", aspect="equal")
    fig.savefig(args.out / "chains.png")
    print(f"Figure: {args.out}/chains.png")


if __name__ == "__main__":
    main()
