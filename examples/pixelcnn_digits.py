"""Draw digits pixel by pixel, and finish digits that someone else began.

A gated PixelCNN gives the chance of each of four grey levels in each pixel from the
rows above and the pixels to the left. It draws the digit that it is asked for, and
completes upper halves.

Chapter: book/families/autoregressive.md
"""

from __future__ import annotations

import math

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.autoregressive import pixelcnn_digits
from genbook.data.digits import load_digits


def main() -> None:
    """Train the model, draw one digit of each kind, and complete ten halves."""
    args = example_parser(__doc__).parse_args()
    train, test = (load_digits(part, size=14) for part in ("train", "test"))
    x, new = (part.x[..., 1:13, 1:13] for part in (train, test))  # the middle
    steps = {"steps": 10} if args.fast else {}
    model, history = pixelcnn_digits(x, train.y, seed=args.seed, **steps)
    generator = torch.Generator().manual_seed(args.seed)
    digits = model.sample(10, torch.arange(10), generator=generator)
    real, y = model.quantise(new[:10]), test.y[:10]
    completed = model.sample(10, y, prefix=real[:, :, :6], generator=generator)
    with torch.no_grad():
        nats = -model.log_prob(model.quantise(new[:200]), test.y[:200]).mean()

    print(f"trained           {history.steps} steps in {history.cpu_seconds:.0f} CPU s")
    bits = nats / math.log(2) / real[0].numel()
    print(f"held-out digits   {bits:.3f} bits a pixel")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=2.0)
    plotting.show_images(ax, torch.cat([digits, real, completed]), columns=10)
    fig.savefig(args.out / "digits.png")
    print("drawn, real, and real halves completed:")
    print(f"Figure: {args.out}/digits.png")


if __name__ == "__main__":
    main()
