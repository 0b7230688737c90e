"""Measure accuracy, generation and representation of the first models side by side.

The truth is known on the world map, so accuracy is counted in nats above the true
entropy, generation on the land and the continents that the samples reach, and
representation by how well a straight line reads the continent off the model's codes.

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
from genbook.models.base import TractableModel
from genbook.models.density.box import UniformBox
from genbook.models.density.kernel import KernelDensity
from genbook.models.density.mixture import GaussianMixture


def score(model: TractableModel, rule: WorldMap, x: torch.Tensor) -> dict[str, Any]:
    """Return the measurements of a model on held-out points."""
    generator = torch.Generator().manual_seed(0)
    names = rule.CONTINENTS
    samples = model.sample(20_000, generator=generator)
    reach = metrics.coverage(samples, rule.continent, names, data=x)
    encode = getattr(model, "encode", lambda x: model.log_prob(x).exp()[:, None])
    factors = one_hot(rule.continent(x), len(names)).float()
    r2 = metrics.linear_probe_r2(encode(x), factors, generator=generator)
    return {
        "nats above floor": metrics.nats_above_entropy(model, rule, x),
        "on land": metrics.support_share(rule, samples),
        "wrong continent": reach.total_variation,
        "energy distance": metrics.energy_distance(samples[:4000], x[:4000]),
        "continent R²": r2.mean(),
    }


def main() -> None:
    """Fit the models on the same points and print the table."""
    args = example_parser(__doc__).parse_args()
    generator = torch.Generator().manual_seed(args.seed)
    rule = WorldMap()
    x = rule.sample(3_000 if args.fast else 50_000, generator=generator)
    held_out = rule.sample(10_000, generator=generator)
    models: dict[str, Any] = {
        "box": UniformBox(dim=2),
        "mixture": GaussianMixture(dim=2, components=16 if args.fast else 64),
        "kernel": KernelDensity(dim=2),
    }
    rows = []
    for name, model in models.items():
        options = {"generator": generator} if name == "mixture" else {}
        start = process_time()
        model.fit(x, **options)
        seconds = {"seconds to fit": process_time() - start}
        rows.append({"model": name} | score(model, rule, held_out) | seconds)
    formats = {"on land": ".1%", "wrong continent": ".1%", "seconds to fit": ".2f"}
    formats |= {k: ".3f" for k in rows[0] if k not in formats}
    board = table(rows, formats=formats)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "scoreboard.md").write_text(board.to_markdown() + "\n", "utf8")
    print(board)
    print(f"The same as Markdown: {args.out}/scoreboard.md")


if __name__ == "__main__":
    main()
