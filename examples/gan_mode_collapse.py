"""Play the adversarial game on eight clusters, plain and mended, and count.

A slow rate and many steps, so that an early stop is not to blame: with some seeds the
plain game forgets clusters; a gradient penalty or spectral normalisation keeps the
discriminator from being steep, and the generator from running away.

Chapter: book/families/adversarial.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.cached_fit import seeded_init
from genbook.course.recipes.adversarial import train_with_snapshots
from genbook.data.toy_mixtures import GaussianMixture2D
from genbook.models.adversarial.gan import GAN

GAMES = {
    "plain game": {},
    "R1 penalty": {"r1_weight": 0.1},
    "spectral normalisation": {"lipschitz": 20.0},
}
SD = 0.1  # of each cluster


def main() -> None:
    """Play each game, count the clusters reached on the way, and draw the counts."""
    parser = example_parser(__doc__)
    parser.add_argument("--steps", type=int, default=1200, help="default: 1200")
    args = parser.parse_args()
    steps = 100 if args.fast else args.steps
    generator = torch.Generator().manual_seed(args.seed)
    ring = GaussianMixture2D(covariances=(SD**2 * torch.eye(2)).expand(8, 2, 2))
    x = ring.sample(5_000, generator=generator)

    def modes(model: GAN) -> int:
        made = model.sample(1_000, generator=torch.Generator().manual_seed(9))
        near, which = torch.cdist(made, ring.means.float()).min(1)
        counts = which[near < 3 * SD].bincount(minlength=8)
        return int((counts >= len(made) / 80).sum())

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3)
    for name, options in GAMES.items():
        with seeded_init(args.seed):
            model = GAN((2,), hidden=(64, 64), **options)
        seen = train_with_snapshots(
            model, x, modes, steps=steps, lr=5e-4, seed=args.seed
        )
        print(f"{name:24} modes reached {seen}")
        ax.plot(range(50, steps + 1, 50), seen, label=name)
    ax.set(xlabel="step", ylabel="modes reached", ylim=(0, 8.3))
    ax.legend()
    fig.savefig(args.out / "modes.png")
    print(f"Figure: {args.out}/modes.png")


if __name__ == "__main__":
    main()
