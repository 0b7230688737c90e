"""Go from data to new samples with the smallest generative model of images.

A probabilistic PCA sees handwritten digits and draws new ones. It is fitted twice, by
its formula and by the training loop that all later models need, to the same likelihood.

Chapter: book/learning/generative-models.md
"""

from __future__ import annotations

from time import process_time

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.digits import load_digits
from genbook.models.density.ppca import ProbabilisticPCA
from genbook.training import fit


def main() -> None:
    """Fit, sample, and compare the loop with the formula."""
    parser = example_parser(__doc__)
    parser.add_argument("--components", type=int, default=30, help="default: 30")
    args = parser.parse_args()
    steps = 30 if args.fast else 400
    generator = torch.Generator().manual_seed(args.seed)
    digits, unseen = load_digits("train", size=14), load_digits("test", size=14)

    start = process_time()
    formula = ProbabilisticPCA((1, 14, 14), args.components).fit(digits.x)
    seconds = [process_time() - start]

    start = process_time()
    loop = ProbabilisticPCA((1, 14, 14), args.components)
    with torch.no_grad():
        loop.W.normal_(std=0.1, generator=generator)
    history = fit(loop, digits.x, steps=steps, batch_size=256, lr=0.05, seed=args.seed)
    seconds.append(process_time() - start)

    print(f"{len(digits.x):,} digits of 14 × 14 pixels, {args.components} components")
    models = {"formula": formula, "loop": loop}
    for (name, model), time in zip(models.items(), seconds, strict=True):
        seen, new = (-model.loss(x).item() for x in (digits.x, unseen.x))
        print(f"{name:9s} {seen:8.2f} nats on seen, {new:8.2f} on new, {time:.1f} s")
    print(f"the loop's loss went from {history.loss[0]:.1f} to {history.loss[-1]:.1f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, axes = plotting.subplots(1, 3, height=2.4)
    sources = {
        "observations": digits.x[:36],
        "formula": formula.sample(36, generator=generator),
        "loop": loop.sample(36, generator=generator),
    }
    for ax, (title, images) in zip(axes, sources.items(), strict=True):
        plotting.show_images(ax, images.clamp(0, 1), columns=6)
        ax.set_title(title)
    fig.savefig(args.out / "samples.png")
    print(f"Figure: {args.out}/samples.png")


if __name__ == "__main__":
    main()
