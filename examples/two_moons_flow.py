"""Bend a Gaussian into two moons, and find the thread that no bijection can cut.

The entropy of the moons is known, so the script prints how far above it the flow ends.
Both moons come from one connected cloud, and a little of it must remain between them.

Chapter: book/families/normalizing-flows.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.flows import spline_moons
from genbook.data.toy import TwoMoons
from genbook.metrics import nats_above_entropy


def main() -> None:
    """Train the flow, measure it, and draw the logarithm of its density."""
    args = example_parser(__doc__).parse_args()
    generator = torch.Generator().manual_seed(args.seed)
    moons = TwoMoons(noise=0.05)
    x = moons.sample(10_000, generator=generator)
    fresh = moons.sample(5_000 if args.fast else 20_000, generator=generator)
    steps = {"steps": 120} if args.fast else {}
    model, history = spline_moons(x, seed=args.seed, **steps)
    print(f"entropy of the moons: {moons.entropy:.4f} nats")
    print(f"{history.steps} steps: {nats_above_entropy(model, moons, fresh)} above")

    ex, ey, centres = plotting.grid_points(moons.low.tolist(), moons.high.tolist(), 240)
    with torch.no_grad():
        log_p = model.log_prob(centres.float()).view(240, 240)
    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.2)
    ax.pcolormesh(ex, ey, log_p, cmap=plotting.MODEL_CMAP, vmin=-10, vmax=2)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect=1)
    fig.savefig(args.out / "thread.png")
    print(f"Figure: {args.out}/thread.png")


if __name__ == "__main__":
    main()
