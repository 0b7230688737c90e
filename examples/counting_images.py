"""Count black-and-white images: how many there are, and how few are digits.

A crude density model bounds the number of images that hold 99 of 100 digits, and random
images are looked for among them. Neighbours tell a copyist from a painter.

Chapter: book/learning/generative-models.md
"""

from __future__ import annotations

import math

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.data.digits import load_digits
from genbook.metrics import nearest_neighbour_memorisation
from genbook.models.density.kernel import KernelDensity
from genbook.models.density.ppca import ProbabilisticPCA


def main() -> None:
    """Count, bound, and catch the copyist."""
    args = example_parser(__doc__).parse_args()
    n, kept = (2_000, 1_000) if args.fast else (50_000, 4_000)
    generator = torch.Generator().manual_seed(args.seed)
    digits, test = load_digits("train"), load_digits("test")
    ink, new = ((d.x > 0.5).double().flatten(1) for d in (digits, test))
    p = torch.stack([ink[digits.y == k].mean(0) for k in range(10)])
    p = p.clamp(0.001, 0.999)

    def nats(images: torch.Tensor) -> torch.Tensor:
        log_p = images @ p.log().T + (1 - images) @ (1 - p).log().T
        return math.log(10) - log_p.logsumexp(1)

    most = nats(new[::2]).quantile(0.99).item()
    inside = (nats(new[1::2]) <= most).double().mean().item()
    coins = torch.rand(n, 784, generator=generator) < 0.5
    found = int((nats(coins.double()) <= most).sum())
    print(f"black-and-white images  10^{784 * math.log10(2):.0f}")
    print(f"99 of 100 digits cost at most {most:.0f} nats, so they are among at most")
    print(f"10^{most / math.log(10):.0f} images; {inside:.1%} of other digits are")
    print(f"random images among them  {found} of {n:,}")
    print(f"so their share is below {math.log(20) / n:.1e}, nineteen times in twenty")

    half = kept // 2
    seen, unseen = (x.flatten(1) for x in digits.x[:kept].split(half))
    copyist = KernelDensity(784, bandwidth=0.01).fit(seen)
    painter = ProbabilisticPCA((784,), components=50).fit(seen)
    for name, model in (("copyist", copyist), ("painter", painter)):
        x = model.sample(500, generator=generator)
        near = nearest_neighbour_memorisation(x, seen, unseen, generator=generator)
        print(f"{name}: nearest was seen {near.share:.1%}, p = {near.p_value:.3f}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=2.4)
    both = torch.cat([coins[:14].float(), new[:14].float()])
    plotting.show_images(ax, both.view(-1, 1, 28, 28), columns=7)
    fig.savefig(args.out / "images.png")
    print(f"Figure: {args.out}/images.png")


if __name__ == "__main__":
    main()
