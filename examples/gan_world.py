"""Train a GAN on points on land, and let two tests judge its samples.

There is no density: what can be measured are samples, on land, on the right continent,
and against real points.

Chapter: book/families/adversarial.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes import world_data
from genbook.course.recipes.adversarial import gan_world
from genbook.metrics import (
    classifier_two_sample_test,
    coverage,
    energy_distance,
    support_share,
)


def main() -> None:
    """Train it, measure its samples, and draw them."""
    args = example_parser(__doc__).parse_args()
    world = world_data()
    options = {"steps": 150} if args.fast else {}
    model, history = gan_world(world.x, seed=args.seed, **options)
    generator = torch.Generator().manual_seed(args.seed)
    drawn = model.sample(20_000, generator=generator)
    names = world.p_data.CONTINENTS
    spread = coverage(drawn, world.p_data.continent, names, data=world.x)
    distance = energy_distance(drawn[:4000], world.held_out[:4000])
    hits = classifier_two_sample_test(
        drawn[:2000], world.held_out[:2000], generator=generator
    ).statistic

    print(f"{history.steps} steps in {history.cpu_seconds:.1f} s of CPU time")
    print(f"samples on land       {support_share(world.p_data, drawn):.1%}")
    print(f"must change continent {spread.total_variation:.1%}")
    print(f"continents missed     {', '.join(spread.missed) or 'none'}")
    print(f"energy distance       {distance:.4f}")
    print(f"a classifier tells    {hits:.1%} (50 % is guessing)")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.6)
    plotting.world_axes(ax).set_facecolor(plotting.SEA)
    plotting.draw_land(ax, world.p_data.rings)
    plotting.show_points(ax, drawn[:2000], source="model", size=4)
    fig.savefig(args.out / "samples.png")
    print(f"Figure: {args.out}/samples.png")


if __name__ == "__main__":
    main()
