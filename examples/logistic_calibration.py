"""Fit logistic regression to patients, and check that its probabilities hold.

Every patient is judged by a model that was fitted to others; predictions of 0.8 should
come true eight times in ten.

Chapter: book/learning/discriminative-models.md
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_breast_cancer

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.discriminative.logistic import LogisticRegression
from genbook.metrics import brier_score, calibration_error, reliability


def main() -> None:
    """Judge the patients, measure the calibration, and draw it."""
    args = example_parser(__doc__).parse_args()
    data = load_breast_cancer()
    x, y = torch.tensor(data.data), torch.tensor(1 - data.target)
    shuffles = 1 if args.fast else 3

    print("shuffle  right   calibration error  Brier score")
    for shuffle in range(shuffles):
        g = torch.Generator().manual_seed(args.seed + shuffle)
        fold = torch.randperm(len(x), generator=g) % 5
        p = torch.empty(len(x), dtype=torch.float64)
        for k in range(5):
            seen = fold != k
            z = (x - x[seen].mean(0)) / x[seen].std(0)
            model = LogisticRegression(x.shape[1], l2=1e-3).double()
            p[~seen] = model.fit(z[seen], y[seen]).predict_proba(z[~seen])
        right = ((p > 0.5) == y).double().mean()
        error, brier = calibration_error(p, y), brier_score(p, y)
        print(f"{shuffle:7}  {right:.1%}  {error:17.3f}  {brier:11.3f}")

    r = reliability(p, y)
    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(width="narrow", height=3.2)
    ax.plot([0, 1], [0, 1], color=plotting.MUTED, lw=0.9)
    ax.scatter(r.predicted, r.observed, s=6 + r.size / 2, color=plotting.MODEL)
    ax.set(xlabel="predicted probability", ylabel="share that was malignant")
    fig.savefig(args.out / "reliability.png")
    print(f"Figure: {args.out}/reliability.png")


if __name__ == "__main__":
    main()
