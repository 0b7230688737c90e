"""Compare the mean image, which never changes, with samples of a model.

A fixed calculation gives one output for ever and is not generative. The variety of
each source is the mean distance between two of its images.

Chapter: book/learning/generative-models.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.digits import load_digits
from genbook.metrics import energy_distance
from genbook.models.density.ppca import ProbabilisticPCA


def variety(x: torch.Tensor) -> float:
    """Return the mean distance between two different images."""
    return torch.pdist(x.flatten(1)).mean().item()


def main() -> None:
    """Ask four sources for images; print how varied and how right they are."""
    args = example_parser(__doc__).parse_args()
    n = 200 if args.fast else 1_000
    generator = torch.Generator().manual_seed(args.seed)
    digits, unseen = load_digits("train", size=14), load_digits("test", size=14)
    shape = (1, 14, 14)
    model = ProbabilisticPCA(shape, components=50).fit(digits.x)
    # One point and its noise: the only model that the mean image stands for.
    errors = ProbabilisticPCA(shape, components=0).fit(digits.x)
    sources = {
        "mean image": digits.x.mean(0).expand(n, *shape),
        "mean and noise": errors.sample(n, generator=generator),
        "model": model.sample(n, generator=generator),
        "people": unseen.x[:n],
    }
    print("source           variety   energy distance to new digits")
    for name, x in sources.items():
        other = digits.x[:n]
        print(f"{name:15s} {variety(x):8.3f}   {energy_distance(x, other):8.4f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, axes = plotting.subplots(len(sources), 1, height=3.6)
    for ax, (name, x) in zip(axes, sources.items(), strict=True):
        plotting.show_images(ax, x[:10].clamp(0, 1), columns=10)
        ax.set_title(name, size=9)
    fig.savefig(args.out / "variety.png")
    print(f"Figure: {args.out}/variety.png")


if __name__ == "__main__":
    main()
