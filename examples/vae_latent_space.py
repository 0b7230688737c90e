"""Look at a plane of digits, and ask how the codes of the data fill it.

Three weights of the divergence give three codes. Each is measured against the prior
that samples are drawn from: how many nats it carries, how much of that is information,
how many of its numbers are used, and how often the prior falls into a hole.

Chapter: book/families/variational-autoencoders.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.vae import vae_connected_digits
from genbook.course.tables import table
from genbook.data.digits import load_digits
from genbook.metrics.posterior import aggregated_posterior


def main() -> None:
    """Train at three weights, measure the codes, and draw the plane."""
    args = example_parser(__doc__).parse_args()
    steps = 40 if args.fast else 1000
    ink = (load_digits("train", size=14).x > 0.5).float()
    generator = torch.Generator().manual_seed(args.seed)
    rows, models = [], {}
    for beta in (0.25, 1.0, 6.0):
        model, _ = vae_connected_digits(
            ink, latent_dim=2, beta=beta, steps=steps, seed=args.seed
        )
        models[beta] = model
        found = aggregated_posterior(
            model, ink[:2000], permutations=99, generator=generator
        )
        rows.append(
            {
                "β": beta,
                "rate": found.rate,
                "information": found.mutual_information,
                "divergence": found.marginal_kl,
                "used": found.active_units,
                "holes": found.holes,
                "p-value": found.p_value,
            }
        )
    print(table(rows, formats={"used": "d", "holes": ".1%", "p-value": ".2f"}))

    side = torch.linspace(-2.5, 2.5, 15)
    y, x = torch.meshgrid(side.flip(0), side, indexing="ij")
    with torch.no_grad():
        sheet = models[1.0].decode(torch.stack([x, y], -1).reshape(-1, 2))
    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=5.0)
    plotting.show_images(ax, sheet, columns=15)
    fig.savefig(args.out / "plane.png")
    print(f"Figure: {args.out}/plane.png")


if __name__ == "__main__":
    main()
