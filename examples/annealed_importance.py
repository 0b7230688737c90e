"""Estimate a normaliser by annealing, where the truth is known and where it is not.

The energy is that of a correlated Gaussian in d dimensions, so that log Z has a closed
form. The script compares it with annealed importance sampling for several numbers of
temperatures: one is plain importance sampling, and fails first.

Chapter: book/families/energy-based.md
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.tables import table
from genbook.models.energy.mcmc import annealed_importance_sampling


def main() -> None:
    """Estimate log Z in several dimensions with several ladders of temperatures."""
    args = example_parser(__doc__).parse_args()
    n = 200 if args.fast else 1000
    generator = torch.Generator().manual_seed(args.seed)
    rows = []
    for d in (2, 10, 40):
        at = torch.arange(d)
        precision = 4 * torch.linalg.inv(0.6 ** (at[:, None] - at).abs().double())
        exact = (d * math.log(2 * math.pi) - precision.logdet().item()) / 2

        def energy(x: Tensor, precision: Tensor = precision) -> Tensor:
            return ((x @ precision) * x).sum(1) / 2

        def base(x: Tensor) -> Tensor:
            return -(x.square() + math.log(2 * math.pi)).sum(1) / 2

        for anneal_steps in (1, 10, 50 if args.fast else 300):
            start = torch.randn(n, d, generator=generator, dtype=torch.float64)
            _, w = annealed_importance_sampling(
                energy,
                start,
                base,
                anneal_steps=anneal_steps,
                step_size=0.4,
                generator=generator,
            )
            v = (w - w.max()).exp()
            rows.append(
                {
                    "d": d,
                    "temperatures": anneal_steps,
                    "annealed": (w.max() + v.mean().log()).item(),
                    "exact": exact,
                    "standard error": (v.std() / v.mean() / n**0.5).item(),
                }
            )
    formats = dict.fromkeys(("annealed", "exact", "standard error"), ".3f")
    print(f"log Z from {n} chains")
    print(table(rows, formats=formats | {"d": "d", "temperatures": "d"}))

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.0)
    for d in (2, 10, 40):
        mine = [r for r in rows if r["d"] == d]
        error = [r["annealed"] - r["exact"] for r in mine]
        ax.plot([r["temperatures"] for r in mine], error, "o-", label=f"d = {d}")
    ax.axhline(0, color=plotting.MUTED, lw=0.8)
    ax.set(xscale="log", xlabel="temperatures", ylabel="error of log Z (nats)")
    ax.legend()
    fig.savefig(args.out / "errors.png")
    print(f"Figure: {args.out}/errors.png")


if __name__ == "__main__":
    main()
