"""Turn lemons into other fruit and back, with one conditional diffusion.

The source's label encodes, the target's decodes. A judge that never saw a generated
image says what came, and the pixels say whether the lemon came home.

Chapter: book/families/diffusion-bridges.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.bridges import latent_diffusion
from genbook.data.fruit import FRUIT, sample_fruit
from genbook.discriminative.image_classifier import train_image_classifier
from genbook.models.diffusion.bridge import translate
from genbook.models.representation.pca import PCA


def main() -> None:
    """Train on drawn fruit, carry lemons across, and have them judged."""
    args = example_parser(__doc__).parse_args()
    n, steps = (600, 150) if args.fast else (3_000, 700)
    generator = torch.Generator().manual_seed(args.seed)
    fruit = sample_fruit(n, size=16, generator=generator)
    lemon = FRUIT.index("lemon")
    y = torch.full((50,), lemon)
    lemons = sample_fruit(50, y, size=16, generator=generator).x
    classifier = train_image_classifier(
        fruit.x, fruit.y, len(FRUIT), noise=0.05, steps=200
    )

    pca = PCA((3, 16, 16), components=48).fit(fruit.x)
    unit = pca.encode(fruit.x).std(0).max()
    z = pca.encode(fruit.x) / unit
    model, _ = latent_diffusion(z, fruit.y, classes=8, steps=steps, seed=args.seed)

    start = pca.encode(lemons) / unit
    rows = [lemons[:9]]
    for kind in ("lime", "banana", "apple", "pear"):
        goal = torch.full_like(y, FRUIT.index(kind))
        with torch.no_grad():
            there = translate(model, model, start, y_source=y, y_target=goal)
            back = translate(model, model, there, y_source=goal, y_target=y)
        image = pca.decode(there * unit).clamp(0, 1)
        error = ((back - start) * unit).square().sum(1).mean().sqrt() / 768**0.5
        right = classifier.accuracy(image, goal)
        print(f"lemon to {kind:6s}  recognised {right:4.0%}  cycle {error:.0e} a pixel")
        rows.append(image[:9])

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=3.6)
    plotting.show_images(ax, torch.cat(rows), columns=9)
    fig.savefig(args.out / "fruit.png")
    print(f"Figure: {args.out}/fruit.png")


if __name__ == "__main__":
    main()
