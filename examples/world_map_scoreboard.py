"""Measure accuracy, generation and representation of the first models side by side.

The truth is known on the world map: accuracy is counted in nats above its entropy,
generation on land and continents beside new points of the rule, and representation by
how well a straight line reads the continent off a code, beside a random one as long.

Chapter: book/foundations/world-map.md
"""

from __future__ import annotations

from time import process_time
from typing import Any

import torch
from torch.nn.functional import one_hot

from genbook import metrics
from genbook.cli import example_parser
from genbook.course.tables import table
from genbook.data.world import WorldMap
from genbook.models.density.box import UniformBox
from genbook.models.density.kernel import KernelDensity
from genbook.models.density.mixture import GaussianMixture


def generation(source: Any, rule: WorldMap, x: torch.Tensor) -> dict[str, Any]:
    """Return what the samples of a model, or of the rule, are like."""
    samples = source.sample(len(x), generator=torch.Generator().manual_seed(0))
    reach = metrics.coverage(samples, rule.continent, rule.CONTINENTS, data=x)
    return {
        "on land": metrics.support_share(rule, samples),
        "continents off": reach.total_variation,
        "energy distance": metrics.energy_distance(samples[:4000], x[:4000]),
    }


def representation(model: Any, rule: WorldMap, x: torch.Tensor) -> dict:
    """Return how well a straight line reads the continent off the codes."""
    generator = torch.Generator().manual_seed(0)
    codes = getattr(model, "encode", lambda x: model.log_prob(x).exp()[:, None])(x)
    factors = one_hot(rule.continent(x), len(rule.CONTINENTS)).float()
    places = 2 * torch.rand(codes.shape[1], 2, generator=generator) - 1
    near = (-torch.cdist(x, places).square() / (2 * 0.2**2)).exp()
    found = {"R²": codes, "R² of a random code": near}.items()
    probe = metrics.linear_probe_r2
    return {k: probe(z, factors, generator=generator).mean() for k, z in found}


def main() -> None:
    """Fit the models on the same points and print the table."""
    args = example_parser(__doc__).parse_args()
    generator = torch.Generator().manual_seed(args.seed)
    rule = WorldMap()
    x = rule.sample(3_000 if args.fast else 50_000, generator=generator)
    held_out, many = (rule.sample(n, generator=generator) for n in (10_000, 100_000))
    models: dict[str, Any] = {
        "box": UniformBox(dim=2),
        "mixture": GaussianMixture(dim=2, components=16 if args.fast else 64),
        "kernel": KernelDensity(dim=2),
    }
    rows: list[dict[str, Any]] = []
    for name, model in models.items():
        options = {"generator": generator} if name == "mixture" else {}
        start = process_time()
        model.fit(x, **options)
        seconds = {"seconds to fit": process_time() - start}
        nats = {"nats above floor": metrics.nats_above_entropy(model, rule, held_out)}
        rows.append({"model": name} | nats | generation(model, rule, many))
        rows[-1] |= representation(model, rule, held_out) | seconds
    rows.append(dict.fromkeys(rows[0]) | generation(rule, rule, many))
    rows[-1]["model"] = "the rule"
    board = table(rows, formats=dict.fromkeys(list(rows[0])[1:], ".3f"))
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "scoreboard.md").write_text(board.to_markdown() + "\n", "utf8")
    print(f"{board}\nThe same as Markdown: {args.out}/scoreboard.md")


if __name__ == "__main__":
    main()
