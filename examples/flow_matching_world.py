"""Carry noise to land by the mean velocity of random lines: flow matching on the map.

A network learns, by plain regression, the mean velocity of lines between noise and
points on land. Following it draws new points; the divergence met on the way gives
their density. The script measures both and draws the paths.

Chapter: book/families/flow-matching.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes import world_data
from genbook.course.recipes.flow_matching import flow_matching_world
from genbook.metrics import coverage, nats_above_entropy, support_share
from genbook.models.diffusion.flow_matching import straightness, trajectory


def main() -> None:
    """Train, measure, and draw sixty paths."""
    args = example_parser(__doc__).parse_args()
    world = world_data(5_000, 500) if args.fast else world_data()
    options = {"steps": 100} if args.fast else {}
    model, history = flow_matching_world(world.x, seed=args.seed, **options)
    print(f"{history.steps} steps in {history.cpu_seconds:.1f} CPU s")

    generator = torch.Generator().manual_seed(args.seed)
    above = nats_above_entropy(model, world.p_data, world.held_out)
    print(f"nats above the floor, on new points: {above}")
    n = 1_000 if args.fast else 10_000
    samples = model.sample(n, generator=generator)
    print(f"samples on land: {support_share(world.p_data, samples):.1%}")
    print(coverage(samples, world.p_data.continent, world.p_data.CONTINENTS))
    z = torch.randn(1_000, 2, generator=generator)
    times, path = trajectory(model, z, steps=30)
    print(f"bend of the paths (0 is straight): {straightness(times, path):.3f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=4.0)
    plotting.draw_land(plotting.world_axes(ax), world.p_data.rings)
    for i in range(60):
        ax.plot(*plotting.to_numpy(path[:, i]).T, color=plotting.MUTED, lw=0.7)
    plotting.show_points(ax, path[-1, :60], source="model", size=12)
    ax.set(xlim=(-2.2, 2.2), ylim=(-2.6, 2.6))
    fig.savefig(args.out / "paths.png")
    print(f"Figure: {args.out}/paths.png")


if __name__ == "__main__":
    main()
