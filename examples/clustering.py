"""Group real wines without labels, and compare the groups with the held-back labels.

K-means and a mixture of Gaussians on two measurements, then k-means on all thirteen:
as they are, and scaled to one standard deviation.

Chapter: book/learning/types-of-learning.md
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.metrics import clustering_accuracy
from genbook.models.density.mixture import GaussianMixture


def main() -> None:
    """Cluster in four ways, count agreement with the growers, and draw k-means."""
    args = example_parser(__doc__).parse_args()
    wine = load_wine()
    labels = torch.tensor(wine.target).long()
    kmeans = KMeans(3, n_init=3 if args.fast else 10, random_state=args.seed)

    def agreement(x: np.ndarray) -> float:
        found = torch.tensor(kmeans.fit_predict(x)).long()
        return clustering_accuracy(labels, found)

    scaled = StandardScaler().fit_transform(wine.data)
    z = torch.tensor(scaled[:, [0, 6]])  # alcohol, flavanoids
    mixture = GaussianMixture(dim=2, components=3).double()
    mixture.fit(z, generator=torch.Generator().manual_seed(args.seed))
    bumps = clustering_accuracy(labels, mixture.encode(z).argmax(1))

    print(f"{len(z)} wines of three growers: share whose cluster names the grower")
    print(f"k-means, 2 measurements scaled       {agreement(z.numpy()):.3f}")
    print(f"mixture of Gaussians, the same two   {bumps:.3f}")
    print(f"k-means, 13 measurements as they are {agreement(wine.data):.3f}")
    print(f"k-means, 13 measurements scaled      {agreement(scaled):.3f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    found = kmeans.fit_predict(z.numpy())
    fig, (ax, bx) = plotting.subplots(1, 2, height=3, sharey=True)
    for axis, groups, title in ((ax, found, "clusters"), (bx, labels, "growers")):
        for k, marker in enumerate("os^"):
            own = z[torch.as_tensor(groups) == k]
            colour = plotting.PALETTE[k]
            axis.scatter(*own.T, marker=marker, c=colour, s=14, alpha=0.8)
        axis.set(title=title, xlabel="alcohol (scaled)")
    ax.plot(*kmeans.cluster_centers_.T, "X", color=plotting.INK, markersize=9)
    ax.set_ylabel("flavanoids (scaled)")
    fig.savefig(args.out / "clusters.png")
    print(f"Figure: {args.out}/clusters.png")


if __name__ == "__main__":
    main()
