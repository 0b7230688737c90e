"""Describe digits by fewer numbers: principal components and t-SNE.

How much of the image is lost with k components, and who are the neighbours on a map?

Chapter: book/learning/types-of-learning.md
"""

from __future__ import annotations

import torch
from sklearn.manifold import TSNE
from torch import Tensor

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.digits import load_digits
from genbook.models.representation.pca import PCA


def same_digit(z: Tensor, digit: Tensor) -> float:
    """Return the share of the points whose nearest neighbour shows their digit."""
    away = torch.cdist(z, z).fill_diagonal_(torch.inf)
    return float((digit[away.argmin(1)] == digit).double().mean())


def main() -> None:
    """Measure the loss against the number of components, and draw two maps."""
    args = example_parser(__doc__).parse_args()
    n = 200 if args.fast else 1000
    train = load_digits("train", size=14 if args.fast else 28)
    test = load_digits("test", size=14 if args.fast else 28)
    features = train.x[0].numel()
    pca = PCA(train.x.shape[1:], components=features).fit(train.x)
    z = pca.encode(test.x)

    print(f"{len(train.x):,} digits of {features} pixels, {len(test.x):,} to test on")
    for k in (1, 2, 5, 10, 20, 50, 100, features):
        kept = torch.cat([z[:, :k], torch.zeros_like(z[:, k:])], 1)
        error = (pca.decode(kept) - test.x).square().mean()
        print(f"{k:4d} components  mean squared error {error:.5f}")

    digit, pair = test.y[:n], z[:n, :2]
    tsne = TSNE(random_state=args.seed, n_jobs=1)
    island = torch.tensor(tsne.fit_transform(z[:n, :30].numpy()))
    print(f"nearest of {n} neighbours shows the same digit")
    print(f"all pixels      {same_digit(test.x[:n].flatten(1), digit):.3f}")
    print(f"two components  {same_digit(pair, digit):.3f}")
    print(f"t-SNE           {same_digit(island, digit):.3f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, axes = plotting.subplots(1, 2, height=3.4)
    for ax, place, title in zip(axes, (pair, island), ("PCA", "t-SNE"), strict=True):
        for k in range(10):
            colour = plotting.PALETTE[k // 2]
            ax.scatter(*place[digit == k].T, marker=f"${k}$", s=14, c=colour, lw=0)
        ax.set(title=title, xticks=[], yticks=[])
    fig.savefig(args.out / "maps.png")
    print(f"Figure: {args.out}/maps.png")


if __name__ == "__main__":
    main()
