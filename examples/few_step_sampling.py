"""Compare ways from noise to data at equal numbers of evaluations.

The random way, DDIM, and solvers of the probability-flow equation of second and fourth
order start from the same noise. The table shows how many samples reach land, and how
far a deterministic way ends from the exact solution.

Chapter: book/families/diffusion.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes import world_data
from genbook.course.recipes.diffusion import diffusion_world
from genbook.course.tables import table
from genbook.metrics import support_share


def main() -> None:
    """Train on the map, then sample in every way and budget."""
    args = example_parser(__doc__).parse_args()
    world = world_data(2_000, 10) if args.fast else world_data()
    steps = 60 if args.fast else 2000
    model, _ = diffusion_world(world.x, steps=steps, seed=args.seed)
    n = 200 if args.fast else 2_000

    def noise() -> torch.Generator:
        return torch.Generator().manual_seed(args.seed)

    exact = model.sample(
        n, steps=20 if args.fast else 60, method="rk4", generator=noise()
    )
    rows = []
    for budget in (4, 8, 16, 32) if args.fast else (4, 8, 16, 32, 64):
        ways = {
            "ancestral": model.sample_ancestral(n, steps=budget, generator=noise()),
            "DDIM": model.sample_ancestral(n, steps=budget, eta=0.0, generator=noise()),
            "Adams-Bashforth": model.sample(
                n, steps=budget - 1, method="adams", generator=noise()
            ),
            "Heun": model.sample(n, steps=budget // 2, generator=noise()),
            "Runge-Kutta": model.sample(
                n, steps=budget // 4, method="rk4", generator=noise()
            ),
        }
        for name, x in ways.items():
            far = (x - exact).norm(dim=1).median().item()
            rows.append(
                {
                    "way": name,
                    "evaluations": budget,
                    "on land": float(support_share(world.p_data, x)),
                    "distance": None if name == "ancestral" else far,
                }
            )
    print(table(rows, formats={"on land": ".1%", "evaluations": "d"}))

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.2)
    for name in ways:
        mine = [r for r in rows if r["way"] == name]
        ax.plot(
            [r["evaluations"] for r in mine],
            [r["on land"] for r in mine],
            marker="o",
            label=name,
        )
    ax.set(xscale="log", xlabel="evaluations", ylabel="share on land")
    ax.legend()
    fig.savefig(args.out / "land.png")
    print(f"Figure: {args.out}/land.png")


if __name__ == "__main__":
    main()
