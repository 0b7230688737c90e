"""Train a Gaussian and then a network by the same call, towards the same floor.

Maximising likelihood is minimising the divergence from the data to the model. On the
two moons the entropy is known, so the script prints how far above it each model ends.

Chapter: book/foundations/maximum-likelihood.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.toy import TwoMoons
from genbook.metrics import nats_above_entropy
from genbook.models.density.gaussian import Gaussian
from genbook.models.density.grid import GridNetwork
from genbook.training import fit


def main() -> None:
    """Train both models, measure them against the truth, and draw the curves."""
    args = example_parser(__doc__).parse_args()
    steps = 100 if args.fast else 300
    torch.manual_seed(args.seed)  # for the network's first weights
    generator = torch.Generator().manual_seed(args.seed)
    moons = TwoMoons(noise=0.1)
    x = moons.sample(4_000, generator=generator)
    fresh = moons.sample(4_000 if args.fast else 20_000, generator=generator)
    models = {
        "Gaussian": Gaussian(dim=2),
        "network": GridNetwork(moons.low, moons.high, bins=40),
    }

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, (curves, *maps) = plotting.subplots(1, 3, width="wide", height=2.4)
    print(f"entropy of the data  {moons.entropy:.4f} nats")
    for (name, model), dash, ax in zip(models.items(), ["--", "-"], maps, strict=True):
        run = fit(model, x, steps=steps, lr=0.02, seed=args.seed)
        weights = sum(p.numel() for p in model.parameters())
        above = nats_above_entropy(model, moons, fresh)
        print(f"{name:9} {weights:6,} numbers  {above} nats above the entropy")
        plotting.show_curve(curves, run.loss, smooth=5, linestyle=dash, label=name)
        plotting.show_density(ax, model, moons.low, moons.high, resolution=120)
        plotting.show_points(ax, x[:300], size=3, alpha=0.5)
        ax.set(title=name, xticks=[], yticks=[])
    curves.axhline(moons.entropy, color=plotting.DATA, label="entropy")
    curves.set_ylabel("nats")
    curves.legend()
    fig.savefig(args.out / "floor.png")
    print(f"Figure: {args.out}/floor.png")


if __name__ == "__main__":
    main()
