"""Train a neural network to tell land from sea, by a loop that is written out.

The network, its loss, Adam and the batches are a few lines each. The script prints the
loss on held-out places as training goes on, for many places and for few: with few the
network overfits.

Chapter: book/foundations/neural-networks.md
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.world import WorldMap

SIZES = (2, 64, 64, 1)


def start(generator: torch.Generator) -> list[Tensor]:
    """Return random weights of a size that suits the layer, and biases of zero."""
    theta = []
    for a, b in pairwise(SIZES):
        weights = torch.randn(a, b, generator=generator) * (2 / a) ** 0.5
        theta += [weights.requires_grad_(), torch.zeros(b, requires_grad=True)]
    return theta


def network(theta: list[Tensor], x: Tensor) -> Tensor:
    """Return the logit of land for each place, ``(n, 1)``."""
    *hidden, weights, bias = theta
    for v, c in zip(hidden[::2], hidden[1::2], strict=True):
        x = (x @ v + c).relu()
    return x @ weights + bias


def loss(theta: list[Tensor], x: Tensor, y: Tensor) -> Tensor:
    """Return the mean negative log-likelihood, in nats."""
    return F.binary_cross_entropy_with_logits(network(theta, x), y)


def main() -> None:
    """Train on many places and on few, and draw both validation curves."""
    args = example_parser(__doc__).parse_args()
    g = torch.Generator().manual_seed(args.seed)
    world, rounds = WorldMap(), 5 if args.fast else 20
    x, x_new = (2 * torch.rand(n, 2, generator=g) - 1 for n in (20_000, 5_000))
    y, y_new = (world.on_land(v).float()[:, None] for v in (x, x_new))
    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3)
    for n, dash in ((20_000, "-"), (300, "--")):
        theta, curve = start(g), []
        adam = torch.optim.Adam(theta, lr=0.01)
        for step in range(1, 100 * rounds + 1):
            rows = torch.randint(n, (256,), generator=g)
            adam.zero_grad()
            loss(theta, x[rows], y[rows]).backward()
            adam.step()
            if step % 100 == 0:
                with torch.no_grad():
                    curve.append(loss(theta, x_new, y_new).item())
        right = ((network(theta, x_new) > 0) == (y_new > 0)).double().mean()
        print(f"{n:6,} places: held-out loss {min(curve):.3f} at its lowest,", end=" ")
        print(f"{curve[-1]:.3f} nats at the end, {right:.1%} right")
        steps = range(100, 100 * rounds + 1, 100)
        ax.plot(steps, curve, dash, color=plotting.MODEL, label=f"{n:,} places")
    ax.set(xlabel="step", ylabel="held-out loss (nats)")
    ax.legend()
    fig.savefig(args.out / "validation.png")
    print(f"Figure: {args.out}/validation.png")


if __name__ == "__main__":
    main()
