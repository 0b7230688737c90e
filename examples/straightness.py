"""Measure how straight the paths of flow matching are, and what better pairs cost.

The same small network learns eight heaps on a circle twice: from random pairs of noise
and observation, and from pairs that an assignment problem makes as short as possible
within each batch. How much do the paths bend, and how good are a few Euler steps?

Chapter: book/families/flow-matching.md
"""

from __future__ import annotations

from typing import Any

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.cached_fit import seeded_init
from genbook.course.tables import table
from genbook.metrics import energy_distance
from genbook.models.density.mixture import GaussianMixture
from genbook.models.diffusion import flow_matching as fm
from genbook.training import fit


class Paired(fm.FlowMatching):
    """Flow matching whose batches are paired by optimal transport."""

    def loss(self, x: Tensor, y: None = None, *, generator: Any = None) -> Tensor:
        """Return the mean squared error on the pairs of least total squared length."""
        eps = torch.randn(x.shape, generator=generator)
        rows, columns = linear_sum_assignment(torch.cdist(x, eps).square().numpy())
        x, eps = x[rows], eps[columns]
        t = self.sample_times(len(x), generator=generator)
        output = self.velocity(self.add_noise(x, eps, t), t)
        return (output - self.target(x, eps, t)).square().mean()


def main() -> None:
    """Train on random and on short pairs, and compare."""
    args = example_parser(__doc__).parse_args()
    angle = torch.arange(8) * torch.pi / 4
    mu, cov = 2 * torch.stack([angle.cos(), angle.sin()], 1), 0.04 * torch.eye(2)
    heaps = GaussianMixture.from_parameters(
        torch.full((8,), 1 / 8), mu, cov.repeat(8, 1, 1)
    )
    generator = torch.Generator().manual_seed(args.seed)
    x = heaps.sample(20_000, generator=generator)
    new = heaps.sample(2_000, generator=generator)
    z = torch.randn(2_000, 2, generator=generator)
    plotting.setup()
    fig, axes = plotting.subplots(1, 2, width="wide", height=3.5)
    rows, kinds = [], {"random pairs": fm.FlowMatching, "short pairs": Paired}
    for ax, (name, kind) in zip(axes, kinds.items(), strict=True):
        with seeded_init(args.seed):
            model = kind((2,), width=64, depth=2)
        steps = 100 if args.fast else 1_000
        history = fit(model, x, steps=steps, batch_size=256, lr=5e-3, seed=args.seed)
        times, path = fm.trajectory(model, z, steps=30)
        row: dict[str, object] = {"pairs": name, "bend": fm.straightness(times, path)}
        for n in (1, 4, 16):
            drawn = model.decode(z, steps=n, method="euler")
            row[f"energy distance, {n} Euler"] = energy_distance(drawn, new)
        rows.append(row | {"seconds": history.cpu_seconds})
        for i in range(70):
            ax.plot(*plotting.to_numpy(path[:, i]).T, color=plotting.MUTED, lw=0.6)
        plotting.show_points(ax, path[-1, :70], source="model", size=10)
        ax.set(aspect="equal", xlim=(-3, 3), ylim=(-3, 3), title=name)
    print(table(rows, formats={"seconds": ".1f", "bend": ".4f"}))

    args.out.mkdir(parents=True, exist_ok=True)
    fig.savefig(args.out / "paths.png")
    print(f"Figure: {args.out}/paths.png")


if __name__ == "__main__":
    main()
