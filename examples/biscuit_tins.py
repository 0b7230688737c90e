"""Learn two numbers from pictures of tins, and ask whether they are height and width.

A rectangle of sizes is kept from training. A cubic polynomial, fitted on training tins
alone, reads height and width from the code, also inside that rectangle. Then a straight
walk through the latent space makes a tin taller and leaves its width alone.

Chapter: book/foundations/representation-learning.md
"""

from __future__ import annotations

import torch
from torch import Tensor

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.tins import Tins, measure_tins, sample_tins
from genbook.models.representation.autoencoder import Autoencoder
from genbook.training import fit


def powers(z: Tensor, degree: int) -> Tensor:
    """Return all products of powers of two codes up to a degree, ``(n, terms)``."""
    z1, z2 = z.double().T
    pairs = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    return torch.stack([z1**i * z2**j for i, j in pairs], 1)


@torch.no_grad()
def main() -> None:
    """Train, read the factors out, and walk along the height direction."""
    args = example_parser(__doc__).parse_args()
    g = torch.Generator().manual_seed(args.seed)
    seen = sample_tins(500 if args.fast else 3000, generator=g)
    others = {
        "all sizes": sample_tins(2000, region="all", generator=g),
        "held-out sizes": sample_tins(1000, region="held-out", generator=g),
    }
    torch.manual_seed(args.seed)
    model = Autoencoder(
        (1, 32, 32), 2, hidden=(48, 48), activation="silu",
        standardise_code=True, latent_noise=0.1, input_noise=0.2,
    )  # fmt: skip
    steps = 100 if args.fast else 1200
    with torch.enable_grad():
        fit(model, seen.x, steps=steps, batch_size=64, lr=5e-3, seed=args.seed)
        model.encoder.requires_grad_(False)  # the codes stay; the edges get sharper
        model.latent_noise = model.input_noise = 0.0
        fit(model, seen.x, steps=steps // 2, batch_size=128, lr=5e-3, seed=args.seed)

    codes, f = model.encode(seen.x), seen.factors.double()

    def r2(tins: Tins, degree: int) -> list[float]:
        weights = torch.linalg.lstsq(powers(codes, degree), f).solution
        left = tins.factors - powers(model.encode(tins.x), degree) @ weights
        spread = tins.factors - tins.factors.mean(0)
        return (1 - left.square().sum(0) / spread.square().sum(0)).tolist()

    for degree, name in enumerate(("linear", "quadratic", "cubic"), 1):
        for where, tins in others.items():
            h, w = r2(tins, degree)
            print(f"{name:9} read-out, {where:14}: R² height {h:.3f}, width {w:.3f}")

    slopes = torch.linalg.lstsq(powers(codes, 1), f).solution[[2, 1]]  # of z1, z2
    taller = torch.linalg.inv(slopes.T)[:, 0].float()
    walk = model.decode(torch.linspace(-0.38, 0.38, 20)[:, None] * taller)
    height, width = measure_tins(walk).T
    moves = (width / width.mean() - 1).abs().max()
    print(f"walk: height {height[0]:.2f} to {height[-1]:.2f}, width moves {moves:.1%}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=1.6)
    plotting.show_images(ax, walk)
    fig.savefig(args.out / "walk.png")
    print(f"Figure: {args.out}/walk.png")


if __name__ == "__main__":
    main()
