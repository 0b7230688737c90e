"""Price handwritten digits in bits per dimension by a flow, and let it draw some.

Noise turns the whole numbers of an image into points of a density. Less the volume of
the bins, the log density is an honest bound for the whole numbers.

Chapter: book/families/normalizing-flows.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.flows import flow_digits
from genbook.data.digits import load_digits
from genbook.models.flows.dequantisation import bits_per_dimension, dequantise


def main() -> None:
    """Train the flow, count the bits of new digits, and draw samples."""
    args = example_parser(__doc__).parse_args()
    size = 7 if args.fast else 14
    train, test = (load_digits(part, size=size) for part in ("train", "test"))
    steps = {"steps": 60} if args.fast else {}
    model, history = flow_digits(train.x, train.y, seed=args.seed, **steps)
    generator = torch.Generator().manual_seed(args.seed)
    noisy = dequantise(test.x.flatten(1), generator=generator)
    with torch.no_grad():
        bits = bits_per_dimension(model.log_prob(noisy, test.y), dims=size * size)
    print(f"{history.steps} steps: {bits.mean():.3f} bits per dimension on new digits")

    drawn = model.sample(80, torch.arange(10).repeat(8), generator=generator)
    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=4.4)
    plotting.show_images(ax, drawn.view(80, size, size), columns=10)
    fig.savefig(args.out / "digits.png")
    print(f"Figure: {args.out}/digits.png")


if __name__ == "__main__":
    main()
