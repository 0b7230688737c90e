"""Draw digits from a variational autoencoder, of any kind and on request.

One model draws whatever comes, and nearest neighbours ask whether it has copied. The
other is told which digit to draw, and a classifier that learned from real digits reads
it.

Chapter: book/families/variational-autoencoders.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.reading import digit_reader
from genbook.course.recipes.vae import vae_digits
from genbook.data.digits import load_digits
from genbook.metrics import nearest_neighbour_memorisation


def main() -> None:
    """Train both models, measure both, and draw."""
    args = example_parser(__doc__).parse_args()
    options = {"steps": 50} if args.fast else {}
    digits, fresh = load_digits("train"), load_digits("test")
    ink, new_ink = (digits.x > 0.5).float(), (fresh.x > 0.5).float()
    writer, _ = vae_digits(ink, seed=args.seed, **options)
    artist, _ = vae_digits(ink, digits.y, latent_dim=4, seed=args.seed, **options)
    classifier = digit_reader(ink, digits.y, steps=20 if args.fast else 400)

    generator = torch.Generator().manual_seed(args.seed)
    asked = torch.arange(10).repeat(100)
    sampled = artist.sample(1000, asked, generator=generator)
    with torch.no_grad():
        bound = writer.elbo(new_ink, generator=generator).mean()
        better = writer.elbo(new_ink, k=10, generator=generator).mean()
        invented = writer.decode(torch.randn(1000, 16, generator=generator))
        written = artist.decode(torch.randn(1000, 4, generator=generator), asked)
    print(f"bound on new digits: {bound:.1f} nats, with ten weights {better:.1f}")
    copied = nearest_neighbour_memorisation(
        invented, ink, new_ink, permutations=199, generator=generator
    )
    print(
        f"nearest to a digit of training: {copied.share:.1%}, by chance "
        f"{copied.expected:.1%} (p = {copied.p_value:.2f})"
    )
    for name, x in {"samples": sampled, "probabilities of black": written}.items():
        print(f"read as asked: {classifier.accuracy(x, asked):.1%} ({name})")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, (top, below) = plotting.subplots(2, 1, height=4.6)
    plotting.show_images(top, invented[:40])
    plotting.show_images(below, written[:40])
    fig.savefig(args.out / "digits.png")
    print(f"Figure: {args.out}/digits.png")


if __name__ == "__main__":
    main()
