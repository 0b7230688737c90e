"""Ask a model for an apple, and let a judge that never saw a drawn one say what came.

One density a kind of fruit gives p(x|y); with the frequencies of the kinds it also
gives p(x) and, by Bayes' rule, p(y|x): one data set, three estimates.

Chapter: book/learning/generative-models.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.fruit import FRUIT, sample_fruit
from genbook.discriminative.image_classifier import (
    negative_images,
    train_image_classifier,
)
from genbook.models.density.class_conditional import ClassConditional


def main() -> None:
    """Learn from images of fruit, draw to order, and have the drawings judged."""
    parser = example_parser(__doc__)
    parser.add_argument("--clusters", type=int, default=4, help="default: 4")
    args = parser.parse_args()
    n, steps = (400, 150) if args.fast else (1200, 400)
    generator = torch.Generator().manual_seed(args.seed)
    fruit, other, fresh = (
        sample_fruit(size, size=16, generator=generator) for size in (n, n, 400)
    )
    model = ClassConditional((3, 16, 16), 8, clusters=args.clusters, components=8)
    model.fit(fruit.x, fruit.y, iterations=10, generator=generator)

    nothing = negative_images(other.x, n, generator=generator)
    images = torch.cat([other.x, nothing])
    labels = torch.cat([other.y, torch.full((n,), 8)])  # 8: no fruit
    classifier = train_image_classifier(
        images, labels, 9, noise=0.05, steps=steps, seed=args.seed
    )

    asked = torch.arange(8).repeat(100)
    drawn = model.sample(800, asked, generator=generator).clamp(0, 1)
    said = classifier.predict(drawn)
    bayes = model.predict_proba(fresh.x).argmax(1)
    noise = torch.rand(400, 3, 16, 16, generator=generator)
    print(f"judge on real fruit            {classifier.accuracy(fresh.x, fresh.y):.1%}")
    print(f"p(x|y): recognised as asked    {classifier.accuracy(drawn, asked):.1%}")
    print(f"p(y|x): right by Bayes' rule   {(bayes == fresh.y).double().mean():.1%}")
    print(f"p(x):   fruit                  {-model.loss(fresh.x).item():,.0f} nats")
    print(f"p(x):   noise                  {-model.loss(noise).item():,.0f} nats")
    for j, name in enumerate(FRUIT):
        right = (said[asked == j] == j).double().mean()
        print(f"  asked for {name:7s} got it {right:.0%}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=5.0)
    plotting.show_images(ax, drawn[:48], columns=8)
    for j, name in enumerate(FRUIT):
        ax.text(17 * j + 8, -3, name, ha="center", size=8)
    fig.savefig(args.out / "fruit.png")
    print(f"Figure: {args.out}/fruit.png")


if __name__ == "__main__":
    main()
