"""Classify real wines by logistic regression, and draw the decision boundary.

Two measurements of each wine, three growers, and sixty wines that the fit never sees.

Chapter: book/learning/types-of-learning.md
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from genbook.cli import example_parser
from genbook.course import plotting

MARKERS = (("o", plotting.DATA), ("s", plotting.ACCENT), ("^", plotting.GOOD))


def main() -> None:
    """Fit the classifier, measure it on unseen wines, and draw its boundary."""
    args = example_parser(__doc__).parse_args()
    wine = load_wine()
    x, y = wine.data[:, [0, 6]], wine.target  # alcohol, flavanoids
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=60, stratify=y, random_state=args.seed
    )
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(x_train, y_train)
    accuracy = model.score(x_test, y_test)
    error = (accuracy * (1 - accuracy) / len(y_test)) ** 0.5

    print(f"{len(y_train)} wines to learn from, {len(y_test)} to test on")
    print(f"training accuracy  {model.score(x_train, y_train):.3f}")
    print(f"test accuracy      {accuracy:.3f} ± {error:.3f}")
    for wanted, row in enumerate(model.predict_proba(x_test[:3])):
        shares = "  ".join(f"{p:.3f}" for p in row)
        print(f"wine {wanted}: grower {y_test[wanted]}, probabilities {shares}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    size = 60 if args.fast else 300
    a, f = np.meshgrid(np.linspace(10.9, 15, size), np.linspace(0.2, 5.2, size))
    kind = model.predict(np.stack([a.ravel(), f.ravel()], 1)).reshape(a.shape)
    fig, ax = plotting.subplots(height=3.6)
    for k, (marker, colour) in enumerate(MARKERS):
        ax.contour(a, f, kind == k, [0.5], colors=plotting.MODEL, linewidths=1.2)
        own = x_test[y_test == k]
        ax.scatter(*own.T, marker=marker, c=colour, s=16, label=f"grower {k}")
    ax.set(xlabel="alcohol (% by volume)", ylabel="flavanoids (index)")
    ax.legend()
    fig.savefig(args.out / "boundary.png")
    print(f"Figure: {args.out}/boundary.png")


if __name__ == "__main__":
    main()
