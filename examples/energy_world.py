"""Learn an energy of the world map by chains, and by guessing noise.

The first is trained by persistent contrastive divergence (PCD), the second by denoising
score matching (DSM). Both are marked by quadrature: nats above the floor on held-out
points, and the share of their samples on land. Then chains walk on the first, and the
script counts how many get overseas, by Langevin moves alone and by jumps.

Chapter: book/families/energy-based.md
"""

from __future__ import annotations

import torch
from torch import Tensor

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes import world_data
from genbook.course.recipes.energy import energy_world, energy_world_score
from genbook.course.tables import table
from genbook.metrics import support_share
from genbook.models.energy.mcmc import independence_metropolis, langevin


def main() -> None:
    """Train in two ways, mark, and measure the mixing."""
    args = example_parser(__doc__).parse_args()
    world = world_data()
    short = {"steps": 30} if args.fast else {}
    n, moves = (200, 50) if args.fast else (2000, 500)
    g = torch.Generator().manual_seed(args.seed)

    model, _ = energy_world(world.x, seed=args.seed, **short)
    by_score, _ = energy_world_score(world.x, seed=args.seed, **short)
    rows = []
    for name, m in {"PCD": model, "DSM": by_score}.items():
        log_z = m.log_partition(points=256 if args.fast else 512)
        mean_energy = m.energy(world.held_out).detach().double().mean().item()
        samples = m.sample(n, generator=g)
        rows.append(
            {
                "training": name,
                "log Z": log_z,
                "nats above": mean_energy + log_z - world.p_data.entropy,
                "on land": support_share(world.p_data, samples),
            }
        )
    print(table(rows, formats={"log Z": ".3f", "nats above": ".3f", "on land": ".1%"}))

    begin = world.held_out[: min(n, 500)]
    walked = langevin(model.energy, begin, steps=moves, step_size=0.03, generator=g)
    box, jumped = (model.low, model.high), begin
    for _ in range(40):
        jumped = independence_metropolis(model.energy, jumped, *box, generator=g)

    # Africa, Asia and Europe hang together, and so do the Americas.
    joined = torch.tensor([0, 1, 0, 0, 2, 3, 2])

    def overseas(x: Tensor) -> float:
        a, b = world.p_data.continent(begin), world.p_data.continent(x)
        return (joined[a] != joined[b])[b >= 0].double().mean().item()

    print(f"overseas after {moves} Langevin moves: {overseas(walked):.1%}")
    print(f"overseas after 40 offers of a jump: {overseas(jumped):.1%}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.6)
    plotting.world_axes(ax)
    log_z = rows[0]["log Z"]
    plotting.show_density(
        ax, lambda x: -model.energy(x.float()).detach() - log_z, (-1, -1), (1, 1)
    )
    fig.savefig(args.out / "density.png")
    print(f"Figure: {args.out}/density.png")


if __name__ == "__main__":
    main()
