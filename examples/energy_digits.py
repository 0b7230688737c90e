"""Draw digits by Langevin chains that go down the levels of noise.

An energy that is told the level of noise learns to guess the noise. Chains start as
pure noise, follow its slopes level by level, and end as digits. A classifier that never
saw a drawn digit says how many it can read, and how far they are from real ones.

Chapter: book/families/energy-based.md
"""

from __future__ import annotations

import torch

from genbook.cli import example_parser
from genbook.course import plotting
from genbook.course.recipes.energy import energy_digits
from genbook.course.recipes.reading import digit_reader
from genbook.data.digits import load_digits
from genbook.metrics import frechet_distance, nearest_neighbour_memorisation


def main() -> None:
    """Train, draw, and let the judge read."""
    args = example_parser(__doc__).parse_args()
    generator = torch.Generator().manual_seed(args.seed)
    train, test = load_digits("train", size=14), load_digits("test", size=14)
    short = {"steps": 40} if args.fast else {}
    model, history = energy_digits(train.x, seed=args.seed, **short)
    n = 64 if args.fast else 500
    drawn = model.sample(n, langevin_steps=14, generator=generator).clamp(0, 1)
    classifier = digit_reader(train.x, train.y, steps=20 if args.fast else 400)
    real = classifier.features(test.x[500:])

    print(f"loss {history.loss[0]:.3f}, at the end {history.loss[-1]:.3f}")
    for name, x in {"drawn": drawn, "real, held out": test.x[:n]}.items():
        sure = (classifier.predict_proba(x).amax(1) > 0.9).double().mean()
        print(f"read with a certainty above 0.9: {sure:.1%} ({name})")
        apart = frechet_distance(real, classifier.features(x))
        print(f"Fréchet distance to real ones: {apart:.1f} ({name})")
    kinds = classifier.predict_proba(drawn).argmax(1).bincount(minlength=10)
    print(f"kinds drawn: {kinds.tolist()}")
    memory = nearest_neighbour_memorisation(
        drawn,
        train.x,
        test.x,
        ratio=0.6,
        generator=torch.Generator().manual_seed(args.seed),
    )
    print(f"memorisation: {memory}")

    args.out.mkdir(parents=True, exist_ok=True)
    plotting.setup()
    fig, ax = plotting.subplots(height=2.4)
    plotting.show_images(ax, drawn[:64], columns=16)
    fig.savefig(args.out / "digits.png")
    print(f"Figure: {args.out}/digits.png")


if __name__ == "__main__":
    main()
