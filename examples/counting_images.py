"""Count black-and-white images: how many there are, and how few are digits.

Random images are shown to a judge that may answer "not a digit". A crude density model
bounds the number of typical digits, and neighbours tell a copyist from a painter.

Chapter: book/learning/generative-models.md
"""

from __future__ import annotations

import math

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.timeline import train_reader
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
    classifier = train_reader(digits.x[:kept], digits.y[:kept], seed=args.seed)
    coins = torch.rand(n, 1, 28, 28, generator=generator) < 0.5
    found = int((classifier.predict(coins.float()) != 10).sum())
    real = (classifier.predict(test.x) != 10).double().mean().item()
    print(f"black-and-white images  10^{784 * math.log10(2):.0f}")
    print(f"random ones read as a digit  {found} of {n:,}; real digits {real:.1%}")
    print(f"so their share is below {math.log(20) / n:.1e}, nineteen times in twenty")

    ink, new = ((d.x > 0.5).float().flatten(1) for d in (digits, test))
    p = torch.stack([ink[digits.y == k].mean(0) for k in range(10)])
    p = p.clamp(0.001, 0.999)
    log_p = new @ p.log().T + (1 - new) @ (1 - p).log().T
    nats = math.log(10) - log_p.logsumexp(1).mean().item()
    power = nats / math.log(10)
    print(f"a digit costs {nats:.0f} nats: at most 10^{power:.0f} of them")

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
    both = torch.cat([coins[:14].float(), (test.x[:14] > 0.5).float()])
    plotting.show_images(ax, both, columns=7)
    fig.savefig(args.out / "images.png")
    print(f"Figure: {args.out}/images.png")


if __name__ == "__main__":
    main()
