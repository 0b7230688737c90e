"""Ask of synthetic paintings whether our painter made them, and what gave him away.

Labels follow a known rule of chance, so that the best possible accuracy is known; the
classifier sees pixels only, and learns from labelled paintings which colours speak for
him. Accuracies are the mean chance that an answer is right.

Chapter: book/learning/discriminative-models.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data import paintings
from genbook.discriminative.colours import LearnedColours
from genbook.discriminative.logistic import LogisticRegression


def main() -> None:
    """Fit the classifier on some galleries, and explain one answer."""
    args = example_parser(__doc__).parse_args()
    n, galleries = (600, 1) if args.fast else (2_400, 3)
    kinds = list(paintings.FEATURES.values())
    names = ["learned colours", *list(paintings.FEATURES)[1:]]
    print(f"Bayes accuracy {paintings.bayes_accuracy():.1%}")
    for seed in range(args.seed, args.seed + galleries):
        g = torch.Generator().manual_seed(seed)
        gallery = paintings.sample_paintings(n, generator=g)
        seen = torch.arange(n) < 2 * n // 3
        colours = LearnedColours().fit(gallery.x[seen], gallery.y[seen])
        x = paintings.measure_paintings(gallery.x)
        x[:, 0] = colours.measure(gallery.x)
        z = (x - x[seen].mean(0)) / x[seen].std(0)
        truth = gallery.probability[~seen]
        print(f"gallery {seed}: {(~seen).sum()} unseen paintings")
        for name in ("colour", "shape", "texture", "all"):
            columns = [i for i, kind in enumerate(kinds) if name in (kind, "all")]
            model = LogisticRegression(len(columns), l2=1e-3)
            model.fit(z[seen][:, columns], gallery.y[seen])
            p = model.predict_proba(z[~seen][:, columns])
            right = torch.where(p > 0.5, truth, 1 - truth).mean()
            print(f"  {name:8} {right:.1%}")
        best = torch.maximum(truth, 1 - truth).mean()
        print(f"  the rule {best:.1%}, {100 * (best - right):.1f} points more")

    i = p.argmax()
    moved = model.contributions(z[~seen])[i]
    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, (left, ax) = plotting.subplots(1, 2, height=2.4, width_ratios=[1, 2.2])
    plotting.show_images(left, gallery.x[~seen][i][None], columns=1)
    left.set_title(f"p = {p[i]:.2f}")
    ax.barh(names, moved.tolist(), color=plotting.MODEL)
    ax.invert_yaxis()
    ax.set_xlabel("nats for our painter")
    fig.savefig(args.out / "moved.png")
    print(f"Figure: {args.out}/moved.png")


if __name__ == "__main__":
    main()
