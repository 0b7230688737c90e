"""Ask how many numbers a tin needs: error against the length of the code.

Principal components are the best that a linear code can do. An autoencoder can bend,
and its error stops falling at two numbers, because a tin has a height and a width.

Chapter: book/foundations/representation-learning.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.tins import sample_tins
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.representation.pca import PCA
from genbook.training import fit

SHAPE = (1, 32, 32)


def main() -> None:
    """Train one autoencoder for each length, and compare with principal components."""
    args = example_parser(__doc__).parse_args()
    n, steps, lengths = (500, 50, (1, 2)) if args.fast else (3000, 600, (1, 2, 3, 4, 8))
    g = torch.Generator().manual_seed(args.seed)
    seen = sample_tins(n, generator=g).x
    new = sample_tins(1000, region="all", generator=g).x

    pca = PCA(SHAPE, components=32).fit(seen)
    z = pca.encode(new)
    linear = [
        (pca.decode(z * (torch.arange(32) < k)) - new).square().mean().item()
        for k in range(1, 33)
    ]
    bent = []
    for k in lengths:
        torch.manual_seed(args.seed)
        model = Autoencoder(SHAPE, k, hidden=(48, 48), activation="silu")
        fit(model, seen, steps=steps, batch_size=64, lr=5e-3, seed=args.seed)
        with torch.inference_mode():
            bent.append(model.loss(new).item())
        needed = 1 + sum(e > bent[-1] for e in linear)
        print(
            f"{k} numbers: autoencoder {bent[-1]:.5f}, principal components "
            f"{linear[k - 1]:.5f}; those need {needed} to do as well"
        )

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=2.9)
    components = range(1, 33)
    ax.loglog(components, linear, "--", color=plotting.MUTED, label="PCA")
    ax.loglog(lengths, bent, "o-", color=plotting.MODEL, label="autoencoder")
    ax.set(xlabel="numbers in the code", ylabel="mean squared error")
    ax.legend()
    fig.savefig(args.out / "error.png")
    print(f"Figure: {args.out}/error.png")


if __name__ == "__main__":
    main()
