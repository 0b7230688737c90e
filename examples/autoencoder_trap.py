"""Watch an autoencoder stop at the loss of an all-zero image, and find out why.

The digits are scaled to [-1, 1] and the network ends in a sigmoid, which cannot draw
-1. Its outputs run to zero, where the sigmoid is flat and no gradient passes.

Chapter: book/foundations/latent-space-lab.md
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.digits import load_digits
from genbook.metrics.baselines import best_constant, clipping_error


def network() -> nn.Sequential:
    """Return the autoencoder of a first attempt: 64 numbers in the middle."""
    code = nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU()
    back = nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 784), nn.Sigmoid()
    return nn.Sequential(*code, *back)


def train(model: nn.Module, x: Tensor, epochs: int) -> list[float]:
    """Lower the squared error and return it, one number a step."""
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    losses = []
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            loss = (model(x[rows]) - x[rows]).square().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            losses.append(loss.item())
    return losses


def main() -> None:
    """Train in the trap and outside, and compare with constants."""
    parser = example_parser(__doc__)
    parser.add_argument("--epochs", type=int, help="default: 10, or 2 with --fast")
    args = parser.parse_args()
    epochs = args.epochs or (2 if args.fast else 10)
    ink = load_digits().x.flatten(1)

    plotting.setup()
    fig, ax = plotting.subplots(height=3.0)
    for name, x, scale in (("[-1, 1]", 2 * ink - 1, 4), ("[0, 1]", ink, 1)):
        torch.manual_seed(args.seed)
        model = network()
        losses = train(model, x, epochs)
        with torch.no_grad():
            out = model(x)
        constant = (x - best_constant(x)).square().mean()
        verdict = "beats" if losses[-1] < constant else "LOSES TO"
        print(f"digits on {name}, sigmoid at the end")
        print(f"  loss after {epochs} epochs     {losses[-1]:.4f}")
        print(f"  zero everywhere       {x.square().mean():.4f}")
        print(f"  floor for a sigmoid   {clipping_error(x, 0, 1):.4f}")
        print(f"  mean image            {constant:.4f}: the network {verdict} it")
        print(f"  outputs below 0.001   {(out < 1e-3).float().mean():.1%}")
        colour = plotting.BAD if scale == 4 else plotting.MODEL
        curve = torch.tensor(losses) / scale
        plotting.show_curve(ax, curve, smooth=10, label=name, color=colour)

    ax.set(ylabel="squared error, in ink", ylim=(0, None))
    ax.legend()
    args.out.mkdir(parents=True, exist_ok=True)
    fig.savefig(args.out / "curves.png")
    print(f"Figure: {args.out}/curves.png")


if __name__ == "__main__":
    main()
