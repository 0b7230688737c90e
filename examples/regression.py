"""Predict the course of a disease by least squares, and look at the residuals.

The fair rival is the mean: what does a line save, and how sure are we?

Chapter: book/learning/types-of-learning.md
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from genbook.cli import example_parser
from genbook.course import plotting


def main() -> None:
    """Fit a line and a plane, compare both with the mean, and draw the residuals."""
    parser = example_parser(__doc__)
    parser.add_argument("--test", type=int, default=142, help="test people, of 442")
    args = parser.parse_args()
    u, v = load_diabetes(scaled=False, return_X_y=True)
    u_train, u_test, v_train, v_test = train_test_split(
        u, v, test_size=args.test, random_state=args.seed
    )
    line = LinearRegression().fit(u_train[:, [2]], v_train)  # body-mass index
    plane = LinearRegression().fit(u_train, v_train)
    predictions = {
        "mean": np.full(len(v_test), v_train.mean()),
        "body-mass index": line.predict(u_test[:, [2]]),
        "all ten": plane.predict(u_test),
    }

    print(f"{len(v_train)} people to learn from, {len(v_test)} to test on")
    print("prediction       typical error   squared error saved")
    from_mean = (v_test - predictions["mean"]) ** 2
    for name, guess in predictions.items():
        error = (v_test - guess) ** 2
        saved = from_mean - error
        unsure = saved.std(ddof=1) / len(saved) ** 0.5
        root = error.mean() ** 0.5
        print(f"{name:15}  {root:13.1f}   {saved.mean():8.0f} ± {unsure:.0f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, (ax, bx) = plotting.subplots(1, 2, height=3)
    bmi, guess = u_test[:, 2], predictions["body-mass index"]
    ends = np.array([[18.0], [43.0]])
    plotting.show_points(ax, np.stack([bmi, v_test], 1), size=9)
    ax.plot(ends, line.predict(ends), color=plotting.MODEL)
    ax.set(xlabel="body-mass index (kg/m²)", ylabel="progression (points)")
    plotting.show_points(bx, np.stack([guess, v_test - guess], 1), size=9)
    bx.axhline(0, color=plotting.MODEL, ls="--")
    bx.set(xlabel="prediction (points)", ylabel="residual (points)")
    fig.savefig(args.out / "line.png")
    print(f"Figure: {args.out}/line.png")


if __name__ == "__main__":
    main()
