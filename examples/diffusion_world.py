"""Train a diffusion model on the map, and walk from noise to land.

The score of the data at every level of noise is learned by guessing velocities; the
probability-flow equation then gives samples and their exact likelihood.

Chapter: book/families/diffusion.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes import world_data
from genbook.course.recipes.diffusion import diffusion_world
from genbook.metrics import nats_above_entropy, support_share


def main() -> None:
    """Train, measure, and draw the film backwards."""
    args = example_parser(__doc__).parse_args()
    world = world_data(2_000, 200) if args.fast else world_data()
    model, history = diffusion_world(
        world.x, steps=60 if args.fast else 2000, seed=args.seed
    )
    generator = torch.Generator().manual_seed(args.seed)
    print(f"trained in {history.cpu_seconds:.1f} CPU s")
    above = nats_above_entropy(model, world.p_data, world.held_out)
    print(f"nats above the floor: {above}")
    samples = model.sample(1_000 if args.fast else 5_000, generator=generator)
    print(f"samples on land: {support_share(world.p_data, samples):.1%}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, axes = plotting.subplots(1, 4, width="wide", height=2.2, sharey=True)
    x = torch.randn(2_000, 2, generator=generator)
    times = model.time_grid(40).flip(0)
    frames = {0: 0, 20: 1, 30: 2, 40: 3}
    for k, t in enumerate(times):
        if k in frames:
            ax = axes[frames[k]]
            plotting.show_points(ax, x, source="model", size=1)
            ax.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), title=f"t = {t:.2f}")
        if k < 40:
            with torch.no_grad():
                x, tau = model.reverse_step(x, t, times[k + 1])
            if k < 39:
                x = x + tau * torch.randn(x.shape, generator=generator)
    fig.savefig(args.out / "film.png")
    print(f"Figure: {args.out}/film.png")


if __name__ == "__main__":
    main()
