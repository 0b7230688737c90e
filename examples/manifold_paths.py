"""Go from one tin to another by two routes, and measure how far each strays.

Mixing pixels leaves the thin sheet on which images of tins lie; mixing codes stays
close to it. The distance is to the nearest of a dense set of real tins.

Chapter: book/foundations/representation-learning.md
"""

from __future__ import annotations

import torch
from torch import Tensor

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.tins import HEIGHT, WIDTH, draw_tins, sample_tins
from genbook.models.representation.autoencoder import Autoencoder
from genbook.training import fit


@torch.no_grad()
def main() -> None:
    """Train, walk both routes, and measure."""
    args = example_parser(__doc__).parse_args()
    n, steps, side = (500, 100, 20) if args.fast else (3000, 1200, 60)
    g = torch.Generator().manual_seed(args.seed)
    seen = sample_tins(n, generator=g).x
    torch.manual_seed(args.seed)
    model = Autoencoder(
        (1, 32, 32), 2, hidden=(48, 48), activation="silu",
        standardise_code=True, latent_noise=0.1, input_noise=0.2,
    )  # fmt: skip
    with torch.enable_grad():
        fit(model, seen, steps=steps, batch_size=64, lr=5e-3, seed=args.seed)

    lines = [torch.linspace(*ends, side) for ends in (HEIGHT, WIDTH)]
    sheet = draw_tins(torch.cartesian_prod(*lines)).flatten(1)

    def to_data(x: Tensor) -> Tensor:
        return torch.cdist(x.flatten(1), sheet).amin(1) / x[0].numel() ** 0.5

    ends = draw_tins(torch.tensor([[0.4, 0.7], [1.0, 0.3]]))
    t = torch.linspace(0, 1, 41)[:, None]
    z = model.encode(ends)
    s = t[:, :, None, None]
    routes = {
        "mixing pixels": (1 - s) * ends[:1] + s * ends[1:],
        "mixing codes": model.decode((1 - t) * z[:1] + t * z[1:]),
    }
    noise = torch.rand(100, 1, 32, 32, generator=g)
    real = sample_tins(200, region="all", generator=g).x
    print(f"random pixels    {to_data(noise).mean():.3f} from the data")
    print(f"real new tins    {to_data(real).mean():.3f}")
    for name, x in routes.items():
        print(f"{name:15}  {to_data(x).max():.3f} at most")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, (left, right) = plotting.subplots(1, 2, width="wide", height=2.7)
    shown = torch.linspace(0, 40, 7).round().long()
    images = torch.cat([noise[:7], *(x[shown] for x in routes.values())])
    plotting.show_images(left, images, columns=7)
    for (name, x), style in zip(routes.items(), ("--", "-"), strict=True):
        right.plot(t, to_data(x), style, label=name)
    right.set(xlabel="share of the way", ylabel="distance to the data")
    right.legend()
    fig.savefig(args.out / "routes.png")
    print(f"Figure: {args.out}/routes.png")


if __name__ == "__main__":
    main()
