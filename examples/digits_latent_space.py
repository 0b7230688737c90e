"""Give each handwritten digit two numbers, and look at the plane.

No label is used in training; colours and numerals show afterwards what is where, and
the nearest neighbours in the plane say how much of the digit two numbers keep.

Chapter: book/foundations/representation-learning.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.digits import load_digits
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.representation.pca import PCA
from genbook.training import fit


@torch.no_grad()
def main() -> None:
    """Train, compare with principal components, and draw both planes."""
    args = example_parser(__doc__).parse_args()
    steps = 100 if args.fast else 2000
    digits, fresh = (load_digits(split, size=14) for split in ("train", "test"))
    torch.manual_seed(args.seed)
    pen = Autoencoder(
        (1, 14, 14),
        2,
        hidden=(128, 64),
        activation="silu",
        standardise_code=True,
        latent_noise=0.05,
    )
    with torch.enable_grad():
        fit(pen, digits.x, steps=steps, batch_size=128, lr=5e-3, seed=args.seed)
    flat = PCA((1, 14, 14), components=2).fit(digits.x)

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, axes = plotting.subplots(1, 2, width="wide", height=3.4)
    models = {"principal components": flat, "autoencoder": pen}
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        z, z_new = model.encode(digits.x), model.encode(fresh.x)
        near = torch.cdist(z_new, z).topk(5, largest=False).indices
        right = (digits.y[near].mode(1).values == fresh.y).float().mean()
        error = (model.decode(z_new) - fresh.x).square().mean()
        print(f"{name}: error {error:.4f}, named by five neighbours {right:.1%}")
        for k in range(10):
            own = z_new[fresh.y == k].T
            colour = plotting.PALETTE[k // 2]
            ax.scatter(*own, marker=f"${k}$", s=15, lw=0, color=colour)
        ax.set(title=name, xlabel="$z_1$", ylabel="$z_2$")
    fig.savefig(args.out / "plane.png")
    print(f"Figure: {args.out}/plane.png")


if __name__ == "__main__":
    main()
