"""Let a classifier of paintings paint, by climbing its probability, and see noise.

A generative model of the same paintings, Gaussians over principal components, is drawn
from beside it.

Chapter: book/learning/discriminative-models.md
"""

from __future__ import annotations

import torch
from torch import Tensor

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data import paintings
from genbook.discriminative.colours import LearnedColours
from genbook.discriminative.logistic import LogisticRegression
from genbook.models.density.mixture import GaussianMixture
from genbook.models.representation.pca import PCA


def main() -> None:
    """Climb, draw, and compare both with real paintings."""
    args = example_parser(__doc__).parse_args()
    n, steps, components = (400, 120, 16) if args.fast else (2_000, 120, 64)
    g = torch.Generator().manual_seed(args.seed)
    gallery = paintings.sample_paintings(n, generator=g)
    colours = LearnedColours().fit(gallery.x, gallery.y)

    def measure(images: Tensor) -> Tensor:
        formulas = paintings.measure_paintings(images)[:, 1:]
        return torch.cat([colours.measure(images)[:, None], formulas], 1)

    x = measure(gallery.x)
    mean, scale = x.mean(0), x.std(0)
    z = (x - mean) / scale
    classifier = LogisticRegression(x.shape[1], l2=1e-3).fit(z, gallery.y)
    his_mean = z[gallery.y == 1].mean(0)
    whiten = torch.linalg.inv(torch.cov(z[gallery.y == 1].T))

    def logits(images: Tensor) -> Tensor:
        return classifier.logits((measure(images) - mean) / scale)

    def away(images: Tensor) -> Tensor:  # Mahalanobis distance from his paintings
        d = (measure(images) - mean) / scale - his_mean
        return (d @ whiten * d).sum(1).sqrt()

    climbed = torch.rand(8, 3, 40, 40, generator=g)
    print(f"noise: probability at most {logits(climbed).sigmoid().max():.4f}")
    for _ in range(steps):
        climbed.requires_grad_()
        (slope,) = torch.autograd.grad(logits(climbed).sum(), climbed)
        slope /= slope.flatten(1).norm(dim=1)[:, None, None, None]
        climbed = (climbed.detach() + 0.5 * slope).clamp(0, 1)

    his = gallery.x[gallery.y == 1]
    seen, unseen = his[: 3 * len(his) // 4], his[3 * len(his) // 4 :]
    pca = PCA(his.shape[1:], components).fit(seen)
    codes = pca.encode(seen)
    mixture = GaussianMixture(components, 4)
    mixture.fit(codes / codes.std(0), generator=g)
    drawn = pca.decode(mixture.sample(50, generator=g) * codes.std(0)).clamp(0, 1)

    print("                 lowest probability  distance in the features")
    for name, images in (("climbed", climbed), ("drawn", drawn), ("real", unseen)):
        low, d = logits(images).sigmoid().min(), away(images).detach()
        print(f"{name:16} {low:18.3f}  {d.min():.1f} to {d.max():.1f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.4)
    sheet = torch.cat([climbed, drawn[:8], unseen[:8]])
    plotting.show_images(ax, sheet, columns=8, gap=2)
    fig.savefig(args.out / "beside.png")
    print(f"Figure: {args.out}/beside.png")


if __name__ == "__main__":
    main()
