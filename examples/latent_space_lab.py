"""Do the lab: an autoencoder with a code of 64 numbers, against principal components.

One linear layer each way and a sigmoid at the end; originals beside reconstructions,
the codes, and the errors on held-out digits.

Chapter: book/foundations/latent-space-lab.md
"""

from __future__ import annotations

from time import process_time

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.digits import load_digits, load_idx
from genbook.metrics.baselines import best_constant
from genbook.models.representation.autoencoder import Autoencoder
from genbook.models.representation.pca import PCA
from genbook.training import fit


def main() -> None:
    """Train, measure, and draw reconstructions and codes."""
    parser = example_parser(__doc__)
    parser.add_argument("--latent-dim", type=int, default=64, help="default: 64")
    parser.add_argument("--mnist", metavar="FOLDER", help="the IDX files of all MNIST")
    args = parser.parse_args()
    if args.mnist:
        digits, held_out = (load_idx(args.mnist, s) for s in ("train", "test"))
    else:
        digits, held_out = load_digits("train"), load_digits("test")
    shape = (1, 28, 28)

    torch.manual_seed(args.seed)
    model = Autoencoder(shape, args.latent_dim, hidden=())
    start = process_time()
    steps = 100 if args.fast else 1_000
    fit(model, digits.x, steps=steps, batch_size=128, lr=2e-2, seed=args.seed)
    seconds = process_time() - start
    pca = PCA(shape, args.latent_dim).fit(digits.x)

    x = held_out.x
    with torch.no_grad():
        z = model.encode(x)
        r = {"autoencoder": model.decode(z), "components": pca.decode(pca.encode(x))}
    r["clipped"] = r["components"].clamp(0, 1)
    r["mean image"] = best_constant(digits.x).expand_as(x)
    print(f"{len(digits.x):,} digits, a code of {args.latent_dim}, {steps} steps")
    print(f"trained in {seconds:.1f} s")
    print(f"squared error in ink on {len(x):,} held-out digits:")
    for name, answer in r.items():
        print(f"  {name:<12} {(answer - x).square().mean():.5f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=2.2)
    rows = x[:10], r["components"][:10], r["autoencoder"][:10]
    plotting.show_images(ax, torch.cat(rows), columns=10)
    fig.savefig(args.out / "reconstructions.png")
    fig, ax = plotting.subplots(height=2.6)
    ax.imshow((z - z.mean(0))[:10] / z.std(0), cmap="PuOr_r", aspect="auto")
    ax.set(xlabel="number of the code", ylabel="image", yticks=range(10))
    fig.savefig(args.out / "codes.png")
    print(f"Figures: {args.out}/reconstructions.png and codes.png")


if __name__ == "__main__":
    main()
